#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Packets a second and latency of the pcap data path, side by side with what else could forward.

Frames: 64 bytes, UDP, flows at random. Namespaces of its own: generator -> [u0 forwarder d0] -> sink. The
generator and the receiving softirq have CPU 0, the forwarder and the sink's softirq CPU 1 (Linux routing
forwards where it receives: all on CPU 0). Each contestant runs in every round, every other round in
opposite order; the best round counts. Ratios are to the bare libpcap forwarder of the same run.
Where others use the machine, too, trust the forwarder's CPU time for a frame under overload: repeats
agree to 2 %.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

VIRTUAL = ("02:00:00:00:5a:00", "02:00:00:00:5a:01")  # as in tests/packets/world.h
DEVICE, ROUTER = "02:00:00:00:dd:01", "02:00:00:00:aa:01"
UPLINK = "02:00:00:00:01:02"
SETTLE, SLICE, WARM = 0.05, 0.2, 0.4  # seconds
STEP = 1.15  # from one offered rate to the next

CONFIG = """
[sandwich]
name = bench
mode = firewall
sessions = 1M
track = {track}
secret-file = {folder}/secret
[side ingress]
uplink-address = 10.65.0.1/24
farm-address = 10.66.0.1/24
uplink-mac = {uplink}
farm-mac = {farm}
[side egress]
uplink-address = 10.128.0.1/16
farm-address = 10.67.0.1/24
[balancer in]
side = ingress
uplink = u0
farm = d0
datapath = pcap
control = {folder}/control
[balancer out]
side = egress
uplink = u0
farm = d0
[device one]
ingress = {device}
egress = 02:00:00:00:dd:02
[health]
path = off
"""


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Lab:
    """Three namespaces in a row."""

    def __init__(self, build):
        self.build = build
        self.names = {role: f"bench-{role}-{os.getpid()}" for role in ("gen", "mid", "end")}
        self.children = []
        self.keeper = None
        self.generator = None

    def up(self):
        for name in self.names.values():
            run("ip", "netns", "add", name)
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.conf.all.rp_filter=0",
                "net.ipv4.conf.default.rp_filter=0")
        gen, mid, end = (self.names[r] for r in ("gen", "mid", "end"))
        run("ip", "link", "add", "g0", "netns", gen, "address", ROUTER, "type", "veth",
            "peer", "name", "u0", "netns", mid, "address", UPLINK)
        run("ip", "link", "add", "d0", "netns", mid, "address", "02:00:00:00:02:01", "type", "veth",
            "peer", "name", "s0", "netns", end, "address", "02:00:00:00:02:02")
        for name, link in ((gen, "g0"), (mid, "u0"), (mid, "d0"), (end, "s0")):
            run("ip", "-n", name, "link", "set", link, "up")
        run("ip", "-n", mid, "link", "set", "u0", "xdp", "obj", f"{self.build}/bench/pass.bpf.o", "sec", "xdp")
        self.keeper = self.spawn("end", ["sleep", "1000"])
        self.generator = self.spawn("gen", [f"{self.build}/bench/generator", f"{self.build}/bench/generator.bpf.o",
                                            "g0", ROUTER, UPLINK, "0"], talk=True)

    def spawn(self, role, words, talk=False, cpu=None, log=None):
        """A program in a namespace; TALK: waits for its "ready" and keeps its pipes."""
        pipe = subprocess.PIPE if talk else subprocess.DEVNULL
        words = ["nsenter", f"--net=/run/netns/{self.names[role]}"] + words
        if cpu is not None:
            words = ["taskset", "-c", str(cpu)] + words
        child = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=log, text=True)
        self.children.append(child)
        if talk and child.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{words} did not start")
        return child

    def stop(self, child):
        """Ends a program by the end of its input, else by a signal; what it said last."""
        said = ""
        if child.stdin:
            said, _ = child.communicate(timeout=10)
        else:
            child.terminate()
            child.wait()
        self.children.remove(child)
        return said

    def down(self):
        for child in list(self.children):
            child.kill()
            child.wait()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

    def tell(self, words):
        self.generator.stdin.write(words + "\n")
        self.generator.stdin.flush()
        return self.generator.stdout.readline().strip()

    def came_out(self):
        with open(f"/proc/{self.keeper.pid}/net/dev", encoding="ascii") as lines:
            for line in lines:
                if line.strip().startswith("s0:"):
                    return int(line.split(":")[1].split()[1])
        raise RuntimeError("no s0")

    def measure(self, rate, seconds=SLICE):
        """Offered and forwarded frames a second at that rate (-1: as fast as it goes)."""
        self.tell(f"rate {rate}")
        time.sleep(SETTLE)
        sent, out, began = int(self.tell("sent")), self.came_out(), time.monotonic()
        time.sleep(seconds)
        sent, out = int(self.tell("sent")) - sent, self.came_out() - out
        took = time.monotonic() - began
        self.tell("rate 0")
        return sent / took, out / took

    def forwards(self, to):
        """Waits until a trickle of frames comes out at the other end; false: in vain."""
        self.tell(f"to {to}")
        for _ in range(30):
            _, out = self.measure(1000, 0.05)
            if out > 0:
                return True
        return False


