# SPDX-License-Identifier: ISC
"""The lint and the runner bite: each rule is broken once, on purpose, and must be told.

    /usr/bin/python3 -m pytest tests/lint
"""
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
LINT = os.path.join(HERE, "lint")
RUNNER = os.path.join(HERE, "..", "run")

SPDX = "/* SPDX-License-Identifier: ISC */\n"
GOOD = {
    "sandwich/core/types.h": SPDX + "/*\n * Types.\n */\n#ifndef SANDWICH_CORE_TYPES_H\n"
                                    "#define SANDWICH_CORE_TYPES_H\n#include <stdint.h>\n#endif\n",
    "conf/config.h": SPDX + "/*\n * Model.\n */\n#ifndef SANDWICH_CONF_CONFIG_H\n"
                            "#define SANDWICH_CONF_CONFIG_H\n#endif\n",
    "sync/seal.h": SPDX + "/*\n * Seals.\n */\n#ifndef SANDWICH_SYNC_SEAL_H\n#define SANDWICH_SYNC_SEAL_H\n"
                          '#include "sandwich/core/types.h"\n#endif\n',
    "egress/role.h": SPDX + "/*\n * Role.\n */\n#ifndef SANDWICH_EGRESS_ROLE_H\n"
                            "#define SANDWICH_EGRESS_ROLE_H\n#endif\n",
    "sandwich/health/health.c": SPDX + '#include "sync/seal.h"\n#include "conf/config.h"\n',
}
HEADER = GOOD["sandwich/core/types.h"]


def body(lines):
    return SPDX + "int long_one(void)\n{\n" + "\t;\n" * (lines - 2) + "}\n"


BROKEN = [
    ("core uses libc", "layers", "sandwich/core/types.h", HEADER.replace("stdint", "stdio"), "core includes <stdio.h>"),
    ("core includes conf", "layers", "sandwich/core/types.h", HEADER.replace("<stdint.h>", '"conf/config.h"'),
     'sandwich/core may not include "conf/config.h"'),
    ("a role includes the other", "layers", "ingress/main.c", SPDX + '#include "egress/role.h"\n',
     "ingress/main.c:2: ingress may not"),
    ("a part includes another", "layers", "sandwich/slowpath/a.c", SPDX + '#include "sync/seal.h"\n',
     "sandwich/slowpath may not"),
    ("sync includes conf", "layers", "sync/a.c", SPDX + '#include "conf/config.h"\n', "sync may not"),
    ("not from the root", "layers", "sync/a.c", SPDX + '#include "seal.h"\n', "from the root of the repository"),
    ("ours in angle brackets", "layers", "sync/a.c", SPDX + "#include <sync/seal.h>\n", "write it in quotes"),
    ("a long function", "sizes", "conf/a.c", body(101), "long_one() has 101 lines"),
    ("a long line", "sizes", "conf/a.c", SPDX + "\t/* " + "x" * 90 + " */\n", "104 columns"),
    ("a long file", "sizes", "conf/a.c", SPDX + "int x;\n" * 600, "601 lines"),
    ("a long function of python", "sizes", "topo/a.py",
     "# SPDX-License-Identifier: ISC\ndef f():\n" + "    pass\n" * 100, "f() has 101 lines"),
    ("no licence", "texts", "conf/a.c", "int x;\n", "SPDX-License-Identifier"),
    ("no opening comment", "texts", "conf/config.h", SPDX + "#ifndef A\n#define A\n#endif\n", "no opening comment"),
    ("no guard", "texts", "conf/config.h", SPDX + "/*\n * Model.\n */\nint x(void);\n", "include guard"),
    ("white space at the end", "texts", "conf/a.c", SPDX + "int x; \n", "end of line 2"),
    ("a shell script", "scripts", "tests/a", "#!/bin/bash\n# SPDX-License-Identifier: ISC\nif true\n", "tests/a"),
    ("a python script", "scripts", "topo/a.py", "# SPDX-License-Identifier: ISC\ndef f(:\n", "topo/a.py:2"),
    ("a header that needs another", "headers", "conf/config.h",
     GOOD["conf/config.h"].replace("#endif", "uint8_t x(void);\n#endif"), "does not compile alone: gcc"),
    ("a core header the BPF machine refuses", "headers", "sandwich/core/types.h",
     HEADER.replace("#endif", "static inline int f(void) { return __builtin_ia32_rdtsc() != 0; }\n#endif"),
     "does not compile alone: clang"),
]


def plant(root, files):
    for path, text in files.items():
        full = root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text, encoding="utf-8")


def lint(root):
    done = subprocess.run([sys.executable, LINT, str(root)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_good_tree_passes(tmp_path):
    plant(tmp_path, {**GOOD, "conf/a.c": body(100)})
    status, said = lint(tmp_path)
    assert status == 0 and "not ok" not in said, said


@pytest.mark.parametrize("check, path, text, wanted", [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_the_lint_bites(tmp_path, check, path, text, wanted):
    plant(tmp_path, {**GOOD, path: text})
    status, said = lint(tmp_path)
    assert status == 1 and f"not ok {check}" in said and wanted in said, said


CMOCKA = "[==========] Running 3 test(s).\\n[  PASSED  ] 2 test(s).\\n[  FAILED  ] 1 test(s), listed below:\\n" \
         "[  FAILED  ] the_name\\n"
SUITES = [
    ("cmocka", f"printf '{CMOCKA}'; exit 1", "2 passed, 1 failed, 0 skipped"),
    ("pytest", "echo '==== 3 passed, 1 failed, 2 skipped, 1 error in 4.20s ===='; exit 1",
     "3 passed, 2 failed, 2 skipped"),
    ("quiet pytest", "echo '7 passed in 0.10s'", "7 passed, 0 failed, 0 skipped"),
    ("pytest that lasted", "echo '=== 7 passed in 75.10s (0:01:15) ==='", "7 passed, 0 failed, 0 skipped"),
    ("lines", "echo ok a; echo not ok b; echo skip c needs root; exit 1", "1 passed, 1 failed, 1 skipped"),
    ("a crash after all passed", "echo ok a; kill -SEGV $$", "1 passed, 1 failed, 0 skipped"),
    ("silence", "true", "0 passed, 1 failed, 0 skipped"),
    ("a command that is not there", "nothing-of-that-name", "0 passed, 1 failed, 0 skipped"),
    ("too slow", "echo ok a; sleep 60", "1 passed, 1 failed, 0 skipped"),
]


@pytest.mark.parametrize("command, wanted", [s[1:] for s in SUITES], ids=[s[0] for s in SUITES])
def test_the_runner_adds_up(tmp_path, command, wanted):
    done = subprocess.run([RUNNER, "--logs", str(tmp_path), "--limit", "2", f"one={command}"], capture_output=True,
                          text=True, check=False)
    assert done.stdout.splitlines()[-1] == wanted, done.stdout + done.stderr
    assert done.returncode == (0 if " 0 failed" in wanted else 1)


def test_a_failing_suite_does_not_stop_the_others(tmp_path):
    done = subprocess.run([RUNNER, "--logs", str(tmp_path), "a=exit 1", "b=echo ok b"], capture_output=True, text=True,
                          check=False)
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"
    assert (tmp_path / "b.log").read_text(encoding="utf-8") == "ok b\n"
