# SPDX-License-Identifier: ISC
"""Reads tests/vpn/captures: pcap files of Ethernet and IPv4, as topo/vpn/record.py and record_kernel.py write them."""
import os
import struct
from typing import NamedTuple

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "captures")
GATEWAY = "192.0.2.10"


class Packet(NamedTuple):
    """One IP packet. A later fragment has no ports, nor have ESP, AH and GRE: their data begins where UDP's header
    would. TCP's is whole."""

    client: str
    port: int           # the client's
    gateway_port: int
    inward: bool        # to the gateway
    later: bool
    data: bytes
    protocol: int = 17


def path(kind):
    return os.path.join(FOLDER, f"{kind}.pcap")


def parse(frame):
    ip = frame[14:]
    length, offset = (ip[0] & 15) * 4, struct.unpack("!H", ip[6:8])[0] & 0x1fff
    source, target = (".".join(map(str, ip[at:at + 4])) for at in (12, 16))
    inward = target == GATEWAY
    data = ip[length:struct.unpack("!H", ip[2:4])[0]]
    if offset:
        return Packet(source if inward else target, 0, 0, inward, True, data)
    protocol = ip[9]
    if protocol not in (6, 17):
        return Packet(source if inward else target, 0, 0, inward, False, data, protocol)
    ports = struct.unpack("!HH", data[:4])
    return Packet(source if inward else target, ports[not inward], ports[inward], inward, False,
                  data[8:] if protocol == 17 else data, protocol)


def read(kind):
    """[Packet] of a capture, in order."""
    with open(path(kind), "rb") as file:
        text = file.read()
    packets, at = [], 24
    while at < len(text):
        size = struct.unpack("<I", text[at + 8:at + 12])[0]
        packets.append(parse(text[at + 16:at + 16 + size]))
        at += 16 + size
    return packets
