# SPDX-License-Identifier: ISC
"""Many conversations between namespaces: the C program's handle."""
import json
import os
import signal

from topo.lab.errors import LabError
from topo.lab.processes import poll

CALM_MS = 500


def program(lab):
    """Beside the folder of the sandwich's own programs."""
    path = os.path.join(os.path.dirname(os.path.abspath(lab.options.bindir)), "topo", "conversations")
    if not os.access(path, os.X_OK):
        raise LabError(f"{path} is not there: run `make topo`")
    return path


def serve(space, port):
    """An answering server in a namespace; returns its process."""
    process = space.start([program(space.lab), "serve", "--port", port], log=f"{space.name}-serve-{port}")
    space.wait_port(port)
    space.wait_port(port, "udp")
    return process


class Conversations:
    """Conversations of one namespace with the servers of others, alive until finish()."""

    _count = 0

    def __init__(self, space, sources, targets, port, tcp=0, udp=0, **options):
        Conversations._count += 1
        self.space = space
        self.wanted = tcp + udp
        argv = [program(space.lab), "open", "--from", ",".join(sources), "--to", ",".join(targets), "--port", port,
                "--tcp", tcp, "--udp", udp]
        for key, value in options.items():
            argv += [f"--{key.replace('_', '-')}"] + ([] if value is True else [value])
        self.process = space.start(argv, log=f"conversations-{Conversations._count}")

    def _lines(self):
        with open(self.process.log, encoding="utf-8") as log:
            return [line for line in log.read().split("\n")[:-1] if line.startswith("{")]

    def status(self):
        """The latest report."""
        lines = self._lines()
        if not lines and self.process.poll() is not None:
            raise LabError(f"conversations ended: {self.space.lab.tail(self.process.log)}")
        return json.loads(lines[-1]) if lines else {"opened": 0, "failed": 0, "answers": 0, "open": 0, "time_ms": 0}

    def wait(self, condition, timeout, what):
        """Poll the reports until CONDITION(report) is true; returns that report, which is of after the call."""
        since = self.status()["time_ms"]

        def check():
            report = self.status()
            return report if report["time_ms"] > since and condition(report) else None
        return poll(check, timeout, lambda: f"{what}; last report {self.status()}", interval=0.05)

    def wait_opened(self, timeout=20):
        """Until every conversation has had an answer, or failed for good."""
        return self.wait(lambda r: r["opened"] + r["failed"] >= self.wanted, timeout, f"{self.wanted} conversations")

    def wait_calm(self, timeout=20):
        """Until every conversation is open and has been answered lately, for longer than a stall takes to be one."""
        since = self.status()["time_ms"] + CALM_MS
        return self.wait(lambda r: r["time_ms"] > since and r["stalled"] == 0 and r["open"] == r["wanted"], timeout,
                         "all conversations to be answered")

    def wait_answers(self, more, timeout=20):
        """Until MORE further answers came."""
        target = self.status()["answers"] + more
        return self.wait(lambda r: r["answers"] >= target, timeout, f"{more} more answers")

    def finish(self):
        """End them; returns the final report."""
        self.space.lab.processes.stop(self.process, first=signal.SIGTERM)
        report = json.loads(self._lines()[-1])
        if not report["final"]:
            raise LabError(f"no final report: {self.space.lab.tail(self.process.log)}")
        return report


def merge(reports):
    """Several final reports as one."""
    total = {key: sum(r[key] for r in reports) for key in ("wanted", "opened", "open", "failed", "broken", "stalled",
                                                          "answers", "reopened")}
    total["longest_ms"] = max(r["longest_ms"] for r in reports)
    total["conversations"] = [c for r in reports for c in r.get("conversations", [])]
    return total
