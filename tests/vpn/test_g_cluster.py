# SPDX-License-Identifier: ISC
"""The cluster address, and what gateways say in their own name: to whom it goes, and what is left alone. With a twin on
each side."""
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

import checks
import conftest
from topo.lab import plan as lab_plan
from topo.lab.processes import poll
from topo.vpn import VpnLab, plan
from wire import BROADCAST, Wire, datagram, who_has

CLUSTER6 = "2001:db8:2::10"
ASKER, ASKER6 = "192.0.2.222", "2001:db8:2::222"
VRRP = Ether(dst="01:00:5e:00:00:12") / IP(dst="224.0.0.18", ttl=255, proto=112) / bytes(20)
OSPF = Ether(dst="01:00:5e:00:00:05") / IP(dst="224.0.0.5", ttl=1, proto=89) / bytes(44)


@pytest.fixture(scope="module")
def twins():
    conftest.skip_without("wireguard")
    settings = {"side ingress": {"cluster-address": f"{plan.CLUSTER} {CLUSTER6}"}}
    with VpnLab("wireguard", clients=6, at_home=0, twins=True, bindir=conftest.BINDIR, affinity="client",
                settings=settings) as lab:
        for gateway in lab.gateways:  # the worst of neighbours: they answer for whatever they have
            gateway.sysctl({"net.ipv4.conf.all.arp_ignore": 0, "net.ipv4.conf.all.arp_announce": 0})
            gateway.ip(f"addr add {CLUSTER6}/128 dev lo nodad")
        lab.client(1).ip(f"route add {lab_plan.FARM_IN_NETS[0]} via {lab_plan.CLIENT_GATEWAY[0]}")
        lab.start()
        lab.wait_connected()
        yield lab
        conftest.print_logs("wireguard, with twins", lab)


def active(lab, side):
    return next(name for name in (side, f"{side}-b")
                if name in lab.balancers.daemons and lab.balancers.ask(name, "show", "role")["role"] == "active")


def virtual_mac(lab):
    """Of ingress toward its uplink, whichever twin has it."""
    text = lab.balancers.ask(active(lab, "ingress"), "show", "config")["text"]
    line = next(line for line in text.split("[side ingress]")[1].splitlines() if line.startswith("uplink-mac"))
    return line.split("=")[1].strip()


def assert_symmetric(lab):
    for name in ("ingress", "ingress-b", "egress", "egress-b"):
        assert lab.balancers.counters(name)["asymmetric_flows_total"] == 0, name


def claim(gateway):
    """GATEWAY tells its LAN, unasked, that the cluster address is its own."""
    with Wire(gateway) as wire:
        wire.send(Ether(src=wire.mac, dst=BROADCAST) /
                  ARP(op=2, hwsrc=wire.mac, psrc=plan.CLUSTER, hwdst=BROADCAST, pdst=plan.CLUSTER))


@pytest.mark.parametrize("asker, address", [(ASKER, plan.CLUSTER), (ASKER6, CLUSTER6)])
def test_one_box_answers_for_the_cluster_address(twins, asker, address):
    """Once, with the virtual MAC, whatever the gateways claim; after a failover its twin does."""
    for gateway in twins.gateways:
        claim(gateway)
    with Wire(twins.client(1)) as wire:
        assert who_has(wire, asker, address) == [virtual_mac(twins)]
        was = active(twins, "ingress")
        twins.balancers.ask(was, "failover")
        poll(lambda: active(twins, "ingress") != was, 5, "the other twin to be active")
        assert who_has(wire, asker, address) == [virtual_mac(twins)]
    checks.assert_swapped(twins.talk.swap(twins.numbers, inward=True), twins.numbers)


def test_nothing_above_the_mac_is_changed(twins):
    """Header fields that a router would change, or a middlebox put right."""
    headers = ({"ttl": 1, "tos": 0x2e, "id": 7}, {"ttl": 200, "flags": "DF", "id": 0}, {"ttl": 3, "tos": 1, "id": 9})
    gateway = twins.firewall(twins.device_of(ASKER))
    with Wire(twins.client(1)) as near, Wire(gateway) as far:
        for header in headers:
            sent = datagram(near, (ASKER, 5), (virtual_mac(twins), plan.CLUSTER), **header)
            near.send(sent)
            got = far.seen(0.5, lambda f: UDP in f and f[UDP].dport == 7777)
            assert [bytes(frame[IP]) for frame in got] == [bytes(sent[IP])], header
            assert got[0].dst == far.mac


def test_a_gateway_speaks_in_its_own_name(twins):
    """What starts on it, on either side, is answered to it and not to whom a hash names; it teaches nobody anything."""
    pins = len(twins.balancers.ask(active(twins, "egress"), "show", "pins"))
    for gateway in twins.gateways:
        outer, inner = gateway.addresses.ingress[0], gateway.addresses.egress[0]
        gateway.run(["ping", "-c", "3", "-i", "0.1", "-W", "1", "-I", outer, plan.client(1, 6, 0).outside])
        gateway.run(["ping", "-c", "3", "-i", "0.1", "-W", "1", "-I", inner, twins.plan.server(1).ipv4])
        twins.server(1).run(["ping", "-c", "3", "-i", "0.1", "-W", "1", inner])
    assert len(twins.balancers.ask(active(twins, "egress"), "show", "pins")) == pins
    assert_symmetric(twins)


@pytest.mark.parametrize("hello", [VRRP, OSPF], ids=["vrrp", "ospf"])
def test_multicast_between_gateways_is_left_alone(twins, hello):
    """The others have it once, as it was sent; nobody beyond a balancer has it at all."""
    first, second = twins.gateways[:2]
    with Wire(first) as sender, Wire(second) as near, Wire(twins.client(1)) as outside:
        frame = hello.copy()
        frame.src, frame[IP].src = sender.mac, first.addresses.ingress[0]
        sender.send(frame)

        def same(seen):
            return IP in seen and seen[IP].dst == hello[IP].dst
        assert [bytes(seen) for seen in near.seen(0.5, same)] == [bytes(frame)]
        assert not outside.seen(0.3, same)


def test_a_twin_sends_nothing_to_a_dead_gateway(twins):
    """It dies; then egress goes over to its twin. From the moment both sides say down nothing arrives there."""
    before, wanted = twins.owners(), twins.numbers
    victim = twins.busiest(before)
    asking = twins.talk.ask(wanted)
    twins.kill_firewall(victim, "power")
    for side in ("ingress", "egress"):
        name = active(twins, side)
        poll(lambda n=name: twins.balancers.devices(n)[victim]["state"] == "down", 10, f"{name} to find {victim} down")
    arrived = twins.firewall(victim).arrived()
    was = active(twins, "egress")
    twins.balancers.ask(was, "failover")
    poll(lambda: active(twins, "egress") != was, 5, "the other twin to be active")
    poll(lambda: not set(wanted) - set(twins.owners()), twins.vpn.patience, "its clients to come back", 0.3)
    time.sleep(3)  # egress hears of a client when it says something
    checks.assert_alive(asking.finish())
    checks.assert_swapped(twins.talk.swap(wanted, inward=True), wanted)
    assert twins.firewall(victim).arrived() == arrived
    assert_symmetric(twins)
