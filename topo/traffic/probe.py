#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What clients see of an outage: small questions at a steady pace over some flows, and which were answered.

    probe.py echo PORT
    probe.py ask SECONDS PACE_MS PORT SOURCE,TARGET ...       prints one line of JSON at the end

Every question carries the flow and its number; the answer is the same bytes. No question is sent again: what was lost
stays lost, so that the longest row of unanswered ones is the outage.
"""
import json
import select
import signal
import socket
import struct
import sys
import time

IP_PKTINFO = 8  # Linux; the module has no name for it in all versions. Answers leave by the address that was asked.
QUESTION = struct.Struct("!II")


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def echo(port):
    socks = []
    for kind in (socket.AF_INET, socket.AF_INET6):
        sock = socket.socket(kind, socket.SOCK_DGRAM)
        if kind == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        sock.bind(("", port))
        socks.append(sock)
    while True:
        for sock in select.select(socks, [], [])[0]:
            data, control, _flags, sender = sock.recvmsg(64, 256)
            sock.sendmsg([data], control, 0, sender)


class Asker:
    """Questions out, answers in, and when that was."""

    def __init__(self, pairs, port):
        self.socks = []
        self.sent = [[] for _ in pairs]
        self.answered = [{} for _ in pairs]
        for source, target in pairs:
            sock = socket.socket(family(source), socket.SOCK_DGRAM)
            sock.bind((source, 0))
            sock.connect((target, port))
            sock.setblocking(False)
            self.socks.append(sock)

    def ask(self, now):
        for flow, sock in enumerate(self.socks):
            try:
                sock.send(QUESTION.pack(flow, len(self.sent[flow])))
            except OSError:
                pass  # unreachable for now: a question without an answer all the same
            self.sent[flow].append(now)

    def hear(self, until):
        while True:
            left = until - time.monotonic()
            ready = select.select(self.socks, [], [], max(0, left))[0]
            for sock in ready:
                self.take(sock)
            if left <= 0:
                return

    def take(self, sock):
        while True:
            try:
                flow, number = QUESTION.unpack(sock.recv(64))
            except OSError:
                return
            self.answered[flow].setdefault(number, time.monotonic())

    def report(self):
        """Times are of CLOCK_MONOTONIC, which is the same in all namespaces."""
        flows = []
        for flow, sent in enumerate(self.sent):
            flows.append({"port": self.socks[flow].getsockname()[1], "sent": sent,
                          "answered": [self.answered[flow].get(n) for n in range(len(sent))]})
        return {"flows": flows}


def ask(seconds, pace, port, pairs):
    asker = Asker(pairs, port)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    end = time.monotonic() + seconds
    due = time.monotonic()
    while due < end and not stop:
        asker.ask(time.monotonic())
        due = max(due + pace, time.monotonic())
        asker.hear(due)
    asker.hear(time.monotonic() + 0.3)
    print(json.dumps(asker.report()), flush=True)


def main(words):
    if len(words) == 2 and words[0] == "echo":
        echo(int(words[1]))
    elif len(words) > 4 and words[0] == "ask":
        ask(float(words[1]), float(words[2]) / 1000, int(words[3]), [pair.split(",") for pair in words[4:]])
    else:
        print(__doc__, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
