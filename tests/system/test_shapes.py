# SPDX-License-Identifier: ISC
"""Sandwiches of other shapes: several farm ports, firewalls that are bridges, two routers, ports that come and go."""
import pytest

import flows
from topo.lab import plan
from topo.lab.processes import poll
from topo.traffic import tools
from topo.traffic.conversations import Conversations

pytestmark = pytest.mark.daemons

SHAPES = {
    "two-farm-ports": {"farm_ports": 2},
    "bridges-on-ports": {"farm_ports": 3, "transparent": "ports"},
    "bridges-on-vlans": {"transparent": "vlans"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_keeps_symmetry_through_a_failure(make_lab, shape):
    """Each firewall gets its share; one dies and returns, and only its conversations move."""
    lab = make_lab(**SHAPES[shape])
    groups = flows.open_both_sides(lab, 320, reopen=True, patience=2000, rate=5)
    flows.rounds(groups, 2)
    flows.assert_symmetric(lab)
    before = flows.places(lab)
    assert set(before.values()) == {f.name for f in lab.firewalls}
    lab.kill_firewall("fw2", "hang")
    lab.balancers.wait_states({"fw2": "down"})
    for group in groups:
        group.wait_calm()
    after = flows.places(lab)
    assert flows.moved(before, after, ["fw1", "fw3"]) == {}
    lab.firewall("fw2").revive()
    lab.balancers.wait_states({"fw2": "up"})
    flows.rounds(groups, 2)
    assert flows.moved(after, flows.places(lab), ["fw1", "fw3"]) == {}
    flows.assert_symmetric(lab)
    flows.assert_all_alive(flows.finish(groups))


@pytest.fixture(scope="module")
def routers_lab(make_lab):
    """Two routers on the uplink: the file names the first as the gateway, and says last-hop = on.

    Both have been met: the very first answer to a new one may go by the routes, for it is being noted meanwhile.
    """
    gateway = " ".join(plan.ROUTERS[0])
    lab = make_lab(routers=True, settings={"side ingress": {"last-hop": "on", "gateway": gateway}})
    for number in (1, 2):
        assert tools.ping(lab.node(f"behind{number}"), lab.plan.server(2).ipv4, 3) >= 2
    return lab


def test_every_conversation_returns_by_the_router_of_its_question(routers_lab):
    """One question from each address: there is no second packet that could hide where the first answer went."""
    lab, server = routers_lab, routers_lab.plan.server(2)
    before = lab.strays()
    for number in (1, 2):
        host = lab.plan.behind(number)
        for sources, target in ((host.ipv4s[:8], server.ipv4), (host.ipv6s[:8], server.ipv6)):
            answered = [tools.ping(lab.node(host.name), target, 1, source=source) for source in sources]
            assert answered == [1] * len(sources), f"router {number} misses answers; strays: {lab.strays() - before}"
    assert lab.strays() == before


def test_router_never_seen_gets_its_first_answer(routers_lab):
    """Questions come from MACs that are new to the balancer, which has its answers to send a moment later."""
    lab, host = routers_lab, routers_lab.plan.behind(2)
    router, macs = lab.node("router2"), range(1, 7)
    for number in macs:
        before = lab.strays()
        router.ip(f"link set eth0 address 02:00:00:0c:02:{number:02x}")
        targets = (lab.plan.server(1).ipv4, lab.plan.server(1).ipv6)
        target, sources = (targets[0], host.ipv4s) if number % 2 else (targets[1], host.ipv6s)
        assert tools.ping(lab.node(host.name), target, 2, source=sources[-number]) == 2, f"router MAC {number}"
        assert lab.strays() == before


def test_answers_return_by_the_router_they_came_from(routers_lab):
    lab = routers_lab
    targets, before = [a for host in lab.plan.servers for a in host.all], lab.strays()
    groups = [Conversations(lab.node(f"behind{n}"), lab.plan.behind(n).all, targets, plan.CONVERSATION_PORT, tcp=60,
                            udp=60, rate=5, big_every=4, detail=True) for n in (1, 2)]
    for group in groups:
        group.wait_opened()
    flows.rounds(groups)
    assert lab.strays() == before, "an answer went to the other router"
    flows.assert_symmetric(lab)
    flows.assert_all_alive(flows.finish(groups))


@pytest.mark.parametrize("side", ["ingress", "egress"])
@pytest.mark.parametrize("port", ["eth0", "eth1"])
def test_port_deleted_and_made_again(healthy, side, port):
    """As when a card is replaced: the daemon takes the new one, and traffic goes on."""
    lab = healthy
    lab.remake_port(side, port, pause=0.3)
    lab.balancers.wait_states({f.name: "up" for f in lab.firewalls})
    poll(lambda: tools.ping(lab.client(1), lab.plan.server(1).ipv4, 1) == 1, 5, "the first answer")
    groups = flows.open_both_sides(lab, 160)
    flows.rounds(groups, 1)
    flows.assert_all_alive(flows.finish(groups))
    assert lab.doubles() == {}
    flows.assert_counted(lab)
