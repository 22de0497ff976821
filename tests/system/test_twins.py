# SPDX-License-Identifier: ISC
"""Standby twins, 2 + 2 boxes: whatever ends the active one, no conversation is lost and none changes its firewall."""
import time

import pytest

import flows
import twins
from topo.lab import LabError, plan
from topo.lab.processes import poll
from topo.lab.wires import cable, give_addresses
from topo.traffic import conversations
from topo.traffic.conversations import Conversations

pytestmark = pytest.mark.daemons


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(twins=True)
    twins.wait_settled(lab)
    return lab


@pytest.fixture
def settled(lab):
    """All four run and are equal, whatever the case before did."""
    for name in twins.ALL:
        if name not in lab.balancers.daemons:
            twins.start(lab, name)
    twins.wait_settled(lab)
    lab.balancers.wait_states({f.name: "up" for f in lab.firewalls})
    return lab


def pins(lab, name):
    return lab.balancers.ask(name, "show", "pins", "limit", "100000")


def open_where_the_hash_would_not(lab, total, **options):
    """TOTAL conversations from both sides, opened while fw1 takes nothing new: then it is back, and those that it would
    have by the hash are pinned elsewhere. A box that knows the hash alone would lose them."""
    lab.balancers.ask(twins.active(lab, "ingress"), "drain", "fw1")
    twins.wait_devices(lab, {"fw1": "draining"})
    groups = flows.open_both_sides(lab, total, **options)
    flows.rounds(groups, 1)
    lab.balancers.ask(twins.active(lab, "ingress"), "enable", "fw1")
    twins.wait_devices(lab, {"fw1": "up"})
    for side in ("ingress", "egress"):
        assert len(pins(lab, twins.active(lab, side))) >= total / 20, f"{side} pinned hardly anything"
    twins.wait_settled(lab)
    return groups


def assert_nothing_happened(lab, groups, before):
    """Each conversation lives, and is where it was."""
    flows.rounds(groups)
    after = flows.places(lab)
    assert flows.moved(before, after, [f.name for f in lab.firewalls]) == {}
    assert lab.doubles() == {}
    assert twins.asymmetric(lab) == 0
    report = flows.finish(groups)
    flows.assert_all_alive(report)
    return report


def test_one_is_active_and_all_are_equal(settled):
    lab = settled
    for side in ("ingress", "egress"):
        name = twins.active(lab, side)
        for box in twins.ALL:
            if twins.side_of(box) == side:
                assert twins.role(lab, box)["active"] == name
        row = [r for r in lab.balancers.ask(twins.twin(name), "show", "sync") if r["name"] == name][0]
        assert row["digest_equal"] and row["up"] and row["differing"] == 0
    lost = {box: twins.lost(lab, box) for box in twins.ALL}
    time.sleep(0.5)
    assert {box: twins.lost(lab, box) for box in twins.ALL} == lost, "heartbeats by paths that lead nowhere are no loss"


def test_both_active_boxes_are_killed_one_after_the_other(settled):
    lab = settled
    groups = open_where_the_hash_would_not(lab, 800, rate=5)
    before = flows.places(lab)
    for side in ("ingress", "egress"):
        victim = twins.active(lab, side)
        twins.kill(lab, victim)
        twins.wait_active(lab, twins.twin(victim))
        flows.rounds(groups, 2)
        twins.start(lab, victim)
        twins.wait_settled(lab)
        assert twins.active(lab, side) == twins.twin(victim), "a box that comes back is the standby"
        assert "silent" in twins.role(lab, twins.twin(victim))["why"]
    assert_nothing_happened(lab, groups, before)


def hand_over_by_word(lab, name):
    lab.balancers.ask(name, "failover")
    twins.wait_active(lab, twins.twin(name))
    poll(lambda: twins.role(lab, name)["role"] == "standby", 2, f"{name} to be standby")


def hand_over_by_stop(lab, name):
    assert lab.balancers.stop_side(name) == 0
    assert twins.role(lab, twins.twin(name))["role"] == "active"


def test_planned_failover_and_sigterm_cost_nothing(settled):
    """Not one segment is sent again beyond what was in flight."""
    lab = settled
    groups = open_where_the_hash_would_not(lab, 400, rate=10)
    flows.rounds(groups)
    before, sent_again = flows.places(lab), twins.retransmitted(lab)
    for hand_over in (hand_over_by_word, hand_over_by_stop):
        for side in ("ingress", "egress"):
            name = twins.active(lab, side)
            hand_over(lab, name)
            assert "handed over" in twins.role(lab, twins.twin(name))["why"]
        flows.rounds(groups, 2)
        assert twins.retransmitted(lab) - sent_again <= 2
    assert_nothing_happened(lab, groups, before)


# Heartbeats have 221 bytes; sessions come in full datagrams, but at times nine in one of some 400 bytes.
LONG_ONES = """
table inet long {
	chain input {
		type filter hook input priority filter;
		udp dport 4850 udp length > 230 drop
	}
}
"""


