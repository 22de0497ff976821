# SPDX-License-Identifier: ISC
"""What happens in the tables is told to who follows them: at once, or by a scan where it was too much to tell."""
import signal

import pytest

from topo.lab.processes import poll
from topo.traffic import tools

pytestmark = pytest.mark.daemons

RING = 131072  # events that a CPU can tell before somebody has to listen


@pytest.fixture(scope="module")
def large(make_lab):
    """A sandwich with room for many sessions, which stay as long as the module takes."""
    lab = make_lab(sessions="1M", firewalls=2, settings={"timeouts": {"udp": "10m"}})
    lab.balancers.wait_states({firewall.name: "up" for firewall in lab.firewalls})
    return lab


def wait_followed(lab, side):
    """Until what was told is what is there; the counters then."""
    seen = {}

    def equal():
        seen.update(lab.balancers.counters(side))
        told = seen["events_new_total"] + seen["events_lost_total"]
        return seen["sessions_followed"] == seen["sessions"] and told >= seen["sessions_new_total"]
    poll(equal, 10, lambda: f"{seen.get('sessions')} sessions to be followed, not {seen.get('sessions_followed')}")
    return seen


@pytest.mark.parametrize("side", ["ingress", "egress"])
def test_new_flows(large, side):
    """At a rate that can be followed, each is told by its event. (The firewalls let none of them through.)"""
    client, server = large.client(1), large.server(1)
    source, target = (client, large.plan.server(1)) if side == "ingress" else (server, large.plan.client(1))
    tools.flood(source, target.ipv4, 60000, 20000)
    after = wait_followed(large, side)
    assert after["sessions"] >= 60000
    assert after["events_new_total"] == after["sessions_new_total"] >= 60000
    assert after["events_lost_total"] == 0
    assert after["event_scans_total"] == 1  # the one at the start


def test_overflow(large):
    """Nobody listens, a ring runs over, the loss is counted; and then the scan finds everything."""
    before = wait_followed(large, "ingress")
    if before["datapath"] == "pcap":
        pytest.skip("with libpcap, a process that is stopped records nothing either")
    daemon = large.balancers.daemons["ingress"]
    daemon.send_signal(signal.SIGSTOP)
    try:
        tools.flood(large.client(1), large.plan.server(1).ipv4, RING + 40000)  # one CPU, so one ring
    finally:
        daemon.send_signal(signal.SIGCONT)
    poll(lambda: large.balancers.counters()["event_scans_total"] > before["event_scans_total"], 10, "a scan")
    after = wait_followed(large, "ingress")
    assert after["sessions"] - before["sessions"] >= RING + 40000
    lost = after["sessions_new_total"] - after["events_new_total"]
    assert lost >= 40000
    assert after["events_lost_total"] >= lost
    assert after["event_found_total"] >= lost
