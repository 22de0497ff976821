# SPDX-License-Identifier: ISC
"""`make demo` and the Mininet topology: they end well, in time, and leave nothing behind, also on Ctrl-C."""
import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from topo.lab.processes import poll, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASELINE = os.environ.get("SANDWICH_BASELINE", "")
SCRIPTS = ("topo/demo", "topo/mininet_sandwich.py")


def command(script, *words):
    argv = [sys.executable, os.path.join(ROOT, script), "--bindir", os.environ.get("SANDWICH_BINDIR", "build/bin")]
    return argv + (["--baseline", BASELINE] if BASELINE else []) + list(words)


def traces():
    """What a demo could leave: namespaces, links, files, processes of its programs."""
    spaces = {line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines() if line}
    links = set(os.listdir("/sys/class/net"))
    files = {name for name in os.listdir(tempfile.gettempdir()) if name.startswith("sw")}
    return spaces, links, files


def left_since(before):
    """What is there now and was not before."""
    return [sorted(now - old) for now, old in zip(traces(), before) if now - old]


@pytest.mark.parametrize("script", SCRIPTS)
def test_plays_to_the_end(script):
    before, began = traces(), time.monotonic()
    done = subprocess.run(command(script), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "✗" not in done.stdout
    assert time.monotonic() - began < 60
    assert not left_since(before)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_stopped_midway_leaves_nothing(script, number):
    """The signal goes to the whole foreground group, as a terminal sends it."""
    before = traces()
    with subprocess.Popen(command(script), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          start_new_session=True) as demo:
        for line in demo.stdout:
            if "300 conversations" in line:
                break
        os.killpg(demo.pid, number)
        demo.stdout.read()
        demo.wait(20)
    assert demo.returncode != 0
    poll(lambda: not left_since(before), 10, lambda: f"{left_since(before)} to go away")


def test_kept_up_until_told_otherwise():
    before = traces()
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
    assert not left_since(before)
