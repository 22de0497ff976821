#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The demo's sandwich built with Mininet: hosts and direct links, bridges in hosts of their own (no Open vSwitch).

    sudo topo/mininet_sandwich.py [--baseline linux] [--cli]

Runs the same scenes as topo/demo. With --cli it stops at Mininet's prompt instead (`fw1 conntrack -L`, `client1 ping
server1`, ...). Mininet ends what it started by name, so this runs in namespaces of its own for processes, mounts and
network: whatever it does, nothing outside is touched, and nothing is left.
"""
import argparse
import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
os.chdir(ROOT)

from topo import scenes  # noqa: E402
from topo.lab import Lab, LabError, Options  # noqa: E402
from topo.lab.firewall import Firewall  # noqa: E402
from topo.lab.namespace import Namespace  # noqa: E402
from topo.lab.processes import run  # noqa: E402

INSIDE = "SANDWICH_MININET_INSIDE"


class MininetNode(Namespace):
    """A node of the lab that is a Mininet host."""

    def _create(self):
        self.host = self.lab.net.addHost(self.name, ip=None)
        return f"/proc/{self.host.pid}/ns/net"

    def link(self, device, far, far_device):
        self.lab.net.addLink(self.host, far.host, intfName1=device, intfName2=far_device)

    def remove(self):
        self.host.terminate()


class MininetFirewall(MininetNode, Firewall):
    """A firewall that is a Mininet host."""


class MininetLab(Lab):
    """The lab, its nodes and links made by Mininet."""

    space_kind, firewall_kind = MininetNode, MininetFirewall

    def __init__(self, options=None):
        from mininet.net import Mininet
        Mininet.inited = True  # its init would raise limits of the whole machine, and leave them so
        self.net = Mininet(controller=None, build=False)
        super().__init__(options)


def go_inside():
    """Start this program again in namespaces of its own. Does not return."""
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
                          sys.executable, os.path.abspath(__file__), *sys.argv[1:]])


def private_files():
    """The lab's files on a file system that ends with this process's mount namespace, even when it is killed."""
    run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
    tempfile.tempdir = "/mnt"


def ask_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--baseline", choices=["linux"], default="", help="plain Linux instead of our daemons")
    parser.add_argument("--bindir", default=os.environ.get("BINDIR", "build/bin"))
    parser.add_argument("--cli", action="store_true", help="Mininet's prompt instead of the scenes")
    return parser.parse_args()


def show(lab, cli):
    if not cli:
        return scenes.play(lab)
    from mininet.cli import CLI
    lab.start_balancers()
    scenes.start_servers(lab)
    CLI(lab.net)
    return True


def main():
    options = ask_options()
    if os.geteuid() != 0:
        sys.exit("topo/mininet_sandwich.py makes network namespaces: run it as root")
    if INSIDE not in os.environ:
        go_inside()
    private_files()
    try:
        with MininetLab(Options(baseline=options.baseline, bindir=options.bindir, on_device_down="reset")) as lab:
            return 0 if show(lab, options.cli) else 1
    except KeyboardInterrupt:
        return 130
    except LabError as error:
        scenes.say(f"{error}", "bad")
        return 1


if __name__ == "__main__":
    sys.exit(main())
