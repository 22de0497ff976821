# SPDX-License-Identifier: ISC
"""One of three firewalls dies and returns: only its conversations move, and nothing moves back."""
import pytest

import flows
from topo.lab.processes import poll


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


def change_macs(lab, firewall, announce):
    """Both MACs of a firewall; returns when both balancers have seen the new ones and the device up."""
    for number, device in enumerate(("eth0", "eth1")):
        firewall.change_mac(device, new_mac(number, announce), announce)
    for number, side in enumerate(("ingress", "egress")):
        def known(mac=new_mac(number, announce), of=side):
            row = lab.balancers.devices(of)[firewall.name]
            return mac in row[f"{of}_mac"] and row["state"] == "up"
        poll(known, 5, lambda: f"the new MACs to be known; there are {lab.balancers.devices('ingress')}")


def new_mac(number, announce):
    return f"02:00:00:0b:{int(announce):02x}:{number:02x}"


@pytest.mark.daemons
def test_device_changes_its_mac(healthy):
    """It says so, as devices do: its conversations stay with it, and the gap is at most a second."""
    lab = healthy
    groups = flows.open_both_sides(lab, 160, rate=10)
    flows.rounds(groups, 2)
    before = flows.places(lab)
    change_macs(lab, lab.firewall(2), announce=True)
    flows.rounds(groups, 20)
    after = flows.places(lab)
    report = flows.finish(groups)
    flows.assert_all_alive(report)
    assert flows.moved(before, after, [f.name for f in lab.firewalls]) == {}
    assert report["longest_ms"] <= 1000
    flows.assert_symmetric(lab)


@pytest.mark.daemons
def test_device_changes_its_mac_and_says_nothing(healthy):
    """Heartbeats miss it first, so its conversations may move; it is found again, and the others feel nothing."""
    lab = healthy
    groups = flows.open_both_sides(lab, 160, rate=10)
    flows.rounds(groups, 2)
    others = {(f.protocol, f.source, f.source_port) for f, name in flows.places(lab).items() if name != "fw2"}
    change_macs(lab, lab.firewall(2), announce=False)
    flows.rounds(groups, 10)
    report = flows.finish(groups)
    spared = [c for c in report["conversations"] if (c["protocol"], c["local"], c["local_port"]) in others]
    assert spared and all(c["state"] == "open" for c in spared)
