# SPDX-License-Identifier: ISC
"""What Linux does by itself with the same frames on the same ports, in turn with the same ceiling.

A program that lets everything pass stands on the port in turn with the ceiling; behind it the kernel
forwards: by a bridge, by its routes, with conntrack, by nftables in the netdev ingress hook.
"""
import contextlib
import subprocess
import time

from daemon import daemon
from fast import K, M, NEW_FLOWS, count, fast, seconds
from lab import DEVICE, UPLINK, VIRTUAL, run
from report import Step, row

MEASURE, PCAP_MEASURE = "0:12:15:45", "0:5:100:300"
CONNTRACK = "Linux routing with conntrack"
CONNTRACK_MOST = 8 * M  # entries; each 320 bytes
CONNTRACK_RATE = 250e3  # new flows a second, at least: for the time it takes to make them

JHASH = """table netdev bench {{
 chain in {{
  type filter hook ingress device u0 priority 0;
  ether daddr set jhash ip saddr . ip daddr mod 8 seed 0x7 map {{ {macs} }}
  fwd to jhash ip saddr . ip daddr mod 2 seed 0x7 map {{ 0 : "d0", 1 : "d0" }}
 }}
}}"""
CT = ("table ip bench { chain forward { type filter hook forward priority 0; policy drop; "
      "ct state new,established accept; }; }")


def inside(lab, *words):
    run("nsenter", f"--net={lab.prefix}mid", *words)


@contextlib.contextmanager
def bridge(lab):
    mid = lab.names["mid"]
    run("ip", "-n", mid, "link", "add", "br0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
    for port in ("u0", "d0"):
        run("ip", "-n", mid, "link", "set", port, "master", "br0")
    run("ip", "-n", mid, "link", "set", "br0", "up")
    run("bridge", "-n", mid, "fdb", "replace", DEVICE, "dev", "d0", "master", "static")
    try:
        yield DEVICE
    finally:
        run("ip", "-n", mid, "link", "del", "br0")


@contextlib.contextmanager
def routing(lab):
    mid = lab.names["mid"]
    run("ip", "-n", mid, "address", "replace", "10.65.0.1/24", "dev", "u0")
    run("ip", "-n", mid, "address", "replace", "10.66.0.1/24", "dev", "d0")
    run("ip", "-n", mid, "neigh", "replace", "10.66.0.2", "lladdr", DEVICE, "dev", "d0", "nud", "permanent")
    run("ip", "-n", mid, "route", "replace", "10.128.0.0/9", "via", "10.66.0.2")
    inside(lab, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    try:
        yield UPLINK
    finally:
        inside(lab, "sysctl", "-qw", "net.ipv4.ip_forward=0")
        run("ip", "-n", mid, "address", "flush", "dev", "u0")
        run("ip", "-n", mid, "address", "flush", "dev", "d0")


@contextlib.contextmanager
def nft(lab, text):
    inside(lab, "nft", text)
    try:
        yield UPLINK
    finally:
        inside(lab, "nft", "delete", "table", *text.split()[1:3])


def jhash(lab):
    macs = ", ".join(f"{i} : {DEVICE[:-1]}{i + 1}" for i in range(8))
    return nft(lab, JHASH.format(macs=macs))


def sysctl(name, value=None):
    with open("/proc/sys/" + name.replace(".", "/"), "r+" if value else "r", encoding="ascii") as file:
        if value:
            file.write(str(value))
            return value
        return int(file.read())


@contextlib.contextmanager
def conntrack(lab):
    """Its table is sized for the whole machine only: made large enough meanwhile, and set back."""
    sizes = {name: sysctl(name) for name in ("net.netfilter.nf_conntrack_buckets", "net.netfilter.nf_conntrack_max")}
    try:
        for name in sizes:
            sysctl(name, max(sizes[name], CONNTRACK_MOST // (4 if name.endswith("buckets") else 1)))
        with routing(lab), nft(lab, CT):
            inside(lab, "sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=600")
            yield UPLINK
    finally:
        subprocess.run(["nsenter", f"--net={lab.prefix}mid", "conntrack", "-F"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name, value in sizes.items():
            sysctl(name, value)


def measured(lab, peer, flows, **options):
    with peer(lab) as to:
        return fast(lab, [MEASURE], what="pass", flows=flows, to=to, **options)[0]


def step(bench, what, peer, flows, **options):
    def measure(lab):
        return [row(bench, what, flows=flows, **measured(lab, peer, flows, **options))]

    fill = flows / (CONNTRACK_RATE if peer is conntrack else 600e3)
    return Step(bench, f"{what}, {count(flows)} flows", 1 + fill + seconds(MEASURE), measure)


def pcap(flows, settle=1.0):
    """It works on the other core, so the wall's clock counts; offered is as much as the ceiling gets."""
    def measure(lab):
        with daemon(lab, "pcap", "auto"):
            time.sleep(settle)
            said = fast(lab, [PCAP_MEASURE], what="pass", wall=True, flows=flows, to=VIRTUAL[0])[0]
        return [row("peer", "sandwich-ingress, pcap data path, overloaded", flows=flows, track="auto", **said)]

    return Step("peer", "the pcap data path on the same ports", 3 + seconds(PCAP_MEASURE), measure)


def conntrack_new():
    def measure(lab):
        said = measured(lab, conntrack, 1, order="sequence")
        ours = [r["ratio"] for r in lab.rows if r["what"] == NEW_FLOWS]
        rows = [row("new", f"{CONNTRACK}, every frame a new flow", **said)]
        if ours:
            rows.append(row("new", "sandwich, to Linux routing with conntrack", ratio=ours[0] / said["ratio"],
                            target=3.5))
        return rows

    return Step("new", f"{CONNTRACK}, every frame a new flow", 1 + seconds(MEASURE), measure)


def steps():
    return [conntrack_new(),
            step("peer", "Linux bridge", bridge, M),
            step("peer", "Linux routing", routing, M),
            step("peer", "nftables jhash in netdev ingress", jhash, M),
            pcap(K),
            *(step("peer", CONNTRACK, conntrack, flows) for flows in (K, 16 * K, 128 * K, M, 4 * M))]
