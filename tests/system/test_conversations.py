# SPDX-License-Identifier: ISC
"""2,000 conversations from both sides through firewalls that drop what they did not see begin."""
import pytest

import flows
from topo.lab import plan

TOTAL = 2000


def check_two_thousand(lab):
    refused = lab.dropped()
    groups = flows.open_both_sides(lab, TOTAL)
    flows.rounds(groups)
    tables = {name: len(table) for name, table in lab.tables().items()}
    flows.assert_symmetric(lab)
    report = flows.finish(groups)
    flows.assert_all_alive(report)
    assert report["wanted"] == TOTAL
    assert sum(tables.values()) >= TOTAL
    assert all(count > TOTAL * 0.15 for count in tables.values()), f"a firewall without its share: {tables}"
    assert lab.dropped() == refused, "a firewall refused something: it met a packet that was another's"


def test_firewall_mode(lab):
    check_two_thousand(lab)


@pytest.fixture(scope="module", params=["masquerade", "pool"])
def nat_lab(request, make_lab):
    """Firewalls that translate: to the farm address that the file names, and to one that nobody is told of."""
    return make_lab(nat=request.param, mode="vpn")


def test_vpn_mode_with_translating_firewalls(nat_lab):
    check_two_thousand(nat_lab)


@pytest.mark.daemons
def test_egress_learns_translated_conversations(nat_lab):
    """What comes translated from a device, egress can't have placed by itself, unless the hash agrees by chance."""
    groups = flows.open_both_sides(nat_lab, 160)
    flows.rounds(groups)
    rows = nat_lab.balancers.sessions("egress")
    flows.finish(groups)
    clients = {a for host in nat_lab.plan.clients for a in host.all}
    translated = [r for r in rows if r["server_port"] == plan.CONVERSATION_PORT and r["client"] not in clients]
    assert translated
    if nat_lab.options.nat == "pool":
        assert "learned" in {r["origin"] for r in translated}
        assert nat_lab.balancers.counters("egress")["learned_total"] > 0


@pytest.mark.daemons
def test_both_balancers_and_the_firewalls_say_the_same(lab):
    """`show sessions` of both sides names the device in whose own table the conversation stands."""
    groups = flows.open_both_sides(lab, 160)
    flows.rounds(groups)
    places = flows.places(lab)
    wrong = []
    for side in ("ingress", "egress"):
        shown = {(r["protocol"], r["client"], r["client_port"], r["server"], r["server_port"]): r["device"]
                 for r in lab.balancers.sessions(side, "limit", "100000")}
        for flow, firewall in places.items():
            own = (flow.protocol, flow.source, flow.source_port, flow.target, flow.target_port)
            turned = (flow.protocol, flow.target, flow.target_port, flow.source, flow.source_port)
            device = shown.get(own, shown.get(turned))
            if device is not None and device != firewall:
                wrong.append((side, flow, firewall, device))
        known = sum(1 for f in places if (f.protocol, f.source, f.source_port, f.target, f.target_port) in shown
                    or (f.protocol, f.target, f.target_port, f.source, f.source_port) in shown)
        assert known >= 0.9 * len(places), f"{side} shows {known} of {len(places)} conversations"
    flows.finish(groups)
    assert not wrong
