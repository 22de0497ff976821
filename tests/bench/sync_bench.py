# SPDX-License-Identifier: ISC
"""State sync: updates a second, bytes and CPU of each, and the time of a fresh node, beside conntrackd (FT-FW).

conntrackd's entries are made, and changed, by netlink in one namespace; its peer is in another, behind a veth. Ours are
two processes over loopback in a namespace of their own (tests/bench/sync.c). Both on all cores, without other traffic.
"""
import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time

from lab import run
from report import Step, row

BESIDE = 200000  # entries beside conntrackd: less than nf_conntrack_max, which is the whole machine's
MANY = 1000000
ROUNDS = 4
FIGURE_UPDATES, FIGURE_FRESH_S, FIGURE_REPAIR_S, FIGURE_REPAIR_BYTES = 2e6, 2.0, 1.0, 1e6

CONFIG = """
Sync {{
	Mode FTFW {{
		ResendQueueSize 524288
		ACKWindowSize 300
		DisableExternalCache Off
	}}
	UDP {{
		IPv4_address {own}
		IPv4_Destination_Address {peer}
		Port 3780
		Interface sync
		SndSocketBuffer 67108864
		RcvSocketBuffer 67108864
		Checksum on
	}}
}}
General {{
	HashSize 262144
	HashLimit 1048576
	LogFile off
	Syslog off
	LockFile {folder}/{name}.lock
	UNIX {{
		Path {folder}/{name}.ctl
	}}
	NetlinkBufferSize 67108864
	NetlinkBufferSizeMaxGrowth 268435456
	NetlinkOverrunResync On
}}
"""

# --- conntrack entries by netlink (linux/netfilter/nfnetlink_conntrack.h) ---

NETLINK_NETFILTER, NEW, REQUEST_CREATE = 12, 1 << 8, 0x401
SO_SNDBUFFORCE = 32
CLONE_NEWNET = 0x40000000
BATCH = 200  # messages in one send


def attribute(kind, value, nested=False):
    length = 4 + len(value)
    return struct.pack("HH", length, kind | (0x8000 if nested else 0)) + value + bytes(-length % 4)


def endpoints(kind, source, target, ports):
    address = attribute(1, source) + attribute(2, target)
    protocol = attribute(1, b"\x06") + attribute(2, struct.pack(">H", ports[0])) + attribute(3, struct.pack(
        ">H", ports[1]))
    return attribute(kind, attribute(1, address, True) + attribute(2, protocol, True), True)


