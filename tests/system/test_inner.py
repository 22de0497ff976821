# SPDX-License-Identifier: ISC
"""Hosts behind one device each, as VPN clients are: egress learns which, and lets the inside open connections there."""
import pytest

import flows
from topo.lab import plan
from topo.traffic import conversations, tools
from topo.traffic.conversations import Conversations


@pytest.fixture(scope="module")
def inner_lab(make_lab):
    lab = make_lab(inner=True, mode="vpn")
    for firewall in lab.firewalls:
        conversations.serve(lab.node(f"inner{firewall.addresses.number}"), plan.INSIDE_CONVERSATION_PORT)
    return lab


def from_inner(lab, number, sources=None, **options):
    """Conversations that the host behind firewall NUMBER opens."""
    targets = [a for host in lab.plan.servers for a in host.all]
    return Conversations(lab.node(f"inner{number}"), sources or lab.plan.inner(number).all, targets,
                         plan.CONVERSATION_PORT, rate=5, big_every=4, detail=True, **options)


def test_conversations_opened_by_inner_hosts(inner_lab):
    groups = [from_inner(inner_lab, n, tcp=40, udp=40) for n in (1, 2, 3)]
    for group in groups:
        group.wait_opened()
    flows.rounds(groups)
    flows.assert_all_alive(flows.finish(groups))
    flows.assert_symmetric(inner_lab)


@pytest.mark.daemons
def test_the_inside_opens_connections_to_inner_hosts(inner_lab):
    """Only one device leads to each: any other has no route."""
    lab = inner_lab
    for number in (1, 2, 3):
        assert tools.ping(lab.node(f"inner{number}"), lab.plan.server(1).ipv4, 2) == 2
        assert tools.ping(lab.node(f"inner{number}"), lab.plan.server(1).ipv6, 2) == 2
    targets = [a for n in (1, 2, 3) for a in lab.plan.inner(n).all]
    group = Conversations(lab.server(1), lab.plan.server(1).all, targets, plan.INSIDE_CONVERSATION_PORT, tcp=60, udp=60,
                          rate=5, big_every=4, detail=True)
    group.wait_opened()
    flows.rounds([group])
    places = flows.places(lab)
    flows.assert_all_alive(flows.finish([group]))
    flows.assert_symmetric(lab)
    for flow, name in places.items():
        if flow.target_port == plan.INSIDE_CONVERSATION_PORT:
            assert flow.target in lab.plan.inner(int(name[2:])).all


def open_to_roaming(lab):
    group = Conversations(lab.server(2), lab.plan.server(2).all, plan.ROAMING, plan.INSIDE_CONVERSATION_PORT, tcp=20,
                          udp=20, rate=10, patience=2000, detail=True)
    group.wait_opened()
    return group


@pytest.mark.daemons
def test_a_client_that_reconnects_elsewhere_is_followed(inner_lab):
    """on-move = rebind: what it opens through its new device moves its binding there."""
    lab = inner_lab
    for number in (1, 2, 3, 1):
        lab.roam(number)
        for address, server in zip(plan.ROAMING, (lab.plan.server(2).ipv4, lab.plan.server(2).ipv6)):
            assert tools.ping(lab.node(f"inner{number}"), server, 3, source=address) >= 2
        group = from_inner(lab, number, plan.ROAMING, tcp=8, udp=8)
        group.wait_opened()
        answers = open_to_roaming(lab)
        flows.rounds([answers, group], 2)
        flows.assert_all_alive(flows.finish([answers, group]))
