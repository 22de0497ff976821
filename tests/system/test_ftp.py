# SPDX-License-Identifier: ISC
"""FTP, active and passive, IPv4 and IPv6, through firewalls with the kernel's FTP helper."""
import pytest

import flows
from topo.traffic.ftp import FtpSession

MODES = ("active", "passive")


def open_sessions(lab, count):
    """COUNT control connections from as many addresses, the families in turn."""
    client, server = lab.plan.client(1), lab.plan.server(1)
    sessions = []
    for number in range(count):
        pick = (lambda host: host.ipv4s) if number % 2 == 0 else (lambda host: host.ipv6s)
        source = pick(client)[1 + number // 2]
        sessions.append(FtpSession(lab.client(1), pick(server)[number // 2 % 5], source))
    assert all(s.login["ok"] for s in sessions), [s.login for s in sessions if not s.login["ok"]]
    return sessions


def firewall_of(lab, session):
    """The firewall that holds a session's control connection."""
    client, port, server = session.control
    for flow, name in flows.places(lab).items():
        if (flow.source, flow.source_port, flow.target) == (client, port, server):
            return name
    return ""


def transfer_all(sessions):
    """Both modes for each; returns what failed."""
    results = [(s.control, mode, s.transfer(mode)) for s in sessions for mode in MODES]
    return [r for r in results if not r[2]["ok"]], len(results)


def close_all(sessions):
    for session in sessions:
        session.close()


def test_twenty_transfers(healthy):
    sessions = open_sessions(healthy, 10)
    failed, tried = transfer_all(sessions)
    flows.assert_symmetric(healthy)
    close_all(sessions)
    assert tried == 20 and not failed


@pytest.mark.daemons
def test_firewall_dies_and_returns_between_control_and_data(healthy):
    """Sessions of the surviving firewalls: 20 of 20 while one is dead, and 20 of 20 once it is back."""
    lab = healthy
    sessions = open_sessions(lab, 20)
    held = {s: firewall_of(lab, s) for s in sessions}
    numbers = {name: list(held.values()).count(name) for name in set(held.values())}
    victim = min(numbers, key=numbers.get)
    survivors = [s for s in sessions if held[s] != victim][:10]
    assert len(survivors) == 10, numbers
    lab.kill_firewall(victim)
    lab.balancers.wait_states({victim: "down"})
    failed, tried = transfer_all(survivors)
    assert tried == 20 and not failed, "while it was dead"
    lab.firewall(victim).revive()
    lab.balancers.wait_states({victim: "up"})
    failed, tried = transfer_all(survivors)
    assert tried == 20 and not failed, "after it had returned"
    fresh = open_sessions(lab, 10)
    failed, tried = transfer_all(fresh)
    assert tried == 20 and not failed, "sessions opened after the return"
    flows.assert_symmetric(lab)
    close_all(sessions + fresh)
