# SPDX-License-Identifier: ISC
"""The bench's network: three namespaces in a row, a generator at one end and a sink at the other.

    gen: g0 --- u0 :mid: d0 --- s0 :end
"""
import os
import subprocess

VIRTUAL = ("02:00:00:00:5a:00", "02:00:00:00:5a:01")  # as in tests/packets/world.h
DEVICE, ROUTER = "02:00:00:00:dd:01", "02:00:00:00:aa:01"
UPLINK, FARM = "02:00:00:00:01:02", "02:00:00:00:02:01"
ROLES = ("gen", "mid", "end")
QUIET = ("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.conf.all.rp_filter=0",
         "net.ipv4.conf.default.rp_filter=0")


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Lab:
    """Namespaces of this run's own, and the programs that were started in them."""

    def __init__(self, build):
        self.build = build
        self.prefix = f"/run/netns/bench-{os.getpid()}-"
        self.names = {role: f"bench-{os.getpid()}-{role}" for role in ROLES}
        self.children = []
        self.rows = []  # of results, so far

    def up(self):
        for name in self.names.values():
            run("ip", "netns", "add", name)
            run("ip", "netns", "exec", name, "sysctl", "-qw", *QUIET)
        gen, mid, end = (self.names[r] for r in ROLES)
        run("ip", "link", "add", "g0", "netns", gen, "address", ROUTER, "type", "veth",
            "peer", "name", "u0", "netns", mid, "address", UPLINK)
        run("ip", "link", "add", "d0", "netns", mid, "address", FARM, "type", "veth",
            "peer", "name", "s0", "netns", end, "address", "02:00:00:00:02:02")
        for name, link in ((gen, "g0"), (mid, "u0"), (mid, "d0"), (end, "s0")):
            run("ip", "-n", name, "link", "set", link, "up")

    def down(self):
        for child in list(self.children):
            child.kill()
            child.wait()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

    def run(self, words):
        """Runs a program to its end; what it said."""
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.children.append(child)
        said, complaint = child.communicate()
        self.children.remove(child)
        if child.returncode:
            raise RuntimeError(f"{' '.join(words)}: {complaint.strip() or child.returncode}")
        return said

    def spawn(self, role, words, talk=False, cpu=None, log=None):
        """A program in a namespace; TALK: waits for its "ready" and keeps its pipes."""
        pipe = subprocess.PIPE if talk else subprocess.DEVNULL
        words = ["nsenter", f"--net={self.prefix}{role}"] + words
        if cpu is not None:
            words = ["taskset", "-c", str(cpu)] + words
        child = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=log, text=True)
        self.children.append(child)
        if talk and child.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{words} did not start")
        return child

    def stop(self, child):
        """Ends a program by the end of its input, else by a signal; what it said last."""
        said = ""
        if child.stdin:
            said, _ = child.communicate(timeout=10)
        else:
            child.terminate()
            child.wait()
        self.children.remove(child)
        return said
