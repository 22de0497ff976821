# SPDX-License-Identifier: ISC
"""`make demo` and the Mininet topology: they end well, in time, and leave nothing behind, also on Ctrl-C."""
import os
import signal
import subprocess
import sys
import time

import pytest

from topo.lab.lab import left_by
from topo.lab.processes import poll

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASELINE = os.environ.get("SANDWICH_BASELINE", "")
SCRIPTS = ("topo/demo", "topo/mininet_sandwich.py")


def command(script, *words):
    argv = [sys.executable, os.path.join(ROOT, script), "--bindir", os.environ.get("SANDWICH_BINDIR", "build/bin")]
    return argv + (["--baseline", BASELINE] if BASELINE else []) + list(words)


def left_behind(process, links):
    """What it has left of its labs, and links that were not there before."""
    return left_by(process.pid) + sorted(all_links() - links)


def all_links():
    return set(os.listdir("/sys/class/net"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_plays_to_the_end(script):
    links, began = all_links(), time.monotonic()
    with subprocess.Popen(command(script), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        text = demo.communicate(timeout=120)[0]
    assert demo.returncode == 0, text[-4000:]
    assert "✗" not in text
    assert time.monotonic() - began < 60
    assert not left_behind(demo, links)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("scene", ["FTP active", "300 conversations"], ids=["ftp", "conversations"])
def test_stopped_midway_leaves_nothing(script, scene, number):
    """The signal goes to the whole foreground group, as a terminal sends it."""
    links = all_links()
    with subprocess.Popen(command(script), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          start_new_session=True) as demo:
        for line in demo.stdout:
            if scene in line:
                break
        os.killpg(demo.pid, number)
        demo.stdout.read()
        demo.wait(20)
    assert demo.returncode != 0
    poll(lambda: not left_behind(demo, links), 10, lambda: f"{left_behind(demo, links)} to go away")


def test_kept_up_until_told_otherwise():
    links = all_links()
    with subprocess.Popen(command("topo/demo", "--keep"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True) as demo:
        for line in demo.stdout:
            if line.strip().startswith("logs:"):
                break
        assert demo.poll() is None
        os.killpg(demo.pid, signal.SIGINT)
        demo.stdout.read()
        demo.wait(20)
    assert demo.returncode == 0
    assert not left_behind(demo, links)
