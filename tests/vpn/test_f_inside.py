# SPDX-License-Identifier: ISC
"""The inside of a farm of its own, whose clients go by their address: WireGuard, one that comes back through another
gateway, pools, and a drain."""
import time

import pytest

import checks
import conftest
from topo.lab.processes import poll
from topo.vpn import VpnLab

CLIENTS, AT_HOME = 9, 2
ROAMER = 1
DEADLINE = 3


@pytest.fixture(scope="module")
def own():
    conftest.skip_without("wireguard")
    with VpnLab("wireguard", clients=CLIENTS, at_home=AT_HOME, bindir=conftest.BINDIR, affinity="client") as lab:
        lab.start()
        lab.wait_connected()
        yield lab
        conftest.print_logs("wireguard, by address", lab)


def leave(lab, number, gateway):
    """Waits until that client has a tunnel elsewhere than on GATEWAY, which may still remember one; where."""
    there = {}

    def elsewhere():
        there.update({name: tunnel for name, tunnel in lab.tunnels()[number].items() if name != gateway})
        return there
    poll(elsewhere, lab.vpn.patience, f"client {number} to have left {gateway}", 0.3)
    return next(iter(there))


def test_the_newest_frame_says_where_a_client_is(own):
    """It comes back through another gateway while the old one is up. All of it follows, though it opens nothing."""
    before = own.owners()[ROAMER]
    asking = own.talk.ask([ROAMER], pace=100)
    time.sleep(1)
    own.roam(ROAMER, own.address_elsewhere(before))
    assert leave(own, ROAMER, before) != before
    time.sleep(2)
    checks.assert_alive(asking.finish())
    checks.assert_swapped(own.talk.swap([ROAMER], inward=True), [ROAMER])
    assert own.balancers.counters("egress")["moved_roamed_total"] > 0
    checks.assert_sound(own)


def test_pools_say_where_a_client_is_that_nothing_is_known_of(own):
    owners, wanted = own.owners(), own.numbers
    for gateway in own.gateways:
        inner = [f"{own.client(n).inner}/32" for n, name in owners.items() if name == gateway.name]
        own.options.settings.setdefault(f"device {gateway.name}", {})["pool"] = " ".join(inner) or "none"
    own.balancers.write_config()
    own.balancers.reload()
    time.sleep(1)
    own.balancers.ask("egress", "flush")
    answer = own.balancers.ask("egress", "explain", own.plan.server(1).ipv4, own.client(2).inner, "from=inside")
    assert (answer["why"], answer["device"]) == ("pool", owners[2]), answer
    checks.assert_swapped(own.talk.swap(wanted, inward=True), wanted)
    checks.assert_sound(own)


def test_a_drain_replaces_tunnels_at_its_deadline(own):
    """On both sides at once: the clients are on others, and only they have noticed."""
    before, wanted = own.owners(), own.numbers
    victim = own.busiest(before)
    victims = [number for number, name in before.items() if name == victim]
    asking = own.talk.ask(wanted)
    time.sleep(1)
    own.balancers.ask("ingress", "drain", victim, "--deadline", f"{DEADLINE}s")
    own.balancers.wait_states({victim: "draining"})
    row = own.balancers.devices("egress")[victim]["drain"]
    assert row["clients"] >= len(victims) and row["left"] >= row["clients"], row
    assert own.owners() == before, "nobody was to leave before the deadline"
    time.sleep(DEADLINE + 0.5)
    arrived = own.firewall(victim).arrived()
    for number in victims:
        leave(own, number, victim)
    time.sleep(3)
    flows = asking.finish()
    checks.assert_lossless(flows, [number for number in wanted if number not in victims])
    checks.assert_alive(flows)
    assert own.firewall(victim).arrived() == arrived, "nothing was to reach it after its drain was over"
    assert own.balancers.devices("egress")[victim]["drain"]["left"] == 0
    checks.assert_sound(own)
    own.balancers.ask("ingress", "enable", victim)
    own.balancers.wait_states({victim: "up"})
    checks.assert_swapped(own.talk.swap(wanted, inward=True), wanted)
    checks.assert_sound(own)