class Contestant:
    """Something that forwards from u0 to d0."""

    def __init__(self, what, to, track=""):
        self.what, self.to, self.track = what, to, track
        self.child = None

    def start(self, lab):
        pass

    def cpu(self):
        """ns that its threads have run, softirqs on their backs included; 0: it has none."""
        if not self.child:
            return 0
        folder, ran = f"/proc/{self.child.pid}/task", 0
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/schedstat", encoding="ascii") as stat:
                ran += int(stat.read().split()[0])
        return ran

    def stop(self, lab):
        if self.child:
            lab.stop(self.child)
            self.child = None


class Bare(Contestant):
    def __init__(self):
        super().__init__("bare libpcap forwarder", VIRTUAL[0])

    def start(self, lab):
        self.child = lab.spawn("mid", [f"{lab.build}/bench/bare_pcap", "u0", "d0", VIRTUAL[1], DEVICE], True, 1)


class Pump(Contestant):
    """The data path without its daemon."""

    def __init__(self):
        super().__init__("sandwich's pump alone", VIRTUAL[0], "auto")

    def start(self, lab):
        self.child = lab.spawn("mid", [f"{lab.build}/bench/pump_harness", "u0", "d0"], True, 1)


class Sandwich(Contestant):
    """The whole of sandwich-ingress, with one device that is always up."""

    def __init__(self, track):
        super().__init__(f"sandwich-ingress, track = {track}", VIRTUAL[0], track)
        self.folder = None

    def start(self, lab):
        self.folder = tempfile.TemporaryDirectory(prefix="sandwich-bench-")
        with open(f"{self.folder.name}/secret", "w", encoding="ascii") as secret:
            os.fchmod(secret.fileno(), 0o600)
            secret.write("c2FuZHdpY2ggYmVuY2ggc2FuZHdpY2ggYmVuY2ggc2E=\n")
        path = f"{self.folder.name}/conf"
        with open(path, "w", encoding="ascii") as out:
            out.write(CONFIG.format(track=self.track, folder=self.folder.name, uplink=VIRTUAL[0],
                                    farm=VIRTUAL[1], device=DEVICE))
        words = [f"{lab.build}/bin/sandwich-ingress", "-c", path, "-n", "in"]
        with open(f"{self.folder.name}/log", "w+", encoding="utf-8") as log:
            self.child = lab.spawn("mid", words, cpu=1, log=log)
            if not lab.forwards(self.to):
                log.seek(0)
                raise RuntimeError(f"sandwich-ingress does not forward: {log.read()}")

    def stop(self, lab):
        super().stop(lab)
        self.folder.cleanup()


class Routing(Contestant):
    def __init__(self, conntrack):
        super().__init__("Linux routing with conntrack" if conntrack else "Linux routing", UPLINK)
        self.conntrack = conntrack

    def start(self, lab):
        name = lab.names["mid"]
        run("ip", "-n", name, "address", "replace", "10.65.0.1/24", "dev", "u0")
        run("ip", "-n", name, "address", "replace", "10.66.0.1/24", "dev", "d0")
        run("ip", "-n", name, "neigh", "replace", "10.66.0.2", "lladdr", DEVICE, "dev", "d0", "nud", "permanent")
        run("ip", "-n", name, "route", "replace", "10.128.0.0/16", "via", "10.66.0.2")
        run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        if self.conntrack:
            run("nsenter", f"--net=/run/netns/{name}", "nft", "table ip bench { chain forward { "
                "type filter hook forward priority 0; policy drop; ct state new,established accept; }; }")

    def stop(self, lab):
        name = lab.names["mid"]
        if self.conntrack:
            run("nsenter", f"--net=/run/netns/{name}", "nft", "delete table ip bench")
        run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=0")
        run("ip", "-n", name, "address", "flush", "dev", "u0")
        run("ip", "-n", name, "address", "flush", "dev", "d0")


def overload(lab, contestant):
    """Frames a second when more is offered than can be forwarded, and ns of the forwarder's CPU for each."""
    lab.tell("rate -1")
    time.sleep(SETTLE)
    out, began, cpu = lab.came_out(), time.monotonic(), contestant.cpu()
    time.sleep(SLICE)
    cpu, out, took = contestant.cpu() - cpu, lab.came_out() - out, time.monotonic() - began
    lab.tell("rate 0")
    time.sleep(SETTLE)
    return out / took, cpu / max(out, 1)


