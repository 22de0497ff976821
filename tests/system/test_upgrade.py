# SPDX-License-Identifier: ISC
"""Another version takes over, whose table slots are laid out differently; and this one takes over from that."""
import os
import re
import signal
import subprocess

import pytest

import flows
from conftest import BINDIR, ROOT

pytestmark = [pytest.mark.daemons,
              pytest.mark.skipif(os.environ.get("SANDWICH_DATAPATH", "auto") not in ("auto", "xdp", "xdp-generic"),
                                 reason="libpcap keeps nothing")]
CARRIED = re.compile(r"session table has another layout now: (\d+) sessions carried, (\d+) found no room")
SIDES = ("ingress", "egress")
PARTS = ("Makefile", "sandwich", "ingress", "egress", "sync", "conf", "topo", "tests")
# Every member but the first stands elsewhere, and a slot takes two cache lines.
CHANGED = os.path.join("sandwich", "core", "table.h")
CHANGES = (("	u32 version;\n	u32 seen; ", "	u32 version, moved[16];\n	u32 seen; "),
           ("sizeof(struct slot) == 64", "sizeof(struct slot) == 128"))


def write_if_changed(path, text):
    """So that make builds what has changed, and no more."""
    if os.path.exists(path):
        with open(path, "rb") as was:
            if was.read() == text:
                return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(text)


def copy_sources(folder):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *PARTS], cwd=ROOT, stdout=subprocess.PIPE,
                            check=False, text=True).stdout.split("\n")
    if not listed[0]:  # an unpacked archive
        listed = [os.path.relpath(os.path.join(at, name), ROOT) for part in PARTS[1:]
                  for at, _, names in os.walk(os.path.join(ROOT, part)) for name in names] + ["Makefile"]
    for name in filter(None, listed):
        with open(os.path.join(ROOT, name), "rb") as source:
            text = source.read()
        for find, replacement in CHANGES if name == CHANGED else ():
            assert find.encode() in text, f"{name} has no {find!r} any more: change this test"
            text = text.replace(find.encode(), replacement.encode())
        write_if_changed(os.path.join(folder, name), text)


@pytest.fixture(scope="module")
def other_version():
    """The programs, built from a copy of the sources with the changes."""
    folder = os.path.join(os.path.dirname(BINDIR), "padded")
    copy_sources(folder)
    done = subprocess.run(["make", "-j2", "CFLAGS=-O1", "all"], cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True,
                          env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")})
    assert done.returncode == 0, done.stdout[-2000:]
    return os.path.join(folder, "build", "bin")


@pytest.fixture(scope="module")
def lab(make_lab, other_version):
    del other_version  # built before there is a lab
    return make_lab()


def log_of(lab, side):
    return lab.tail(lab.path(f"sandwich-{side}.log"), 60000)


def pins_of(lab, side):
    answer = lab.balancers.ask(side, "show", "pins")
    found = answer.get("pins", []) if isinstance(answer, dict) else answer
    return {(pin.get("address"), pin.get("other"), pin["device"]) for pin in found}


def replace(lab, bindir):
    """Hand over, and start the programs of BINDIR."""
    for side in SIDES:
        lab.balancers.stop_side(side, first=signal.SIGQUIT)
    lab.options.bindir = bindir
    for side in SIDES:
        lab.balancers.start_side(side)
    lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)


def test_there_and_back(lab, other_version):
    ours = lab.options.bindir
    groups = flows.open_both_sides(lab, 192, rate=10)
    flows.rounds(groups)
    before = flows.places(lab)
    lab.balancers.ask("ingress", "drain", "fw1")  # pins what lives there
    lab.balancers.wait_states({"fw1": "draining"})
    flows.rounds(groups)
    pins = {side: pins_of(lab, side) for side in SIDES}
    assert pins["ingress"], "there is something to carry"
    lab.balancers.ask("ingress", "enable", "fw1")
    lab.balancers.wait_states({"fw1": "up"})
    for bindir in (other_version, ours):
        replace(lab, bindir)
        flows.rounds(groups, 10)
        for side in SIDES:
            carried, no_room = map(int, CARRIED.findall(log_of(lab, side))[-1])
            assert carried >= 192 and no_room == 0
            assert pins[side] <= pins_of(lab, side), "pins are carried too"
    flows.assert_all_alive(flows.finish(groups))
    assert flows.moved(before, flows.places(lab), [f.name for f in lab.firewalls]) == {}
    flows.assert_symmetric(lab)
