# SPDX-License-Identifier: ISC
"""Who may include whom: the house of DESIGN 3, as a table."""
import os
import re

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')

# What C calls freestanding (C11 4p6) and has no code behind it: all that core may use.
FREESTANDING = {"stdbool.h", "stddef.h", "stdint.h", "stdarg.h", "limits.h", "float.h", "iso646.h",
                "stdalign.h", "stdnoreturn.h"}

CORE = {"sandwich/core"}
# The parts know the core and the configuration, and not each other.
PART = CORE | {"conf"}
# run and control hold the parts together, and each other.
HOUSE = PART | {"sync", "sandwich/fastpath", "sandwich/slowpath", "sandwich/health", "sandwich/run",
                "sandwich/control"}

# Folder: what its files may include of ours, besides their own folder.
MAY_INCLUDE = {
    "sandwich/core": set(),
    "conf": set(),
    "sync": CORE,
    "sandwich/fastpath": PART,
    "sandwich/slowpath": PART,
    "sandwich/health": PART | {"sync/seal.h"},
    "sandwich/run": HOUSE,
    "sandwich/control": HOUSE,
    "sandwich/ctl": HOUSE,
    "ingress": HOUSE,
    "egress": HOUSE,
    "topo": set(),
}


def folder_of(path):
    """The folder of the table that PATH is in, or ""."""
    return next((f for f in sorted(MAY_INCLUDE, key=len, reverse=True) if path.startswith(f + "/")), "")


def is_allowed(folder, included):
    return any(included == may or included.startswith(may + "/") for may in MAY_INCLUDE[folder] | {folder})


def complaint(root, folder, mark, included):
    """What is wrong with one include, or ""."""
    if mark == "<":
        if folder == "sandwich/core" and included not in FREESTANDING:
            return f"core includes <{included}>, which the BPF machine has not"
        if os.path.exists(os.path.join(root, included)):
            return f"<{included}> is ours: write it in quotes"
        return ""
    if not os.path.exists(os.path.join(root, included)):
        return f'"{included}" is not there: includes are written from the root of the repository'
    if not is_allowed(folder, included):
        return f'{folder} may not include "{included}"'
    return ""


def check(root, files):
    """[(where, text)] of every include that goes against the table."""
    found = []
    for path in files:
        folder = folder_of(path)
        if not folder or not path.endswith((".c", ".h")):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                match = INCLUDE.match(line)
                text = complaint(root, folder, *match.groups()) if match else ""
                if text:
                    found.append((f"{path}:{number}", text))
    return found
