# SPDX-License-Identifier: ISC
"""What becomes of one device: drop while it is down, its limit of sessions, and the checks that tell its health."""
import signal

import pytest

import flows
from topo.lab.processes import poll
from topo.traffic import tools

pytestmark = pytest.mark.daemons

LIMIT = 40
TCP_PORT, HTTP_PORT = 8081, 8080
CHECKS = {"icmp": "on 100ms x 3", "tcp": f"{TCP_PORT} 100ms x 3", "http": f":{HTTP_PORT}/10 100ms x 3"}


DEAF_RULES = """
table inet deaf {
	chain input {
		type filter hook input priority -10;
		icmp type echo-request drop
		icmpv6 type echo-request drop
	}
}
"""


def gone(lab):
    """Frames dropped on both sides since their device is down."""
    return sum(value for side in ("ingress", "egress") for name, value in lab.balancers.counters(side).items()
               if name.endswith(".device_gone"))


def test_drop_waits_for_the_device(make_lab):
    """on-device-down = drop: conversations of a device that hangs stand still, and go on there when it is back."""
    lab = make_lab(on_device_down="drop")
    groups = flows.open_both_sides(lab, 160, patience=15000, rate=5)
    flows.rounds(groups, 2)
    before = flows.places(lab)
    assert gone(lab) == 0
    lab.kill_firewall("fw2", "hang")
    lab.balancers.wait_states({"fw2": "down"})
    poll(lambda: gone(lab) > 20, 5, "frames to be counted as device_gone")
    lab.firewall("fw2").revive(reboot=False)
    lab.balancers.wait_states({"fw2": "up"})
    for group in groups:
        group.wait_calm()
    flows.rounds(groups, 2)
    assert flows.moved(before, flows.places(lab), [f.name for f in lab.firewalls]) == {}
    flows.assert_symmetric(lab)
    flows.assert_all_alive(flows.finish(groups))


def test_max_sessions(make_lab):
    """A device at its limit gets no new ones, keeps what it has, and says so; the others take the rest."""
    lab = make_lab(settings={"device fw1": {"max-sessions": LIMIT}})
    first = flows.open_both_sides(lab, 320, rate=5)
    flows.rounds(first, 1)
    poll(lambda: all(lab.balancers.devices(side)["fw1"]["state"] == "draining" for side in ("ingress", "egress")), 5,
         lambda: f"fw1 to be at its limit; {lab.balancers.devices('ingress')['fw1']}")
    before = flows.places(lab)
    pairs = {frozenset((f.source, f.target)) for f, name in before.items() if name == "fw1"}
    assert LIMIT * 0.8 <= list(before.values()).count("fw1")
    second = flows.open_both_sides(lab, 320, rate=5)
    flows.rounds(second, 1)
    after = flows.places(lab)
    strangers = [f for f, name in after.items() if name == "fw1" and frozenset((f.source, f.target)) not in pairs]
    assert not strangers, f"{len(strangers)} new conversations on a device at its limit"
    assert flows.moved(before, after, [f.name for f in lab.firewalls]) == {}
    assert sum(lab.balancers.counters(side)["device_limit_total"] for side in ("ingress", "egress")) > 0
    flows.assert_symmetric(lab)
    flows.assert_all_alive(flows.finish(first + second))


@pytest.fixture(scope="module")
def checked_lab(make_lab):
    """Health by icmp, tcp and http besides the path. (The balancers' kernels have farm addresses of their own.)"""
    servers = {}

    def prepare(lab):
        for firewall in lab.firewalls:
            firewall.nft(f"add rule inet firewall input tcp dport {{ {TCP_PORT}, {HTTP_PORT} }} accept\n")
            servers[firewall.name] = {port: tools.serve_http(firewall, port) for port in (TCP_PORT, HTTP_PORT)}
    lab = make_lab(prepare=prepare, settings={"health": CHECKS})
    lab.http_servers = servers
    return lab


def silence_icmp(lab, firewall):
    """Deaf to echo for itself; what it forwards, it forwards."""
    del lab
    firewall.nft(DEAF_RULES)
    return lambda: firewall.nft("delete table inet deaf\n")


def end_listener(lab, firewall):
    """Nobody listens on the port any more."""
    lab.processes.stop(lab.http_servers[firewall.name][TCP_PORT])

    def again():
        lab.http_servers[firewall.name][TCP_PORT] = tools.serve_http(firewall, TCP_PORT)
    return again


def stop_http(lab, firewall):
    """The kernel still accepts connections, and nobody answers."""
    server = lab.http_servers[firewall.name][HTTP_PORT]
    server.send_signal(signal.SIGSTOP)
    return lambda: server.send_signal(signal.SIGCONT)


def failed(lab):
    """The checks of fw2 that both sides say have failed; nothing while they differ."""
    seen = [{name for name, row in lab.balancers.devices(side)["fw2"]["health"].items() if not row["ok"]}
            for side in ("ingress", "egress")]
    return seen[0] if seen[0] == seen[1] else set()


@pytest.mark.parametrize("check, harm", [("icmp", silence_icmp), ("tcp", end_listener), ("http", stop_http)],
                         ids=["icmp", "tcp", "http"])
def test_check_takes_a_device_down_and_up(checked_lab, check, harm):
    lab = checked_lab
    up = {f.name: "up" for f in lab.firewalls}
    lab.balancers.wait_states(up)
    undo = harm(lab, lab.firewall(2))
    try:
        lab.balancers.wait_states({**up, "fw2": "down"}, 5)
        poll(lambda: failed(lab) == {check}, 5, lambda: f"{check} alone to fail on both sides; {failed(lab)} does")
    finally:
        undo()
    lab.balancers.wait_states(up, 5)
    assert tools.ping(lab.client(1), lab.plan.server(1).ipv4, 3) == 3
