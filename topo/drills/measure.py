# SPDX-License-Identifier: ISC
"""What a drill measures: outage as clients see it, sessions that moved or were lost, time to equality."""
import json
import os
import signal
import sys
import time

from topo.lab import LabError, plan
from topo.lab.processes import poll
from topo.traffic.conversations import Conversations

PROBE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "traffic", "probe.py")
PROBE_PORT = 7900
PROBE_FLOWS = 12
PROBE_PACE_MS = 4
PATIENCE_MS = 20000  # of a lasting conversation: TCP waits longer each time it sends again


class Probe:
    """Questions at a steady pace through the sandwich; see topo/traffic/probe.py."""

    def __init__(self, lab, seconds):
        self.lab = lab
        client, server = lab.plan.client(2), lab.plan.server(2)
        pairs = list(zip(client.ipv4s[1:] + client.ipv6s[1:], server.ipv4s[1:] + server.ipv6s[1:]))[:PROBE_FLOWS]
        argv = [sys.executable, PROBE, "ask", seconds, PROBE_PACE_MS, PROBE_PORT, *(",".join(p) for p in pairs)]
        self.process = lab.client(2).start(argv, log=f"probe-{time.monotonic_ns()}")

    @staticmethod
    def serve(lab):
        lab.server(2).start([sys.executable, PROBE, "echo", PROBE_PORT], log="probe-echo")
        lab.server(2).wait_port(PROBE_PORT, "udp")

    def finish(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        with open(self.process.log, encoding="ascii") as log:
            return json.loads(log.read().splitlines()[-1])["flows"]


def longest_gap_ms(flow):
    """From the first question of the longest row without an answer to the first that has one again."""
    longest, since = 0.0, None
    for sent, answered in zip(flow["sent"], flow["answered"]):
        if answered is None:
            since = since or sent
        elif since:
            longest, since = max(longest, sent - since), None
    if since:
        longest = max(longest, flow["sent"][-1] - since)
    return longest * 1000


def outage_ms(flows):
    return max(longest_gap_ms(flow) for flow in flows)


def goodput(flows, start, step=0.02):
    """[(seconds from START, answered part of what was asked)], by steps of STEP seconds."""
    asked, answered = {}, {}
    for flow in flows:
        for sent, heard in zip(flow["sent"], flow["answered"]):
            slot = int((sent - start) / step)
            asked[slot] = asked.get(slot, 0) + 1
            answered[slot] = answered.get(slot, 0) + (heard is not None)
    return [(slot * step, answered[slot] / asked[slot]) for slot in sorted(asked)]


class Load:
    """Lasting TCP conversations through stateful firewalls, from both sides."""

    def __init__(self, lab, conversations, rate=0.5):
        self.lab, self.rate = lab, rate
        self.groups = []
        for client in lab.plan.clients:
            self.groups.append(self._open(client, conversations // len(lab.plan.clients), rate))
        for group in self.groups:
            group.wait_opened(timeout=120)

    def _open(self, client, tcp, rate):
        targets = [a for host in self.lab.plan.servers for a in host.all]
        return Conversations(self.lab.node(client.name), client.all, targets, plan.CONVERSATION_PORT, tcp=tcp,
                             rate=rate, patience=PATIENCE_MS)

    def lost(self):
        """Conversations that were reset, timed out, or never opened."""
        return sum(g.status().get("broken", 0) + g.status().get("failed", 0) for g in self.groups)

    def settle(self):
        """Wait until it is known of each what became of it: answered again, or given up."""
        def calm(group):
            since = group.status()["time_ms"] + 1500 / self.rate  # in which each has asked
            group.wait(lambda r: r["stalled"] == 0 and r["time_ms"] > since, PATIENCE_MS / 1000 + 15,
                       "conversations to be answered or given up")
        for group in self.groups:
            calm(group)

    def finish(self):
        return [group.finish() for group in self.groups]


class Churn:
    """RATE short conversations a second from each client."""

    def __init__(self, lab, rate):
        targets = [a for host in lab.plan.servers for a in host.all]
        self.groups = [Conversations(lab.node(client.name), client.all, targets, plan.CONVERSATION_PORT, new=rate)
                       for client in lab.plan.clients] if rate else []

    def finish(self):
        """How many there were."""
        return sum(group.finish()["new"]["tried"] for group in self.groups)


def sync_lost(lab, names):
    """Datagrams that were sent to any of NAMES by another balancer and did not come, as they count it."""
    return sum(row["lost"] for name in names for row in lab.balancers.ask(name, "show", "sync"))


def equal_since_ms(lab, names, watch=3.0):
    """Milliseconds from now until the tables were equal and stayed so for WATCH seconds, three marks' time."""
    began = last = time.monotonic()
    while time.monotonic() - last < watch:
        if not is_equal(lab, names):
            last = time.monotonic()
        if last - began > 60:
            raise LabError(f"the tables of {', '.join(names)} do not become equal")
        time.sleep(0.02)
    return (last - began) * 1000


def holders(lab):
    """{flow: firewall} of every lasting conversation that lives in the conntrack table of a living firewall."""
    return {flow: name for name, flows in lab.tables().items() for flow in flows
            if flow.target_port == plan.CONVERSATION_PORT}


def moved(before, after, alive):
    """Conversations that a living firewall had, and another has now."""
    return sum(1 for flow, name in before.items() if name in alive and after.get(flow, name) != name)


def is_equal(lab, names):
    """Every box of NAMES that runs has all other running boxes of its side in reach, and equal tables."""
    for name in names:
        for row in lab.balancers.ask(name, "show", "sync"):
            if row["name"] in names and row["relation"] == "peer" and not (row["up"] and row["digest_equal"]):
                return False
    return True


def wait_equal(lab, names, timeout=20.0):
    """Milliseconds until all of NAMES are equal."""
    began = time.monotonic()
    poll(lambda: is_equal(lab, names), timeout, lambda: f"equal tables on {', '.join(names)}", interval=0.02)
    return (time.monotonic() - began) * 1000


def roles(lab, names):
    return {name: lab.balancers.ask(name, "show", "role")["role"] for name in names}


def wait_role(lab, name, role, timeout=10.0):
    poll(lambda: lab.balancers.ask(name, "show", "role", check=False) and roles(lab, [name])[name] == role, timeout,
         lambda: f"{name} to be {role}; roles are {roles(lab, [name])}", interval=0.02)
