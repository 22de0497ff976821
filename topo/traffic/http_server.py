#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A download server: GET /BYTES sends that many, GET /BYTES/SECONDS spreads them over that time. IPv4 and IPv6.

    http_server.py [PORT]
"""
import asyncio
import contextlib
import socket
import sys

CHUNK = bytes(range(256)) * 256
SLICES_PER_SECOND = 10


async def send_body(writer, size, seconds):
    slices = max(1, int(seconds * SLICES_PER_SECOND))
    for number in range(slices):
        left = size * (number + 1) // slices - size * number // slices
        while left > 0:
            writer.write(CHUNK[:left])
            left -= min(left, len(CHUNK))
            await writer.drain()
        if seconds:
            await asyncio.sleep(1 / SLICES_PER_SECOND)


async def answer(reader, writer):
    with contextlib.suppress(OSError, ValueError, IndexError, asyncio.IncompleteReadError):
        request = (await reader.readuntil(b"\r\n\r\n")).split()
        words = request[1].decode().strip("/").split("/")
        size, seconds = int(words[0] or 0), float(words[1]) if len(words) > 1 else 0
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
        await send_body(writer, size, seconds)
        await writer.drain()
    writer.close()


def listening_socket(port):
    """Dual-stack: asyncio's own for "::" would be IPv6 only."""
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    return listener


async def main(port):
    server = await asyncio.start_server(answer, sock=listening_socket(port), backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 80))
