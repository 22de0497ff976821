# SPDX-License-Identifier: ISC
"""topo/farm ends well and leaves nothing behind; what it shows are the other cases here."""
import os
import signal
import subprocess
import sys

import conftest
from topo.lab.lab import left_by
from topo.lab.processes import poll


def test_stopped_midway_leaves_nothing():
    conftest.skip_without("wireguard")
    argv = [sys.executable, os.path.join(conftest.ROOT, "topo/farm"), "wireguard", "--bindir", conftest.BINDIR]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True) as demo:
        seen = [next(line for line in demo.stdout if "transfers of 100 kB" in line)]
        os.killpg(demo.pid, signal.SIGINT)
        seen.append(demo.stdout.read())
        demo.wait(30)
    assert "20 of 20" in seen[0]
    assert demo.returncode == 130, seen[1]
    poll(lambda: not left_by(demo.pid), 10, lambda: f"{left_by(demo.pid)} to go away")