def climb(lab, contestant):
    """Peak, the highest rate that came out with less than 1 % lost, and CPU for a frame."""
    peak, cpu = overload(lab, contestant)
    clean, rate, failed, floor = 0, peak * 0.4, 0, peak * 0.1
    while failed < 2 or (not clean and rate > floor):
        offered, out = lab.measure(int(rate))
        peak = max(peak, out)
        if out >= 0.99 * offered:
            clean, failed = max(clean, out), 0
            if offered < 0.8 * rate:
                break  # the generator goes no faster beside it
        else:
            failed += 1
        rate *= STEP if clean or failed < 2 else 0.6
    return peak, clean, cpu


def one_round(lab, contestants, results):
    for c in contestants:
        c.start(lab)
        try:
            lab.tell(f"to {c.to}")
            lab.measure(-1, WARM)  # tables are filled, and what a start takes is over
            results.setdefault(c.what, []).append(climb(lab, c))
        finally:
            c.stop(lab)


def latency(lab, contestant, rate):
    contestant.start(lab)
    try:
        words = ["taskset", "-c", "0", f"{lab.build}/bench/probe", f"/run/netns/{lab.names['gen']}", "g0",
                 f"/run/netns/{lab.names['end']}", "s0", ROUTER, contestant.to, str(int(rate)), "1"]
        said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    finally:
        contestant.stop(lab)
    return [int(word) for word in said]


def best(results, what, column):
    """Of rates the highest round, since others on the machine only take away; of CPU times the median."""
    values = [r[column] for r in results[what]]
    return statistics.median(values) if FIGURES[column][1] == "ns" else max(values)


FIGURES = (("peak", "pps"), ("<1% lost", "pps"), ("CPU of the forwarder a frame", "ns"))


def report(flows, contestants, results, base):
    rows = []
    print(f"\n{f'{flows} flows, frames of 64 bytes':<42}{'peak/s':>9} {'ratio':>5} {'<1% lost':>9} {'ratio':>5}"
          f" {'CPU ns':>7} {'ratio':>5}")
    for c in contestants:
        line = f"  {c.what:<40}"
        for i, (name, unit) in enumerate(FIGURES):
            value, ratio = best(results, c.what, i), 0
            if best(results, base, i):
                ratio = value / best(results, base, i)
            line += f"{value:>{8 if unit == 'ns' else 9 + (i > 0)}.0f} {ratio:>5.2f}" if value else ""
            row = {"bench": "forward", "what": f"{c.what}, {name}", "flows": flows, unit: round(value),
                   "ratio": round(ratio, 3)}
            rows += [row | ({"track": c.track} if c.track else {})] if value else []
        print(line, flush=True)
    return rows


def report_latency(lab, contestants, rate, base):
    taken = {c.what: [] for c in contestants}
    for order in (contestants, contestants[::-1]):
        for c in order:
            taken[c.what].append(latency(lab, c, rate))
    rows = []
    print(f"\nlatency at {rate:.0f} frames/s{'':25}{'p50 us':>10} {'ratio':>6} {'p99 us':>11} {'ratio':>6}")
    best = {what: [min(r[i] for r in runs) for i in (2, 3)] for what, runs in taken.items()}
    for c in contestants:
        part = [best[c.what][i] / best[base][i] if best[base][i] else 0 for i in (0, 1)]
        print(f"  {c.what:<45}{best[c.what][0] / 1e3:>10.1f} {part[0]:>6.2f} {best[c.what][1] / 1e3:>11.1f} "
              f"{part[1]:>6.2f}")
        for i, name in enumerate(("p50", "p99")):
            row = {"bench": "latency", "what": f"{c.what}, {name}", "flows": 1, "ns": best[c.what][i],
                   "ratio": round(part[i], 3)}
            rows.append(row | ({"track": c.track} if c.track else {}))
    return rows


def bench(lab, options):
    bare = Bare()
    contestants = [bare, Routing(False), Routing(True)]
    if os.access(f"{lab.build}/bin/sandwich-ingress", os.X_OK):
        contestants[1:1] = [Sandwich("auto"), Sandwich("every-frame")]
    else:
        contestants.insert(1, Pump())
    rows, clean = [], 0
    for flows in options.flows:
        results = {}
        lab.tell(f"flows {flows}")
        for turn in range(options.rounds):
            one_round(lab, contestants if turn % 2 == 0 else contestants[::-1], results)
        rows += report(flows, contestants, results, bare.what)
        clean = clean or best(results, bare.what, 1)
    return rows + report_latency(lab, contestants, clean / 10, bare.what)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--build", default="build")
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--flows", type=int, nargs="+", default=[1000, 100000])
    options = options.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: SKIP: it makes network namespaces, which takes root")
    lab = Lab(options.build)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        lab.up()
        rows = bench(lab, options)
    finally:
        lab.down()
    with open(f"{options.build}/bench/results.json", "w", encoding="ascii") as out:
        json.dump(rows, out, indent=1)


if __name__ == "__main__":
    main()
