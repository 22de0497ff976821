# SPDX-License-Identifier: ISC
"""Every header compiles alone; scripts at least parse."""
import ast
import os
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor


def is_bpf(path):
    return path.endswith(".bpf.h")


def commands(path, flags):
    """The compilers' command lines for one header. core/ is read by both machines'."""
    # Freestanding: nothing of a libc. The accessors that core calls are the fast path's to define.
    bpf = ["clang", "-target", "bpf", "-mcpu=v3", "-ffreestanding", "-O2", "-std=gnu11", "-Wall", "-Werror",
           "-Wno-undefined-internal", "-I.", *bpf_includes()]
    if not is_bpf(path):
        yield ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", *flags, "-fsyntax-only", "-x", "c", "-include", path,
               os.devnull]
    if is_bpf(path) or path.startswith("sandwich/core/"):
        yield bpf + ["-fsyntax-only", "-x", "c", "-include", path, os.devnull]


def bpf_includes():
    """Debian keeps asm/ in a folder of the machine's own, which clang for BPF does not know."""
    return [f"-I/usr/include/{os.uname().machine}-linux-gnu"]


def complaint(root, command):
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    first = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])
    return f"{command[0]}: " + next((line for line in first if "error" in line), first[0])


def check_headers(root, headers, flags):
    """[(header, text)]. FLAGS: the preprocessor's, as one string."""
    jobs = [(path, command) for path in headers for command in commands(path, shlex.split(flags))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda job: (job[0], complaint(root, job[1])), jobs)
    return [(path, f"does not compile alone: {why}") for path, why in answers if why]


def check_scripts(root, kinds):
    found = []
    for path, kind in kinds.items():
        full = os.path.join(root, path)
        if kind == ".py":
            try:
                with open(full, encoding="utf-8") as source:
                    ast.parse(source.read(), path)
            except SyntaxError as error:
                found.append((f"{path}:{error.lineno}", error.msg))
        elif kind == ".sh":
            found += [(path, line) for line in shell_complaints(full)]
    return found


def shell_complaints(path):
    """bash's own, and what shellcheck calls a warning or an error."""
    argvs = [["bash", "-n", path]]
    if shutil.which("shellcheck"):
        argvs.append(["shellcheck", "-S", "warning", "-f", "gcc", path])
    for argv in argvs:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            yield (done.stdout + done.stderr).strip().splitlines()[0]