def entry(number, mark):
    """The message that makes or changes one established TCP entry."""
    source, target = struct.pack(">I", 0x0a400000 + number // 16), bytes((10, 128, 0, 1))
    ports = 1024 + number % 16, 443
    body = struct.pack("BBH", socket.AF_INET, 0, 0)
    body += endpoints(1, source, target, ports) + endpoints(2, target, source, ports[::-1])
    body += attribute(3, struct.pack(">I", 0x0e))  # confirmed, assured, seen in both directions
    body += attribute(4, attribute(1, attribute(1, b"\x03"), True), True)  # established
    body += attribute(7, struct.pack(">I", 86400)) + attribute(8, struct.pack(">I", mark))
    return struct.pack("IHHII", 16 + len(body), NEW, REQUEST_CREATE, 0, 0) + body


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns {namespace.name}")


@contextlib.contextmanager
def inside(name):
    """This thread in another network namespace for a while."""
    with open("/proc/self/ns/net", encoding="ascii") as own, open(f"/run/netns/{name}", encoding="ascii") as there:
        enter(there)
        try:
            yield
        finally:
            enter(own)


def batches(count, mark):
    return [b"".join(entry(n, mark) for n in range(first, min(first + BATCH, count)))
            for first in range(0, count, BATCH)]


# --- conntrackd ---

class Conntrackd:
    """Two namespaces with a conntrackd each, and what they cost."""

    def __init__(self, folder):
        self.folder = folder
        self.names = {n: f"bench-{os.getpid()}-ct-{n}" for n in ("a", "b")}
        self.daemons = {}

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        for name in self.names.values():
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "sync", "netns", self.names["a"], "type", "veth",
            "peer", "name", "sync", "netns", self.names["b"])
        for name, own, peer in (("a", "172.31.9.1", "172.31.9.2"), ("b", "172.31.9.2", "172.31.9.1")):
            run("ip", "-n", self.names[name], "address", "add", f"{own}/24", "dev", "sync")
            run("ip", "-n", self.names[name], "link", "set", "sync", "up")
            with open(f"{self.folder}/{name}.conf", "w", encoding="ascii") as out:
                out.write(CONFIG.format(own=own, peer=peer, folder=self.folder, name=name))
        with inside(self.names["a"]):
            self.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
            self.netlink.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
        for name in self.names:
            self.start(name)

    def __exit__(self, *_error):
        for name in list(self.daemons):
            self.stop(name)
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

    def start(self, name):
        with open(f"{self.folder}/{name}.log", "a", encoding="utf-8") as log:
            self.daemons[name] = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.names[name]}", "conntrackd", "-C", f"{self.folder}/{name}.conf"],
                stdout=log, stderr=log)
        end = time.monotonic() + 10
        while self.ask(name, "-s").returncode:
            if time.monotonic() > end or self.daemons[name].poll() is not None:
                with open(f"{self.folder}/{name}.log", encoding="utf-8") as log:
                    raise RuntimeError(f"conntrackd does not start: {log.read().strip()}")
            time.sleep(0.02)

    def stop(self, name):
        daemon = self.daemons.pop(name)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
        for kind in ("lock", "ctl"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.folder}/{name}.{kind}")

    def ask(self, name, *words):
        return subprocess.run(["conntrackd", "-C", f"{self.folder}/{name}.conf", *words], capture_output=True,
                              text=True, check=False)

    def external(self, name):
        """{"active": entries of the peer that it has, "created": .., "updated": ..}."""
        said = self.ask(name, "-s").stdout.split("cache external:")[1]
        return {word: int(re.search(rf"{word}[^\d]*(\d+)", said).group(1)) for word in ("active", "created", "updated")}

    def cpu(self, name):
        with open(f"/proc/{self.daemons[name].pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wire(self):
        said = subprocess.run(["ip", "-n", self.names["a"], "-j", "-s", "link", "show", "dev", "sync"],
                              capture_output=True, text=True, check=True).stdout
        return json.loads(said)[0]["stats64"]["tx"]["bytes"]

    def wait(self, what, wanted, seconds=60):
        """Until node b's external cache has WANTED; (how many it came to, when that was)."""
        seen, when = self.external("b")[what], time.monotonic()
        while seen < wanted and time.monotonic() - when < 3 and seconds > 0:
            time.sleep(0.01)
            now = self.external("b")[what]
            if now != seen:
                seen, when = now, time.monotonic()
        return seen, when

    def change(self, messages, what, count):
        """Gives node a's kernel MESSAGES about COUNT entries; what it took until node b knew."""
        had, cpu, sent = self.external("b")[what], {n: self.cpu(n) for n in self.names}, self.wire()
        began = time.monotonic()
        for batch in messages:
            self.netlink.send(batch)
        came, when = self.wait(what, had + count)
        return {"came": came - had, "seconds": when - began, "bytes": self.wire() - sent,
                "cpu": {n: self.cpu(n) - cpu[n] for n in self.names}}

    def fresh(self, count):
        """Node b is started anew and asks for all: seconds, and how many it came to."""
        self.stop("b")
        sent = self.wire()
        self.start("b")
        began = time.monotonic()
        self.ask("b", "-n")
        came, when = self.wait("active", count)
        return {"came": came, "seconds": when - began, "bytes": self.wire() - sent}


def conntrackd_rows(folder):
    with Conntrackd(folder) as pair:
        new = pair.change(batches(BESIDE, 0), "created", BESIDE)
        # an event says what is there: rounds that conntrackd can't follow fold into one
        changed = pair.change(batches(BESIDE, 1), "updated", BESIDE)
        fresh = pair.fresh(BESIDE)
    rows = []
    for what, figures in (("new entries", new), ("updates", changed)):
        came = max(1, figures["came"])
        rows.append(row("sync", f"conntrackd FT-FW, {what}{missing(figures)}", flows=BESIDE,
                        pps=came / figures["seconds"], bytes=figures["bytes"] / came))
        rows.append(row("sync", f"  the same a second of CPU, sender ({figures['cpu']['a']:.2f} s)", flows=BESIDE,
                        pps=came / max(0.01, figures["cpu"]["a"])))
    rows.append(row("sync", f"conntrackd FT-FW, a fresh node is complete{missing(fresh)}", flows=BESIDE,
                    ns=1e9 * fresh["seconds"] / BESIDE, bytes=fresh["bytes"] / BESIDE))
    return rows, changed, fresh


def missing(figures):
    return f" ({BESIDE - figures['came']} never came)" if figures["came"] < BESIDE else ""


# --- ours ---

def ours(lab, sessions):
    said = lab.run([f"{lab.build}/bench/sync", str(sessions), str(ROUNDS)])
    return {line["what"]: line for line in map(json.loads, said.splitlines())}


def beside(lab):
    with tempfile.TemporaryDirectory(prefix="sandwich-bench-") as folder:
        rows, changed, fresh = conntrackd_rows(folder)
    mine = ours(lab, BESIDE)
    updates = mine["updates"]
    theirs_cpu = changed["came"] / max(0.01, changed["cpu"]["a"])
    rows += [
        row("sync", "ours, encrypted, updates; ratio to conntrackd's", flows=BESIDE, pps=updates["per_second"],
            bytes=updates["bytes"], ratio=updates["per_second"] * changed["seconds"] / max(1, changed["came"])),
        row("sync", "  the same a second of CPU, sender", flows=BESIDE, pps=updates["per_cpu_second_active"],
            ratio=updates["per_cpu_second_active"] / theirs_cpu),
        row("sync", "ours, a fresh standby is equal; ratio to conntrackd's time", flows=BESIDE,
            ns=1e6 * mine["fresh"]["ms"] / BESIDE, bytes=mine["fresh"]["bytes"] / BESIDE,
            ratio=mine["fresh"]["ms"] / 1000 / fresh["seconds"]),
    ]
    return rows


def many(lab):
    """The figures of the design, of which the ratio is a part."""
    mine = ours(lab, MANY)
    updates, fresh, repair = mine["updates"], mine["fresh"], mine["repair"]
    return [
        row("sync", "updates a second of one core, sender; of 2,000,000", flows=MANY, target=1.0,
            pps=updates["per_cpu_second_active"], bytes=updates["bytes"],
            ratio=updates["per_cpu_second_active"] / FIGURE_UPDATES),
        row("sync", "updates a second of one core, receiver; of 2,000,000", flows=MANY, target=1.0,
            pps=updates["per_cpu_second_standby"], ratio=updates["per_cpu_second_standby"] / FIGURE_UPDATES),
        row("sync", "updates a second by the clock, making the changes included", flows=MANY,
            pps=updates["per_second"]),
        row("sync", "a fresh standby is equal, each session; of 2 s in all", flows=MANY, most=1.0,
            ns=1e6 * fresh["ms"] / MANY, bytes=fresh["bytes"] / MANY, ratio=fresh["ms"] / 1000 / FIGURE_FRESH_S),
        row("sync", "10,000 differences repaired, each; of 1 s in all", flows=MANY, most=1.0,
            ns=1e6 * repair["ms"] / (MANY / 100), ratio=repair["ms"] / 1000 / FIGURE_REPAIR_S),
        row("sync", "10,000 differences repaired, bytes of each; of 1 MB in all", flows=MANY, most=1.0,
            bytes=repair["bytes"] / (MANY / 100), ratio=repair["bytes"] / FIGURE_REPAIR_BYTES),
    ]


def steps():
    return [Step("sync", "updates, a fresh standby and repair of a million sessions", 12, many),
            Step("sync", "beside conntrackd on as many entries", 30, beside)]