def test_a_standby_that_is_not_equal_does_not_take_over(settled):
    """Datagrams with sessions don't reach it, so it never has what it missed; heartbeats do."""
    lab = settled
    groups = flows.open_both_sides(lab, 400)
    name = twins.active(lab, "ingress")
    other = twins.twin(name)
    lab.balancers.stop_side(other)
    lab.balancers.detach(other)
    lab.node(other).nft(LONG_ONES)
    twins.start(lab, other)
    poll(lambda: twins.role(lab, other)["active"] == name, 5, "the standby to hear the active box")
    time.sleep(1)
    code, words = lab.balancers.refused(name, "failover")
    assert code == 1 and "not equal" in words, words
    assert not twins.role(lab, other)["equal"]
    assert twins.active(lab, "ingress") == name
    lab.node(other).nft("delete table inet long\n")
    twins.wait_settled(lab)
    before = flows.places(lab)
    lab.balancers.ask(name, "failover")
    twins.wait_active(lab, other)
    assert_nothing_happened(lab, groups, before)


def test_a_standby_refuses_what_is_the_active_ones(settled):
    lab = settled
    name = twins.active(lab, "egress")
    other = twins.twin(name)
    for words in (("drain", "fw1"), ("enable", "fw1"), ("disable", "fw1"), ("flush",)):
        code, said = lab.balancers.refused(other, *words)
        assert code == 1 and f"{name} is active" in said, (words, said)
    code, said = lab.balancers.refused(other, "failover")
    assert code == 1 and "not active" in said, said
    code, said = lab.balancers.refused(name, "role", "standby")
    assert code == 1 and "role = external" in said, said
    assert twins.active(lab, "egress") == name


def test_a_drain_goes_on_after_a_failover(settled):
    """With its deadline: at that the device is empty, whoever is active then."""
    lab = settled
    groups = flows.open_both_sides(lab, 160, reopen=True, patience=2000, rate=5)
    flows.rounds(groups, 1)
    name = twins.active(lab, "ingress")
    lab.balancers.ask(name, "drain", "fw2", "--deadline", "4s")
    twins.wait_devices(lab, {"fw2": "draining"})
    time.sleep(0.5)
    lab.balancers.ask(name, "failover")
    twins.wait_active(lab, twins.twin(name))
    row = lab.balancers.devices(twins.twin(name))["fw2"]
    assert row["state"] == "draining" and 0 < row["drain"]["deadline"] < 3.5, row
    assert row["drain"]["left"] > 10
    poll(lambda: lab.balancers.devices(twins.twin(name))["fw2"]["sessions"] == 0, 8, "fw2 to be flushed")
    for group in groups:
        group.wait_calm()
    lab.balancers.ask(twins.twin(name), "enable", "fw2")
    twins.wait_devices(lab, {"fw2": "up"})
    flows.assert_all_alive(flows.finish(groups))
    for firewall in lab.firewalls:  # what was flushed from fw2 stands there still
        firewall.run(["conntrack", "-F"])


def test_a_split_of_every_path_heals(settled):
    """Both are active then, and one hears nobody: it is the one that gives way, and nothing that went on is lost."""
    lab = settled
    groups = flows.open_both_sides(lab, 400, rate=5)
    before = flows.places(lab)
    name = twins.active(lab, "ingress")
    other = twins.twin(name)
    twins.cut_off(lab, other)
    twins.wait_active(lab, other)
    assert twins.role(lab, name)["role"] == "active"
    flows.rounds(groups)
    twins.mend(lab, other)
    poll(lambda: twins.role(lab, other)["role"] == "standby", 5, f"{other} to give way")
    twins.wait_settled(lab)
    assert twins.active(lab, "ingress") == name
    assert_nothing_happened(lab, groups, before)


# Roles that the configuration decides. Last on this lab, since it is started anew.


def test_preemption_and_following_the_partner(settled):
    lab = settled
    twins.restart_all(lab, preempt="on")
    twins.wait_settled(lab)
    twins.kill(lab, "ingress")
    twins.wait_active(lab, "ingress-b")
    groups = flows.open_both_sides(lab, 160, rate=5)
    before = flows.places(lab)
    twins.start(lab, "ingress")
    twins.wait_active(lab, "ingress", 10)
    assert twins.active(lab, "egress") == "egress", "the other side was to stay as it was"
    assert_nothing_happened(lab, groups, before)
    twins.restart_all(lab, follow_partner="on")
    twins.wait_settled(lab)
    twins.kill(lab, "ingress")
    twins.wait_active(lab, "ingress-b")
    twins.wait_active(lab, "egress-b")
    twins.start(lab, "ingress")
    twins.wait_settled(lab)
    lab.balancers.ask("egress-b", "failover")
    twins.wait_active(lab, "egress")
    twins.wait_active(lab, "ingress")


