# SPDX-License-Identifier: ISC
"""The sandwich's own daemons as the lab's balancers: started, asked and ended."""
import json
import os
import signal

from .config import config_text
from .errors import LabError
from .processes import poll, run

SIDES = ("ingress", "egress")


def rows(answer, key):
    """The rows of a JSON answer, be it a list or an object that holds one under KEY."""
    if isinstance(answer, dict):
        return answer.get(key, [])
    return answer or []


class SandwichBalancers:
    """sandwich-ingress and sandwich-egress, one in each balancer's namespace."""

    kind = "sandwich"

    def __init__(self, lab):
        self.lab = lab
        self.config = lab.path("sandwich.conf")
        self.daemons = {}

    def program(self, name):
        path = os.path.join(self.lab.options.bindir, name)
        if not os.access(path, os.X_OK):
            raise LabError(f"{path} is not there: run make first (or choose the Linux baseline)")
        return os.path.abspath(path)

    def write_config(self):
        """Write the file again from the lab's options (they may have changed: then reload())."""
        with open(self.lab.path("secret"), "w", opener=lambda p, f: os.open(p, f, 0o600), encoding="ascii") as out:
            out.write("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n")
        with open(self.config, "w", encoding="ascii") as out:
            out.write(config_text(self.lab.options, self.lab.plan, self.lab.directory))

    @property
    def names(self):
        """Of all balancers: with twins more than one has each side."""
        return [box.name for box in self.lab.plan.boxes]

    def start(self):
        self.write_config()
        for name in self.names:
            self.start_side(name)

    def start_side(self, side):
        """SIDE: the name of a balancer; that of its side where it has no twin."""
        program = self.program(f"sandwich-{side.split('-', maxsplit=1)[0]}")
        self.daemons[side] = self.lab.balancer(side).start([program, "-c", self.config, "-n", side],
                                                           log=f"sandwich-{side}", env=self.environment())

    def environment(self):
        """The daemons' own, with a bpffs for this lab alone: what a killed one leaves goes with the lab."""
        return {**os.environ, "SANDWICH_BPFFS": self.lab.bpffs}

    def detach(self, side):
        """Take away what a daemon that was killed left in the kernel: exit status, stdout, stderr."""
        argv = [self.program(f"sandwich-{side.split('-', maxsplit=1)[0]}"), "-c", self.config, "-n", side, "--detach"]
        done = self.lab.balancer(side).run(argv, check=False, env=self.environment())
        return done.returncode, done.stdout, done.stderr

    def stop_side(self, side, first=signal.SIGTERM):
        """End one daemon; returns its exit status."""
        return self.lab.processes.stop(self.daemons.pop(side), first=first)

    def wait_answering(self, side, timeout=10):
        """Wait until the daemon answers questions."""
        poll(lambda: os.path.exists(self.socket(side)) and self.refused(side, "version")[0] == 0, timeout,
             f"an answer of {side}")

    def stop(self):
        for side in list(self.daemons):
            self.stop_side(side)

    def reload(self):
        for daemon in self.daemons.values():
            daemon.send_signal(signal.SIGHUP)

    def socket(self, side):
        return self.lab.path(f"{side}.sock")

    def ask(self, side, *words, check=True):
        """One question to one daemon; the JSON answer (None when it has none)."""
        argv = [self.program("sandwichctl"), "-s", self.socket(side), "-j", *map(str, words)]
        done = self.lab.balancer(side).run(argv, check=check)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, side, *words):
        """The exit status and stderr of a question."""
        argv = [self.program("sandwichctl"), "-s", self.socket(side), "-j", *map(str, words)]
        done = self.lab.balancer(side).run(argv, check=False)
        return done.returncode, done.stderr

    def devices(self, side="ingress"):
        """{name: row of `show devices`}."""
        return {row["name"]: row for row in rows(self.ask(side, "show", "devices"), "devices")}

    def sessions(self, side="ingress", *filters):
        return rows(self.ask(side, "show", "sessions", *filters), "sessions")

    def counters(self, side="ingress"):
        answer = self.ask(side, "show", "counters") or {}
        return answer.get("counters", answer) if isinstance(answer, dict) else answer

    def asymmetric(self):
        """asymmetric_flows_total of both sides: what has to stay 0."""
        return sum(self.counters(side).get("asymmetric_flows_total", 0) for side in SIDES)

    def states(self, side):
        """{device: state}, {} while the daemon doesn't answer yet."""
        self._check_alive()
        if not os.path.exists(self.socket(side)):
            return {}
        argv = [self.program("sandwichctl"), "-s", self.socket(side), "-j", "show", "devices"]
        done = run(argv, check=False)
        if done.returncode != 0:
            return {}
        return {row["name"]: row["state"] for row in rows(json.loads(done.stdout), "devices")}

    def _check_alive(self):
        for side, daemon in self.daemons.items():
            if daemon.poll() is not None:
                raise LabError(f"sandwich-{side} ended with {daemon.returncode}:\n{self.lab.tail(daemon.log)}")

    def wait_states(self, wanted, timeout=10):
        """Wait until all balancers show WANTED ({device: state})."""
        seen = {}

        def there():
            for side in self.daemons:
                seen[side] = self.states(side)
                if any(seen[side].get(name) != state for name, state in wanted.items()):
                    return False
            return True
        poll(there, timeout, lambda: f"devices {wanted}; seen {seen}", interval=0.03)

    def holder(self, flow):
        """The device that ingress has for a conversation of a firewall's table, or ""."""
        for row in self.sessions("ingress", f"client={flow.source}", f"server={flow.target}"):
            if (row["client_port"], row["server_port"]) == (flow.source_port, flow.target_port):
                return row["device"]
        return ""
