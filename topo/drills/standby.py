# SPDX-License-Identifier: ISC
"""A standby beside very many sessions: started empty, and started again after changes that it did not see."""
import json
import math
import os
import signal
import subprocess
import sys
import time

from topo.lab import LabError, Options, plan
from topo.lab.processes import poll

ACTIVE, STANDBY = "ingress", "ingress-b"
GENERATOR_CPU = os.cpu_count() - 1
CLIENT_BITS = 14  # of the generator's flows, tests/bench/generate.c
NOT_EQUAL = "not equal"  # in the words of a refusal


def options(sessions, bindir):
    """One side alone, with a device that is always up."""
    slots = 1024
    while slots < 2 * sessions:
        slots *= 2
    return Options(twins=True, clients=1, servers=1, firewalls=1, sessions=str(slots), bindir=bindir,
                   settings={"health": {"path": "off"}, "timeouts": {"tcp-syn": "3600s"}})


class Generator:
    """The bench's frame generator at the client: each frame opens another TCP conversation."""

    def __init__(self, lab, build):
        program, frames = f"{build}/bench/generator", f"{build}/bench/generator.bpf.o"
        for path in (program, frames):
            if not os.path.exists(path):
                raise LabError(f"{path} is not there: run `make bench-build`")
        client = lab.client(1)
        # frames that XDP sends come through a veth only when its far end polls
        lab.node("switch-in").run(["ethtool", "-K", client.name, "gro", "on"])
        own = json.loads(client.run(["ip", "-j", "link", "show", "dev", "eth0"]).stdout)[0]["address"]
        self.words = client.start([program, frames, "eth0", own, uplink_mac(lab), GENERATOR_CPU], log="generator",
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.words.stdout.readline().strip() != "ready":
            raise LabError(f"the generator did not start: {lab.tail(self.words.log)}")
        self.say("new 1")

    def say(self, words):
        self.words.stdin.write(words + "\n")
        self.words.stdin.flush()
        return self.words.stdout.readline().strip()

    def open(self, lab, count, rate):
        """About COUNT further sessions in the active's table; how many there are then."""
        wanted = sessions(lab) + count
        self.say(f"rate {rate}")
        try:
            poll(lambda: sessions(lab) >= wanted, 60 + count / rate * 4, lambda: f"{wanted} sessions", interval=0.005)
        finally:
            self.say("rate 0")
        time.sleep(0.1)
        return sessions(lab)


def uplink_mac(lab):
    for row in lab.balancers.ask(ACTIVE, "show", "addresses"):
        if row["address"].split("/", maxsplit=1)[0] == plan.CLIENT_GATEWAY[0]:
            return row["mac"]
    raise LabError("ingress has no uplink address")


def sessions(lab, name=ACTIVE):
    return lab.balancers.counters(name)["sessions"]


class Wire:
    """The standby's cable to the sync LAN: when its daemon spoke first, and its interface's counters all the time."""

    PROGRAM = """
import socket, sys, time
name, port = sys.argv[1], int(sys.argv[2])
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(3))
tap.bind((name, 3))
while True:
    for line in open("/proc/self/net/dev"):
        if line.partition(":")[0].strip() == name:
            words = line.partition(":")[2].split()
            print(time.monotonic(), int(words[0]) + int(words[8]), int(tap is None), flush=True)
    try:
        while tap:
            packet, sender = tap.recvfrom(64)
            incoming = sender[1] == 0x0800 and sender[2] != socket.PACKET_OUTGOING
            if incoming and packet[9] == 17 and int.from_bytes(packet[20:22], "big") == port:
                tap = tap.close()
    except BlockingIOError:
        pass
    time.sleep(0.004)
"""

    def __init__(self, lab):
        self.lab = lab
        self.process = lab.node("switch-sync").start([sys.executable, "-c", self.PROGRAM, STANDBY, plan.SYNC_PORT],
                                                     log=f"wire-{time.monotonic_ns()}")
        poll(self.samples, 10, "a sample of the wire", interval=0.005)

    def samples(self):
        """[(time, bytes in both directions so far, whether the standby has spoken)]."""
        with open(self.process.log, encoding="ascii") as log:
            lines = log.read().split("\n")[:-1]
        return [(float(when), int(total), spoken == "1") for when, total, spoken in map(str.split, lines)]

    def since_first_word(self, end):
        """When that was, and the bytes until END."""
        self.lab.processes.stop(self.process)
        samples = self.samples()
        first = next(i for i, sample in enumerate(samples) if sample[2]) - 1
        until = max((sample for sample in samples if sample[0] <= end + 0.005), default=samples[-1])
        return samples[first][0], until[1] - samples[first][1]


def log_since(lab, offset):
    with open(lab.path(f"sandwich-{STANDBY}.log"), encoding="utf-8", errors="replace") as log:
        log.seek(offset)
        return log.read()


def log_size(lab):
    path = lab.path(f"sandwich-{STANDBY}.log")
    return os.path.getsize(path) if os.path.exists(path) else 0


def standby_role(lab):
    answered = os.path.exists(lab.balancers.socket(STANDBY))
    return (lab.balancers.ask(STANDBY, "show", "role", check=False) if answered else None) or {}


def failover_refused(lab, refusals):
    """Asks the active to hand over. True when it was refused as the tables differ; it must not agree before."""
    status, why = lab.balancers.refused(ACTIVE, "failover")
    if status == 0:
        raise LabError(f"{ACTIVE} handed over before its standby was seen to be unequal; refused before: {refusals}")
    if not refusals or refusals[-1] != why.strip():
        refusals.append(why.strip())
    return NOT_EQUAL in why


def start_standby(lab, ask_failover):
    """Starts it, and waits until it says that it is equal. What was seen on the way."""
    offset, launched, wire = log_size(lab), time.monotonic(), Wire(lab)
    refusals, asked = [], not ask_failover
    lab.balancers.start_side(STANDBY)
    while not asked:
        asked = failover_refused(lab, refusals)
    poll(lambda: standby_role(lab).get("equal"), 120, lambda: f"equality; {log_since(lab, offset)[-2000:]}",
         interval=0.005)
    equal = time.monotonic()
    heard, traffic = wire.since_first_word(equal)
    return {"loading_s": round(heard - launched, 3), "equal_s": round(equal - heard, 3), "bytes": traffic,
            "refusals": refusals, "log": log_since(lab, offset)}


def is_heard(lab):
    """Whether the active hears it."""
    return any(row["name"] == STANDBY and row["up"] for row in lab.balancers.ask(ACTIVE, "show", "sync"))


def fresh(lab):
    """A standby that has nothing."""
    result = start_standby(lab, ask_failover=True)
    result |= {"sessions": sessions(lab), "standby_sessions": sessions(lab, STANDBY)}
    return result


def crash_standby(lab):
    daemon = lab.balancers.daemons.pop(STANDBY)
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    poll(lambda: not is_heard(lab), 10, "the standby to be missed")


def differ(lab, generator, count):
    """About COUNT entries of the active change while the standby is dead: half of them are new, half are removed."""
    before = sessions(lab)
    added = generator.open(lab, count // 2, 20000) - before
    hosts = 2 ** CLIENT_BITS * (count - added) / (before + added)  # that have as many sessions together
    lab.balancers.ask(ACTIVE, "flush", f"client=10.64.0.0/{32 - max(0, round(math.log2(hosts)))}")
    return added, before + added - sessions(lab)
