# SPDX-License-Identifier: ISC
"""Which data path is taken, what it leaves behind, and what it does with senders that leave work to the hardware."""
import json
import os
import signal

import pytest

from topo.lab import Lab, Options
from topo.lab.processes import run
from topo.traffic import tools

pytestmark = pytest.mark.daemons

WANTED = os.environ.get("SANDWICH_DATAPATH") or "auto"
TAKEN = {"auto": "xdp"}.get(WANTED, WANTED)
PASS = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
"""


def log_of(lab, side="ingress"):
    return lab.tail(lab.path(f"sandwich-{side}.log"), 8000)


def xdp_on(lab, device="eth0", side="ingress"):
    """Whether a program is on a balancer's port."""
    return "xdp" in json.loads(lab.balancer(side).run(["ip", "-j", "link", "show", device]).stdout)[0]


@pytest.fixture
def one(request):
    """A lab of the case's own, not started."""
    bindir = os.environ.get("SANDWICH_BINDIR", "build/bin")
    with Lab(Options(bindir=bindir, firewalls=2, **getattr(request, "param", {}))) as lab:
        yield lab


def test_takes_what_was_asked_for(one):
    """The best one where nothing was; and what was taken is gone from the ports afterwards."""
    one.start_balancers()
    assert one.balancers.counters()["datapath"] == TAKEN
    assert xdp_on(one) == (TAKEN != "pcap")
    one.balancers.stop_side("ingress")
    assert not xdp_on(one)
    one.balancers.stop_side("egress", first=signal.SIGINT)
    assert not xdp_on(one, "eth1", "egress")


@pytest.mark.parametrize("one", [{"datapath": "auto"}], indirect=True)
def test_auto_wants_frames_to_arrive(one):
    """A veth drops what is redirected to it unless its other end polls: then it is libpcap, and the log says so."""
    one.node("farm-in").run(["ethtool", "-K", "ingress", "gro", "off"])
    one.start_balancers()
    assert one.balancers.counters("ingress")["datapath"] == "pcap"
    assert "eth1 can't take redirected frames: turn GRO on at its other end" in log_of(one)
    assert tools.ping(one.client(1), one.plan.server(1).ipv4) == 3


@pytest.mark.parametrize("one", [{"datapath": "auto"}], indirect=True)
def test_another_program_keeps_its_port(one):
    source, program = one.path("pass.c"), one.path("pass.o")
    with open(source, "w", encoding="ascii") as out:
        out.write(PASS)
    run(["clang", "-O2", "-g", "-target", "bpf", f"-I/usr/include/{os.uname().machine}-linux-gnu", "-c", source, "-o",
         program])
    one.balancer("ingress").run(["ip", "link", "set", "dev", "eth1", "xdp", "obj", program, "sec", "xdp"])
    one.start_balancers()
    assert one.balancers.counters("ingress")["datapath"] == "pcap"
    assert "another XDP program is on eth1" in log_of(one)
    assert "another XDP program is on eth1" in one.balancers.counters("ingress")["datapath_why"]
    one.balancers.stop()
    assert xdp_on(one, "eth1")


def test_unfinished_checksums(one):
    """Senders behind a veth leave checksums to hardware; what is redirected as it came would be lost."""
    for name, device in (("client1", "eth0"), ("switch-in", "ingress")):
        one.node(name).run(["ethtool", "-K", device, "tx", "on", "tso", "off", "gso", "off"])
    one.start_balancers()
    tools.serve_http(one.server(1))
    for address in (one.plan.server(1).ipv4, one.plan.server(1).ipv6):
        assert tools.download(one.client(1), address, 300_000)["ok"]
    assert one.balancers.counters("ingress")["checksums_filled_total"] > 0
