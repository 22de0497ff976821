# SPDX-License-Identifier: ISC
"""VLAN tags without 802.1Q devices: tc programs push and pop them at a port."""
import os

from .processes import run

SOURCE = os.path.join(os.path.dirname(__file__), "vlan_tag.bpf.c")


def _object(lab, vlan):
    """The program for a VLAN, compiled once."""
    path = lab.path(f"vlan_tag_{vlan}.o")
    if not os.path.exists(path):
        run(["clang", "-O2", "-g", "-target", "bpf", f"-DVLAN_ID={vlan}",
             "-I/usr/include/" + os.uname().machine + "-linux-gnu", "-c", SOURCE, "-o", path])
    return path


def tag_device(space, device, vlan):
    """Everything that leaves DEVICE is tagged, everything that comes in with the tag loses it, the rest is dropped."""
    path = _object(space.lab, vlan)
    space.run(["tc", "qdisc", "add", "dev", device, "clsact"])
    for direction, section in (("egress", "tc/push"), ("ingress", "tc/pop")):
        space.run(["tc", "filter", "add", "dev", device, direction, "bpf", "direct-action",
                   "object-file", path, "section", section])
