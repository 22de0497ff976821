#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The baseline's health check: ping each firewall, and keep the dead out of the multipath routes.

Started by linux.py inside a balancer's namespace with its task as JSON. Writes {firewall: "up"|"down"|"draining"} to
the task's state file at every change. At SIGHUP reads the name of a firewall to drain from the task's drained file.
"""
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

ECHO_REQUEST, ECHO_REPLY = 8, 0


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def echo(identity, sequence):
    header = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, identity, sequence)
    return struct.pack("!BBHHH", ECHO_REQUEST, 0, checksum(header), identity, sequence)


class Monitor:
    """Who of the firewalls answers."""

    def __init__(self, task):
        self.task = task
        self.identity = os.getpid() & 0xffff
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.names = {f["addresses"][0]: f["name"] for f in task["firewalls"]}
        self.missed = {name: task["count"] for name in self.names.values()}
        self.up = set()
        self.written = None
        self.drained = set()
        signal.signal(signal.SIGHUP, self.on_hangup)

    def on_hangup(self, _number, _frame):
        with open(self.task["drained"], encoding="ascii") as names:
            self.drained = set(names.read().split())

    def ask_all(self, sequence):
        for address in self.names:
            try:
                self.socket.sendto(echo(self.identity, sequence), (address, 0))
            except OSError:
                pass  # no neighbour: as good as no answer

    def hear(self, until):
        """Collect answers; returns who gave one."""
        heard = set()
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                break
            packet, (source, _) = self.socket.recvfrom(2048)
            start = (packet[0] & 15) * 4
            kind, _, _, identity = struct.unpack("!BBHH", packet[start:start + 6])
            if kind == ECHO_REPLY and identity == self.identity and source in self.names:
                heard.add(self.names[source])
        return heard

    def judge(self, heard):
        for name in self.missed:
            self.missed[name] = 0 if name in heard else self.missed[name] + 1
        return {name for name, missed in self.missed.items() if missed < self.task["count"]}

    def install(self, up):
        """One multipath route for each net, over who is up."""
        for net in self.task["nets"]:
            six = ":" in net
            hops = []
            for firewall in self.task["firewalls"]:
                if firewall["name"] in up:
                    hops += ["nexthop", "via", firewall["addresses"][six], "dev", self.task["device"]]
            family = ["-6"] if six else ["-4"]
            verb = ["replace", net] + hops if hops else ["replace", "unreachable", net]
            subprocess.run(["ip", *family, "route", *verb], check=False)

    def write(self):
        state = {name: "up" if name in self.up else "down" for name in self.missed}
        state.update({name: "draining" for name in self.up & self.drained})
        temporary = self.task["state"] + ".new"
        with open(temporary, "w", encoding="ascii") as out:
            json.dump(state, out)
        os.replace(temporary, self.task["state"])

    def run(self):
        sequence = 0
        while True:
            sequence = (sequence + 1) & 0xffff
            until = time.monotonic() + self.task["interval"]
            self.ask_all(sequence)
            up = self.judge(self.hear(until))
            if (up, self.drained) != self.written:
                self.up, self.written = up, (up, set(self.drained))
                self.install(up - self.drained)
                self.write()


if __name__ == "__main__":
    Monitor(json.loads(sys.argv[1])).run()
