#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Puts connection ids into captures whose programs chose others or none, since no program of Debian's has them.

    topo/vpn/identifiers.py quic-lb QUIC.pcap OUT.pcap      ids that name their server: 0a01 for the client 192.0.2.21,
                                                            0a02 for the next one
    topo/vpn/identifiers.py dtls-cid DTLS.pcap OUT.pcap     RFC 9146: what a client encrypts has an id of 4 bytes,
                                                            its address as it is at first

What is encrypted stays as it was, and none of it could be decrypted any more; addresses, ports, sizes and times are the
capture's.
"""
import struct
import sys

GATEWAY = bytes((192, 0, 2, 10))
QUIC_ID = 18            # bytes of the ids that ngtcp2's server chooses
CONFIG = 2              # of QUIC-LB: the first three bits
DTLS_VERSION = b"\xfe\xfd"
DTLS_CID = 25


def read(path):
    """The file's header, and [(seconds and microseconds, frame)]."""
    with open(path, "rb") as file:
        text = file.read()
    packets, at = [], 24
    while at < len(text):
        size = struct.unpack("<I", text[at + 8:at + 12])[0]
        packets.append((text[at:at + 8], text[at + 16:at + 16 + size]))
        at += 16 + size
    return text[:24], packets


def write(path, header, packets):
    with open(path, "wb") as file:
        file.write(header)
        for time, frame in packets:
            file.write(time + struct.pack("<II", len(frame), len(frame)) + frame)


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack("!H", ~total & 0xffff)


def with_payload(frame, payload):
    """The UDP datagram (IPv4 without options) with another payload: lengths and checksums follow."""
    size = len(payload) + 8
    ip = frame[14:16] + struct.pack("!H", size + 20) + frame[18:24] + bytes(2) + frame[26:34]
    ip = ip[:10] + checksum(ip) + ip[12:]
    udp = frame[34:38] + struct.pack("!H", size)
    total = checksum(ip[12:20] + struct.pack("!HH", 17, size) + udp + bytes(2) + payload)
    return frame[:14] + ip + udp + total + payload


def inward(frame):
    return frame[30:34] == GATEWAY


# QUIC: RFC 9000, draft-ietf-quic-load-balancers

def long_ids(data):
    """Destination's and source's id of a long header."""
    end = 6 + data[5]
    return data[6:end], data[end + 1:end + 1 + data[end]]


def server_id(client):
    return bytes((0x0a, client[3] - 20))


def routable(old, client):
    return bytes((CONFIG << 5 | len(old) - 1,)) + server_id(client) + old[3:]


def quic(packets):
    ids = {}            # of the servers, as they were -> as they are to be
    for _, frame in packets:
        data = frame[42:]
        if not inward(frame) and data[0] & 0x80:
            ids.setdefault(long_ids(data)[1], frame[30:34])
    ids = {old: routable(old, client) for old, client in ids.items()}
    for time, frame in packets:
        data = frame[42:]
        for old, new in ids.items():
            data = data.replace(old, new)
        if inward(frame) and not data[0] & 0x80:        # perhaps one that it was given later
            data = data[:1] + routable(data[1:1 + QUIC_ID], frame[26:30]) + data[1 + QUIC_ID:]
        yield time, with_payload(frame, data)


# DTLS 1.2 with connection ids

def records(data, client):
    """The records of a client's datagram, those with an epoch as RFC 9146 has them."""
    while data:
        size = 13 + struct.unpack("!H", data[11:13])[0]
        head, content = data[:11], data[13:size]
        if head[1:3] == DTLS_VERSION and head[3:5] != bytes(2):
            head = bytes((DTLS_CID,)) + head[1:] + client       # the id that the gateway chose
        yield head + struct.pack("!H", len(content)) + content
        data = data[size:]


def dtls(packets):
    for time, frame in packets:
        yield time, with_payload(frame, b"".join(records(frame[42:], frame[26:30]))) if inward(frame) else frame


def main(words):
    kinds = {"quic-lb": quic, "dtls-cid": dtls}
    if len(words) != 3 or words[0] not in kinds:
        sys.exit(__doc__)
    header, packets = read(words[1])
    write(words[2], header, list(kinds[words[0]](packets)))


if __name__ == "__main__":
    main(sys.argv[1:])
