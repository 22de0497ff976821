# SPDX-License-Identifier: ISC
"""Processes of a lab: every one is known by its pid, and is ended by it."""
import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time

from .errors import LabError

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Interruption:
    """A signal that came to end the lab. What its handler raises is lost where Python ignores exceptions (finalizers)
    and where a library catches them all: whoever waits raises it again."""

    number = 0

    def check(self):
        if self.number:
            raise KeyboardInterrupt(f"signal {self.number}")


interruption = Interruption()


def poll(check, timeout, what, interval=0.02):
    """Call CHECK until it returns something true, and return that. LabError after TIMEOUT seconds."""
    end = time.monotonic() + timeout
    while True:
        interruption.check()
        result = check()
        if result:
            return result
        if time.monotonic() > end:
            raise LabError(f"waited {timeout:g} s in vain for {what() if callable(what) else what}")
        time.sleep(interval)


def run(argv, check=True, text_input=None, timeout=60, env=None):
    """Run to the end; returns the CompletedProcess. LabError with the command's own words when it fails."""
    done = subprocess.run(argv, input=text_input, capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL if text_input is None else None, env=env)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done


class Processes:
    """The processes that run in the background of one lab."""

    def __init__(self):
        self._running = []

    def start(self, argv, log, **popen):
        """Start ARGV, its output appended to the file LOG unless POPEN says otherwise.

        It is in a session of its own (a Ctrl-C at the terminal is the lab's to handle, in its order) and dies
        with this process even when that is killed.
        """
        main = threading.current_thread() is threading.main_thread()
        with open(log, "ab") as out:
            options = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out, **popen}
            process = subprocess.Popen(argv, start_new_session=True,
                                       preexec_fn=_die_with_parent if main else None, **options)
        process.log = log
        self._running.append(process)
        return process

    def stop(self, process, grace=3.0, first=signal.SIGTERM):
        """End one process: politely, then not. Returns its exit status."""
        if process.poll() is None:
            process.send_signal(first)
            try:
                process.wait(grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(grace)
        self.forget(process)
        return process.returncode

    def forget(self, process):
        """PROCESS has ended, or has to go on without the lab."""
        if process in self._running:
            self._running.remove(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()

    def stop_all(self):
        """End all of them, together, in at most a few seconds."""
        for process in self._running:
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + 3
        for process in list(self._running):
            self.stop(process, grace=max(0.05, end - time.monotonic()))


def processes_naming(prefix):
    """Processes with PREFIX in their command line, as every path of a lab has it, in whatever namespace they are."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as text:
                command_line = text.read().replace("\0", " ")
        except OSError:
            continue
        if prefix in command_line:
            found.append(f"{pid} {command_line}")
    return found


def kill_pid(pid):
    """End a process that is not our child, by pid; no matter when it is gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
