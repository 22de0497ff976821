# SPDX-License-Identifier: ISC
"""The pcap data path, side by side with a bare libpcap forwarder and Linux routing.

The generator and the receiving softirq have CPU 0, the forwarder and the sink's softirq CPU 1 (Linux
routing forwards where it receives: all on CPU 0). Offered rates are swept: the peak, and the highest rate
with less than 1 % lost. Every other round runs in opposite order; the best round counts. Ratios are to
the bare libpcap forwarder of the same run. Where others use the machine, too, trust the forwarder's CPU
time for a frame under overload: repeats agree to 2 %.
"""
import os
import statistics
import time

from daemon import daemon
from lab import DEVICE, ROUTER, UPLINK, VIRTUAL, run
from report import Step, row

SETTLE, SLICE, WARM = 0.05, 0.2, 0.4  # seconds
STEP = 1.15  # from one offered rate to the next
ROUNDS = 2

class Swept:
    """A lab whose generator is told its rate, and whose frames are counted where they come out."""

    def __init__(self, lab):
        self.lab, self.build, self.names = lab, lab.build, lab.names
        run("ip", "-n", lab.names["mid"], "link", "set", "u0", "xdp", "obj", f"{lab.build}/bench/ends.bpf.o",
            "program", "pass")
        self.keeper = lab.spawn("end", ["sleep", "1000"])
        self.generator = lab.spawn("gen", [f"{lab.build}/bench/generator", f"{lab.build}/bench/generator.bpf.o",
                                           "g0", ROUTER, UPLINK, "0"], talk=True)

    def close(self):
        self.lab.stop(self.generator)
        self.lab.stop(self.keeper)
        run("ip", "-n", self.names["mid"], "link", "set", "u0", "xdp", "off")

    def spawn(self, *words, **options):
        return self.lab.spawn(*words, **options)

    def stop(self, child):
        return self.lab.stop(child)

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


class Sandwich(Contestant):
    """The whole of sandwich-ingress, with one device that is always up."""

    def __init__(self, track):
        super().__init__(f"sandwich-ingress (pcap), track = {track}", VIRTUAL[0], track)
        self.context = None

    def start(self, lab):
        self.context = daemon(lab.lab, "pcap", self.track)
        self.child, log = self.context.__enter__()
        if not lab.forwards(self.to):
            raise RuntimeError(f"sandwich-ingress does not forward: {log()}")

    def stop(self, lab):
        self.child = None
        self.context.__exit__(None, None, None)


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


def best(results, what, column):
    """Of rates the highest round, since others on the machine only take away; of CPU times the median."""
    values = [r[column] for r in results[what]]
    return statistics.median(values) if FIGURES[column][1] == "ns" else max(values)


FIGURES = (("peak", "pps"), ("<1% lost", "pps"), ("CPU of the forwarder a frame", "ns"))


def figures(flows, contestants, results, base):
    rows = []
    for c in contestants:
        for i, (name, unit) in enumerate(FIGURES):
            value, least = best(results, c.what, i), best(results, base, i)
            if value:
                rows.append(row("peer", f"{c.what}: {name}", flows=flows, track=c.track,
                                ratio=value / least if least else None, **{unit: value}))
    return rows


def sweep(flows):
    def measure(lab):
        swept, results = Swept(lab), {}
        contestants = [Bare(), Sandwich("auto"), Sandwich("every-frame"), Routing(False), Routing(True)]
        try:
            swept.tell(f"flows {flows}")
            for turn in range(ROUNDS):
                one_round(swept, contestants if turn % 2 == 0 else contestants[::-1], results)
        finally:
            swept.close()
        return figures(flows, contestants, results, contestants[0].what)

    return Step("peer", f"the pcap data path, {flows} flows", 22 * ROUNDS, measure)


def steps():
    return [sweep(1000), sweep(100000)]
