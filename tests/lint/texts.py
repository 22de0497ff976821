# SPDX-License-Identifier: ISC
"""What stands at the top of files, and what stands nowhere in them."""
import os
import re

LICENCE = "SPDX-License-Identifier: ISC"
COMMENT = re.compile(r"\A/\* SPDX[^\n]*\*/\n/\*\n? ?\*? ?\S")
GUARD = re.compile(r"^#ifndef (\w+)\n#define (\w+)$", re.M)


def complaints_of_header(path, text):
    """A header says what it is for, and can be included twice."""
    if not COMMENT.search(text):
        yield "has no opening comment: purpose, ownership, thread"
    guard = re.sub(r"\W", "_", path if path.startswith("sandwich/") else "sandwich/" + path).upper()
    match = GUARD.search(text)
    if not match or match[1] != match[2]:
        yield f"has no include guard: {guard}"


def complaints(path, kind, text):
    if kind in (".c", ".h") and text.strip() and LICENCE not in text[:400]:
        yield f"has no line that says {LICENCE}"
    if kind == ".h":
        yield from complaints_of_header(path, text)
    if text and not text.endswith("\n"):
        yield "ends without a newline"
    if re.search(r"[ \t]+$", text, re.M):
        number = text[:re.search(r"[ \t]+$", text, re.M).start()].count("\n") + 1
        yield f"has white space at the end of line {number}"


def check(root, kinds):
    found = []
    for path, kind in kinds.items():
        with open(os.path.join(root, path), encoding="utf-8") as source:
            text = source.read()
        found += [(path, why) for why in complaints(path, kind, text)]
    return found
