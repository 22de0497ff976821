# SPDX-License-Identifier: ISC
"""One of three firewalls dies and returns: only its conversations move, and nothing moves back."""
import pytest

import flows


def busiest(lab):
    tables = lab.tables()
    return max(tables, key=lambda name: len(tables[name]))


@pytest.mark.parametrize("how", ["links", "hang"])
def test_only_the_dead_ones_flows_move_and_none_moves_back(healthy, how):
    lab = healthy
    groups = flows.open_both_sides(lab, 400, reopen=True, patience=2000, rate=5)
    flows.rounds(groups)
    victim = busiest(lab)
    others = [f.name for f in lab.firewalls if f.name != victim]
    before = flows.places(lab)
    lab.kill_firewall(victim, how)
    lab.balancers.wait_states({victim: "down"})
    for group in groups:
        group.wait_calm()
    after = flows.places(lab)
    assert flows.moved(before, after, others) == {}
    assert not set(after.values()) & {victim}
    lab.firewall(victim).revive()
    lab.balancers.wait_states({victim: "up"})
    flows.rounds(groups)
    assert flows.moved(after, flows.places(lab), others) == {}, "a live conversation moved when the device came back"
    flows.assert_symmetric(lab)
    report = flows.finish(groups)
    flows.assert_all_alive(report)
    spared = [c for c in report["conversations"] if not c["reopened"] and c["longest_ms"] < 200]
    assert len(spared) >= 0.4 * report["wanted"], "the survivors' conversations were to feel nothing"


def test_new_conversations_use_the_returned_firewall(healthy):
    lab = healthy
    lab.kill_firewall("fw1")
    lab.balancers.wait_states({"fw1": "down"})
    lab.firewall("fw1").revive()
    lab.balancers.wait_states({"fw1": "up"})
    groups = flows.open_both_sides(lab, 160)
    flows.rounds(groups, 1)
    count = sum(name == "fw1" for name in flows.places(lab).values())
    flows.assert_all_alive(flows.finish(groups))
    assert count > 0


def forecast(answer):
    """The device that `explain` names as the one to go to if the present one left."""
    return answer["if_device_left"]


@pytest.mark.daemons
def test_explain_said_so_before(healthy):
    lab = healthy
    groups = flows.open_both_sides(lab, 160, reopen=True, patience=2000, rate=5)
    flows.rounds(groups, 2)
    victim = busiest(lab)
    udp = [f for f, name in flows.places(lab).items() if name == victim and f.protocol == "udp"][:20]
    said = {}
    for flow in udp:
        answer = lab.balancers.ask("ingress", "explain", flow.source, flow.target, "udp", flow.source_port,
                                   flow.target_port)
        assert answer["device"] == victim
        said[flow] = forecast(answer)
    lab.kill_firewall(victim)
    lab.balancers.wait_states({victim: "down"})
    for group in groups:
        group.wait_calm()
    places = flows.places(lab)
    flows.finish(groups)
    told = {flow: (said[flow], places[flow]) for flow in udp if flow in places}
    assert told and all(a == b for a, b in told.values()), told


@pytest.mark.daemons
@pytest.mark.parametrize("announce", [True, False], ids=["announced", "silent"])
def test_device_changes_its_mac(healthy, announce):
    """Its conversations stay with it, and the gap is at most a second."""
    lab = healthy
    groups = flows.open_both_sides(lab, 160, rate=10)
    flows.rounds(groups, 2)
    before = flows.places(lab)
    firewall = lab.firewall(2)
    for number, device in enumerate(("eth0", "eth1")):
        firewall.change_mac(device, f"02:00:00:0b:{int(announce):02x}:{number:02x}", announce)
    flows.rounds(groups, 30)
    after = flows.places(lab)
    report = flows.finish(groups)
    flows.assert_all_alive(report)
    if announce:
        assert flows.moved(before, after, [f.name for f in lab.firewalls]) == {}
    assert report["longest_ms"] <= 1500
    flows.assert_symmetric(lab)
