# SPDX-License-Identifier: ISC
"""What balancers like to split or drop: fragments in any order, packet-too-big, tags, packets of no connection."""
import json

import pytest

import flows
from topo.lab import plan
from topo.lab.processes import poll
from topo.traffic import tools

FRAGMENT_PORT = 7100
BIG_PORT = 7200


@pytest.fixture(scope="module", params=["plain", "vlan"])
def far_lab(request, make_lab):
    """With a router of a small MTU behind egress; the farm untagged, and tagged."""
    lab = make_lab(far=True, vlan=42 if request.param == "vlan" else 0)
    tools.start_crafted(lab.server(1), "answer-last-first", FRAGMENT_PORT, 4000)
    return lab


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("question", [8, 4000], ids=["small-question", "big-question"])
def test_fragments_last_first(far_lab, family, question):
    """The answer's (and the big question's) last fragment comes first, so the ports come last."""
    for number in range(1, 9):
        source = far_lab.plan.client(1).all[number + (0 if family == 4 else len(far_lab.plan.client(1).ipv4s))]
        server = far_lab.plan.server(1)
        answer = tools.crafted(far_lab.client(1), "ask", (server.ipv4 if family == 4 else server.ipv6), FRAGMENT_PORT,
                               source, question)
        assert answer["bytes"] == 4000, answer
    flows.assert_symmetric(far_lab)


@pytest.mark.parametrize("family", [4, 6])
def test_packet_too_big_from_behind_the_farm(far_lab, family):
    """It has to pass the firewall that holds the conversation: only that one knows what it is related to."""
    refused = far_lab.dropped()
    client = far_lab.plan.client(2)
    for source in (client.ipv4s if family == 4 else client.ipv6s)[1:7]:
        answer = tools.crafted(far_lab.client(2), "big", plan.FAR_SERVER[family == 6], BIG_PORT, source)
        assert answer["mtu"] == plan.FAR_MTU, answer
        far_lab.client(2).run(["ip", "route", "flush", "cache"], check=False)
        far_lab.client(2).run(["ip", "-6", "route", "flush", "cache"], check=False)
    assert far_lab.dropped() == refused


def test_conversations(far_lab):
    groups = flows.open_both_sides(far_lab, 160)
    flows.rounds(groups, 2)
    flows.assert_symmetric(far_lab)
    flows.assert_all_alive(flows.finish(groups))


def test_farm_carries_the_tag(far_lab):
    """Every frame on a tagged farm has its tag, and none on an untagged one."""
    watch = far_lab.node("farm-in").start(["tcpdump", "-nelp", "-i", "ingress", "-c", "20", "ip or ip6 or vlan"],
                                          log="tagged")
    while watch.poll() is None:
        tools.ping(far_lab.client(1), far_lab.plan.server(1).ipv4, 10)
    lines = [line for line in far_lab.tail(watch.log, 1 << 20).splitlines() if "ethertype" in line]
    tagged = [line for line in lines if "vlan 42" in line]
    assert lines and len(tagged) == (len(lines) if far_lab.options.vlan else 0)


@pytest.mark.daemons
def test_invalid_packets_keep_their_device(far_lab):
    """Segments that conntrack calls invalid meet the firewall that holds the conversation, not another."""
    groups = flows.open_both_sides(far_lab, 64)
    flows.rounds(groups, 1)
    clients = far_lab.plan.client(1).all
    for firewall in far_lab.firewalls:
        held = [f for f in flows.lasting(firewall.conversations()) if f.protocol == "tcp" and f.source in clients]
        before = {f.name: f.dropped()["invalid"] for f in far_lab.firewalls}
        tools.crafted(far_lab.client(1), "strays", json.dumps(
            [[f.source, f.source_port, f.target, f.target_port, "FPU"] for f in held]))
        poll(lambda f=firewall, b=before, h=held: f.dropped()["invalid"] >= b[f.name] + len(h), 5,
             f"{len(held)} strays to meet {firewall.name}")
        hit = [f.name for f in far_lab.firewalls if f.dropped()["invalid"] > before[f.name]]
        assert hit == ([firewall.name] if held else [])
    flows.finish(groups)
