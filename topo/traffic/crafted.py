#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Packets that no well-behaved program sends. Each sub-command prints JSON (servers print "ready" first).

    crafted.py answer-last-first PORT BYTES   answer UDP questions in fragments, the last one first (scapy)
    crafted.py ask ADDRESS PORT [SOURCE [BYTES]]  one UDP question, in fragments last first if it has many BYTES;
                                              the size of the answer
    crafted.py big ADDRESS PORT [SOURCE]      send a datagram with "don't fragment" until packet-too-big is heard
    crafted.py spray SOURCE,.. TARGET,.. PORT COUNT  one datagram from each of COUNT fixed ports, over all pairs
    crafted.py strays JSON    many strays at once: [[SOURCE, SPORT, TARGET, DPORT, FLAGS], ..]
    crafted.py stray SOURCE SPORT TARGET DPORT FLAGS   one TCP segment out of nowhere
"""
import json
import socket
import sys
import time

FRAGMENT = 1400  # bytes of each fragment's payload; a multiple of 8


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _scapy():
    import logging
    logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
    from scapy import all as scapy
    return scapy


def last_first(scapy, answer):
    """The fragments of one packet, the last one first."""
    if answer.haslayer(scapy.IPv6):
        pieces = scapy.fragment6(answer, FRAGMENT + 48)
    else:
        pieces = scapy.fragment(answer, FRAGMENT)
    return list(reversed(pieces))


def build_datagram(scapy, source, target, port, data):
    """A UDP packet of ours to TARGET, with its checksum, ready to be cut."""
    udp = scapy.UDP(sport=port, dport=target[1]) / data
    if ":" in source:
        head = scapy.IPv6(src=source, dst=target[0]) / scapy.IPv6ExtHdrFragment(id=int(time.time() * 1e6) & 0xffffffff)
        return scapy.IPv6(bytes(_with_checksum(scapy, source, target[0], udp, head)))
    return scapy.IP(bytes(scapy.IP(src=source, dst=target[0], id=int(time.time() * 1e6) & 0xffff) / udp))


def _with_checksum(scapy, source, target, udp, head):
    """The pseudo-header has to be reckoned without the fragment header in between."""
    whole = scapy.IPv6(bytes(scapy.IPv6(src=source, dst=target) / udp))
    udp.chksum = whole[scapy.UDP].chksum
    return head / udp


def receive(listener):
    """A question, who asked, and which of our addresses it was sent to."""
    data, control, _, source = listener.recvmsg(65535, 256)
    ours = ""
    for _, kind, value in control:
        if kind == socket.IPV6_PKTINFO:
            ours = socket.inet_ntop(socket.AF_INET6, value[:16])
    return data, source, ours


def filler(start, size):
    return (start + bytes(range(256)) * (size // 256 + 1))[:size]


def send_pieces(pieces, target):
    """Whole IP packets, by the kernel's routes."""
    with socket.socket(family_of(target), socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for piece in pieces:
            raw.sendto(bytes(piece), (target, 0))


def unmapped(address):
    return address[7:] if address.startswith("::ffff:") else address


def answer_last_first(port, size):
    """Answer each question in reversed fragments, from raw sockets below IP (routed by the kernel)."""
    scapy = _scapy()
    listener = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    listener.bind(("::", port))
    print("ready", flush=True)
    while True:
        data, source, ours = receive(listener)
        target = (unmapped(source[0]), source[1])
        answer = build_datagram(scapy, unmapped(ours), target, port, filler(data, size))
        send_pieces(last_first(scapy, answer), target[0])


def ask(address, port, source="", size=8):
    """One question; tells how large the answer was."""
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    sock.settimeout(2)
    if source:
        sock.bind((source, 0))
    sock.connect((address, port))
    own, own_port = sock.getsockname()[:2]
    if size > FRAGMENT:
        scapy = _scapy()
        question = build_datagram(scapy, own, (address, port), own_port, filler(b"", size))
        send_pieces(last_first(scapy, question), address)
    else:
        sock.send(filler(b"question", size))
    try:
        got = len(sock.recv(65535))
    except OSError as error:
        return {"bytes": 0, "error": repr(error), "port": own_port}
    return {"bytes": got, "error": "", "port": own_port}


# <linux/in.h>, <linux/in6.h>: not in Python's socket module
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14
IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, IPV6_MTU = 23, 2, 24


def big(address, port, source=""):
    """Send 1400 bytes that must not be cut, until the kernel knows a smaller path: the packet-too-big arrived."""
    family = family_of(address)
    level, discover, mtu = ((socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_MTU) if family == socket.AF_INET6
                            else (socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_MTU))
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(level, discover, IP_PMTUDISC_DO)
    if source:
        sock.bind((source, 0))
    sock.connect((address, port))
    before = sock.getsockopt(level, mtu)
    for attempt in range(1, 41):
        try:
            sock.send(bytes(1400))
        except OSError as error:
            return {"before": before, "mtu": sock.getsockopt(level, mtu), "attempts": attempt, "error": repr(error),
                    "port": sock.getsockname()[1]}
        time.sleep(0.05)
    return {"before": before, "mtu": sock.getsockopt(level, mtu), "attempts": 40, "error": "",
            "port": sock.getsockname()[1]}


def stray(source, sport, target, dport, flags):
    """A TCP segment of no connection, as conntrack would call invalid."""
    scapy = _scapy()
    head = scapy.IPv6(src=source, dst=target) if ":" in source else scapy.IP(src=source, dst=target)
    segment = head / scapy.TCP(sport=int(sport), dport=int(dport), flags=flags, seq=1, ack=1)
    send_pieces([segment], target)
    return {"sent": len(bytes(segment))}


def spray(sources, targets, port, count):
    """The same five-tuples at every call: where do they go?"""
    pairs = [(s, t) for s in sources.split(",") for t in targets.split(",") if family_of(s) == family_of(t)]
    for number in range(count):
        source, target = pairs[number % len(pairs)]
        with socket.socket(family_of(target), socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((source, 61000 + number))
            sock.sendto(b"spray", (target, port))
        time.sleep(0.001)
    return {"sent": count}


COMMANDS = {
    "spray": lambda sources, targets, port, count: spray(sources, targets, int(port), int(count)),
    "strays": lambda words: [stray(*row) for row in json.loads(words)],
    "answer-last-first": lambda port, size: answer_last_first(int(port), int(size)),
    "ask": lambda address, port, source="", size=8: ask(address, int(port), source, int(size)),
    "big": lambda address, port, source="": big(address, int(port), source),
    "stray": stray,
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