def test_something_else_decides(settled):
    """As keepalived's notify script does."""
    lab = settled
    lab.balancers.stop()
    lab.options.settings["sandwich"] = {"role": "external"}
    lab.options.datapath = "pcap"
    lab.balancers.write_config()
    lab.balancers.start()
    for name in twins.ALL:
        lab.balancers.wait_answering(name)
    time.sleep(0.5)
    assert twins.actives(lab) == {"ingress": [], "egress": []}
    for name in twins.ALL:
        lab.balancers.ask(name, "role", "standby" if name.endswith("-b") else "active")
    lab.balancers.wait_states({f.name: "up" for f in lab.firewalls})
    twins.wait_settled(lab)
    code, said = lab.balancers.refused("ingress", "failover")
    assert code == 1 and "role = external" in said, said
    groups = flows.open_both_sides(lab, 160, rate=5)
    before = flows.places(lab)
    lab.balancers.ask("ingress", "role", "standby")
    lab.balancers.ask("ingress-b", "role", "active")
    twins.wait_settled(lab)
    assert twins.active(lab, "ingress") == "ingress-b"
    assert twins.role(lab, "ingress-b")["decided_by"] == "external"
    assert_nothing_happened(lab, groups, before)


def test_a_side_that_was_dark_is_filled_by_the_other(settled):
    """Both boxes come back with nothing; a conversation that is pinned must not be placed before they know."""
    lab = settled
    twins.restart_all(lab)
    twins.wait_settled(lab)
    groups = open_where_the_hash_would_not(lab, 400, rate=5)
    before = flows.places(lab)
    for name in ("ingress", "ingress-b"):
        twins.kill(lab, name)
    time.sleep(0.3)
    for name in ("ingress", "ingress-b"):
        lab.balancers.start_side(name)
    for name in ("ingress", "ingress-b"):
        lab.balancers.wait_answering(name)
    twins.wait_settled(lab)
    assert len(pins(lab, twins.active(lab, "ingress"))) >= 20
    for group in groups:
        group.wait_calm()
    assert_nothing_happened(lab, groups, before)


def cable_for_sync(lab):
    """Two balancers without twins, and a cable between them."""
    cable(lab.node("ingress"), "sync", "host", lab.node("egress"), "sync", "host")
    for number, name in enumerate(("ingress", "egress"), 1):
        give_addresses(lab.node(name), "sync", [f"172.31.0.{number}/24"])


def test_a_balancer_without_a_twin_is_filled_too(make_lab):
    lab = make_lab(prepare=cable_for_sync, datapath="pcap", settings={
        f"balancer {name}": {"sync": f"172.31.0.{number}"} for number, name in enumerate(("ingress", "egress"), 1)})
    twins.wait_settled(lab)
    groups = open_where_the_hash_would_not(lab, 400, rate=5)
    before = flows.places(lab)
    twins.kill(lab, "ingress")
    time.sleep(0.3)
    twins.start(lab, "ingress")
    twins.wait_settled(lab)
    assert len(pins(lab, "ingress")) >= 20
    for group in groups:
        group.wait_calm()
    assert_nothing_happened(lab, groups, before)


# Where only learning tells what is behind which device. In user space, which starts in no time.


def test_translated_conversations_survive_a_takeover(make_lab):
    lab = make_lab(twins=True, nat="pool", mode="vpn", datapath="pcap")
    twins.wait_settled(lab)
    groups = flows.open_both_sides(lab, 400, rate=5)
    flows.rounds(groups, 1)
    twins.wait_settled(lab)
    before = flows.places(lab)
    for side in ("egress", "ingress"):
        victim = twins.active(lab, side)
        twins.kill(lab, victim)
        twins.wait_active(lab, twins.twin(victim))
        flows.rounds(groups, 2)
    assert_nothing_happened(lab, groups, before)
    lab.close()


def test_inner_hosts_are_known_after_a_takeover(make_lab):
    """Servers open connections to hosts that only one firewall leads to, and that said nothing since the takeover."""
    lab = make_lab(twins=True, inner=True, mode="vpn", datapath="pcap")
    targets = [a for n in (1, 2, 3) for a in lab.plan.inner(n).all]
    servers = [a for host in lab.plan.servers for a in host.all]
    groups = []
    for number in (1, 2, 3):
        inner = lab.node(f"inner{number}")
        conversations.serve(inner, plan.INSIDE_CONVERSATION_PORT)
        groups.append(Conversations(inner, lab.plan.inner(number).all, servers, plan.CONVERSATION_PORT, tcp=20, udp=20,
                                    rate=5, detail=True))
    for group in groups:
        group.wait_opened()
    flows.assert_all_alive(flows.finish(groups))
    twins.wait_settled(lab)
    victim = twins.active(lab, "egress")
    twins.kill(lab, victim)
    twins.wait_active(lab, twins.twin(victim))
    group = Conversations(lab.server(1), lab.plan.server(1).all, targets, plan.INSIDE_CONVERSATION_PORT, tcp=30, udp=30,
                          rate=5, detail=True)
    group.wait_opened()
    flows.rounds([group], 2)
    flows.assert_all_alive(flows.finish([group]))
    assert twins.asymmetric(lab) == 0
    with pytest.raises(LabError):
        lab.balancers.ask(victim, "version")
