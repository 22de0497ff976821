# SPDX-License-Identifier: ISC
"""How long files, lines and functions may be (STYLE)."""
import ast
import os
import re
import statistics

FILE_LINES = 600
FUNCTION_LINES = 100
FUNCTION_LINES_95 = 60  # 95 of 100 functions of a language are no longer
COLUMNS = {".c": 100, ".h": 100, ".mk": 100, ".sh": 100, ".py": 120}
NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")


def functions_of_c(lines):
    """[(line, name, length)]: in the kernel's formatting a body stands between braces in the first column."""
    found, start = [], 0
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            found.append((start, name_before(lines, start - 1), number - start + 1))
            start = 0
    return found


def name_before(lines, index):
    """The name of the function whose body begins behind lines[index - 1]."""
    while index > 0 and lines[index - 1][:1].isspace():
        index -= 1
    match = NAME.search(lines[index - 1]) if index else None
    return match[1] if match else "?"


def functions_of_python(text):
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []  # told by compiles.py
    return [(node.lineno, node.name, node.end_lineno - node.lineno + 1) for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def functions_of_shell(lines):
    return [f for f in functions_of_c(lines) if f[1] != "?"]


def functions(kind, text):
    if kind in (".c", ".h"):
        return functions_of_c(text.splitlines())
    if kind == ".py":
        return functions_of_python(text)
    return functions_of_shell(text.splitlines()) if kind == ".sh" else []


def check_text(path, kind, text):
    """[(where, text)] of one file, and the lengths of its functions."""
    found, lengths = [], []
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        found.append((path, f"{len(lines)} lines; {FILE_LINES} are enough: split it by what its parts are about"))
    for number, line in enumerate(lines, 1):
        if len(line.expandtabs(8)) > COLUMNS[kind]:
            found.append((f"{path}:{number}", f"{len(line.expandtabs(8))} columns; {COLUMNS[kind]} are the limit"))
    for number, name, length in functions(kind, text):
        lengths.append(length)
        if length > FUNCTION_LINES:
            found.append((f"{path}:{number}", f"{name}() has {length} lines; {FUNCTION_LINES} are the limit"))
    return found, lengths


def check(root, kinds):
    """KINDS: {path: ".c" | ".h" | ".py" | ".sh" | ".mk"}. Problems and a line of figures for each language."""
    found, lengths = [], {}
    for path, kind in kinds.items():
        if kind not in COLUMNS:
            continue
        with open(os.path.join(root, path), encoding="utf-8") as source:
            wrong, measured = check_text(path, kind, source.read())
        found += wrong
        lengths.setdefault("C" if kind in (".c", ".h") else kind, []).extend(measured)
    figures = []
    for language, numbers in lengths.items():
        if len(numbers) < 20:
            continue
        high = statistics.quantiles(numbers, n=20)[-1]
        figures.append(f"{language}: {len(numbers)} functions, median {statistics.median(numbers):.0f} lines, "
                       f"95 % {high:.0f}, longest {max(numbers)}")
        if high > FUNCTION_LINES_95:
            found.append((language, f"95 % of the functions have up to {high:.0f} lines; {FUNCTION_LINES_95} is meant"))
    return found, figures
