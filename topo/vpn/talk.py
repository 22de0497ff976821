#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Traffic through many tunnels from one process: its sockets stand in as many network namespaces.

    talk.py echo PORT NETNS,ADDRESS ...                         returns what comes by UDP and TCP
    talk.py swap PORT SIZE LIMIT NETNS,SOURCE,TARGET ...        sends SIZE bytes by TCP each, and wants them back
    talk.py ask SECONDS PACE_MS PORT NETNS,SOURCE,TARGET ...    small questions at a steady pace (topo/traffic/probe.py)

NETNS is a file such as /run/netns/NAME. swap and ask print one line of JSON at the end.
"""
import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from topo.traffic import probe  # noqa: E402

CLONE_NEWNET = 0x40000000
IP_FREEBIND = 15  # an inner address may come with its tunnel, or go with it
CHUNK = 16384
_libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    """Go into a network namespace; sockets that are there stay where they were made."""
    with open(path, "rb") as file:
        if _libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {path}")


def socket_in(netns, kind, address, port=0):
    enter(netns)
    sock = socket.socket(socket.AF_INET, kind)
    sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setblocking(False)
    sock.bind((address, port))
    return sock


class EchoDatagrams(asyncio.DatagramProtocol):
    """Every datagram goes back to its sender."""

    transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


async def echo_stream(reader, writer):
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def echo(port, places):
    loop = asyncio.get_running_loop()
    for netns, address in places:
        await loop.create_datagram_endpoint(EchoDatagrams, sock=socket_in(netns, socket.SOCK_DGRAM, address, port))
        await asyncio.start_server(echo_stream, sock=socket_in(netns, socket.SOCK_STREAM, address, port))
    print("ready", flush=True)
    await asyncio.Event().wait()


async def swap_one(sock, target, port, data):
    """The number of bytes that came back as they were sent."""
    await asyncio.get_running_loop().sock_connect(sock, (target, port))
    reader, writer = await asyncio.open_connection(sock=sock)

    async def send():
        writer.write(data)
        await writer.drain()
    sending = asyncio.ensure_future(send())
    back = await reader.readexactly(len(data))
    await sending
    writer.close()
    return sum(a == b for a, b in zip(back, data)) if back != data else len(data)


async def swap(port, size, limit, places):
    """All at once; one row for each place: {"ok", "bytes", "error", "ms"}."""
    data = os.urandom(size)

    async def one(netns, source, target):
        began = time.monotonic()
        row = {"source": source, "target": target, "bytes": 0, "error": ""}
        try:
            sock = socket_in(netns, socket.SOCK_STREAM, source)
            row["bytes"] = await asyncio.wait_for(swap_one(sock, target, port, data), limit)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
            row["error"] = repr(error)
        return {**row, "ok": row["bytes"] == size, "ms": round((time.monotonic() - began) * 1000)}
    print(json.dumps(await asyncio.gather(*(one(*place) for place in places))), flush=True)


class Asker(probe.Asker):
    """The prober of topo/traffic with sockets in many namespaces."""

    def __init__(self, places, port):
        super().__init__([], port)
        for netns, source, target in places:
            sock = socket_in(netns, socket.SOCK_DGRAM, source)
            sock.connect((target, port))
            self.socks.append(sock)
        self.sent = [[] for _ in places]
        self.answered = [{} for _ in places]


def ask(seconds, pace, port, places):
    asker = Asker(places, port)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    print("ready", flush=True)
    due = time.monotonic()
    end = due + seconds
    while due < end and not stop:
        asker.ask(time.monotonic())
        due = max(due + pace, time.monotonic())
        asker.hear(due)
    asker.hear(time.monotonic() + 0.5)
    print(json.dumps(asker.report()), flush=True)


def main(words):
    verb, words = words[0], words[1:]
    places = [word.split(",") for word in words if "," in word]
    numbers = [float(word) for word in words if "," not in word]
    if verb == "echo":
        asyncio.run(echo(int(numbers[0]), places))
    elif verb == "swap":
        asyncio.run(swap(int(numbers[0]), int(numbers[1]), numbers[2], places))
    elif verb == "ask":
        ask(numbers[0], numbers[1] / 1000, int(numbers[2]), places)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:] or [""])
