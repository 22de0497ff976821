# SPDX-License-Identifier: ISC
"""Frames on a lab's LANs, as they are: sent, and seen, by one process in many namespaces."""
import os
import socket
import time

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.utils6 import in6_getnsma, in6_getnsmac
from scapy.pton_ntop import inet_pton

from topo.vpn.talk import enter

ALL_TYPES = 3
OUTGOING = 4  # linux/if_packet.h: what this host sends itself
BROADCAST = "ff:ff:ff:ff:ff:ff"


class Wire:
    """DEVICE of the namespace SPACE. Use it as a context manager."""

    def __init__(self, space, device="eth0"):
        with open(f"/proc/{os.getpid()}/ns/net", "rb") as own:
            try:
                enter(space.net)
                self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_TYPES))
                self.sock.bind((device, ALL_TYPES))
            finally:
                enter(f"/proc/self/fd/{own.fileno()}")
        self.mac = self.sock.getsockname()[4].hex(":")

    def send(self, frame):
        self.sock.send(bytes(frame))

    def seen(self, seconds, wanted):
        """The frames that came in for so long and that WANTED, a function of a scapy frame, says yes to."""
        found, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                data, where = self.sock.recvfrom(65536)
            except TimeoutError:
                break
            frame = Ether(data)
            if where[2] != OUTGOING and wanted(frame):
                found.append(frame)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.sock.close()


def who_has(wire, own, address, seconds=0.5):
    """The MACs that answer for ADDRESS on WIRE, whoever and however often; OWN is asked from. What is told to all,
    unasked, is no answer."""
    if ":" not in address:
        wire.send(Ether(src=wire.mac, dst=BROADCAST) / ARP(op=1, hwsrc=wire.mac, psrc=own, pdst=address))
        answers = wire.seen(seconds, lambda f: ARP in f and f.dst == wire.mac and f[ARP].psrc == address)
        return [answer[ARP].hwsrc for answer in answers]
    group = in6_getnsma(inet_pton(socket.AF_INET6, address))
    wire.send(Ether(src=wire.mac, dst=in6_getnsmac(group)) /
              IPv6(src=own, dst=socket.inet_ntop(socket.AF_INET6, group), hlim=255) /
              ICMPv6ND_NS(tgt=address) / ICMPv6NDOptSrcLLAddr(lladdr=wire.mac))
    answers = wire.seen(seconds, lambda f: "ICMPv6ND_NA" in f and f.dst == wire.mac and f["ICMPv6ND_NA"].tgt == address)
    return [answer["ICMPv6NDOptDstLLAddr"].lladdr for answer in answers]


def datagram(wire, source, to, **header):
    """A UDP datagram toward (MAC, ADDRESS), with whatever IP header; SOURCE is (ADDRESS, port)."""
    return Ether(src=wire.mac, dst=to[0]) / IP(src=source[0], dst=to[1], **header) / UDP(
        sport=source[1], dport=7777) / b"as it came"
