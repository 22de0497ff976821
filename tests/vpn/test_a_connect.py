# SPDX-License-Identifier: ISC
"""Twenty clients and one cluster address: tunnels, transfers in both directions, connections from the inside."""
import checks


def test_every_client_connects(farm):
    owners = farm.owners()
    assert sorted(owners) == farm.numbers
    assert len(set(owners.values())) > 1, "clients at addresses of their own were to spread"
    checks.assert_sound(farm)


def test_clients_behind_one_nat_spread(farm):
    """By their identifiers, when all gateways are there: of nine by lot, once in 6,561 farms all are on one."""
    owners = farm.owners()
    assert len({owners[number] for number in farm.at_home}) > 1


def test_transfers_from_clients(farm):
    wanted = farm.numbers
    checks.assert_swapped(farm.talk.swap(wanted, inward=False), wanted)
    checks.assert_sound(farm)


def test_the_inside_opens_connections_to_every_client(farm):
    wanted, before = farm.numbers, farm.owners()
    checks.assert_swapped(farm.talk.swap(wanted, inward=True), wanted)
    assert farm.owners() == before
    checks.assert_sound(farm)


def test_certificates_come_in_fragments(ipsec):
    """IKE's own (RFC 7383) from odd clients, IP's from even ones: that all have tunnels is the case above's."""
    for client in ipsec.clients:
        node = ipsec.client(client.number)
        with open(ipsec.path(f"charon-{node.name}.log"), encoding="utf-8", errors="replace") as log:
            assert ("EF(1/" in log.read()) == bool(client.number % 2), client
        rows = [line.split() for line in node.run(["cat", "/proc/self/net/snmp"]).stdout.splitlines()]
        counters = dict(zip(*(row[1:] for row in rows if row[0] == "Ip:")))
        assert (int(counters["FragCreates"]) > 0) == (client.number % 2 == 0), client
