# SPDX-License-Identifier: ISC
"""Clients that have one outside address in common."""
import time

import pytest

import checks
from topo.lab.processes import poll


def at_home(lab):
    return [client.number for client in lab.clients if client.at_home]


def ports(lab):
    """{client number: the port that its gateway answers to} of those behind the NAT."""
    tunnels = lab.tunnels()
    return {n: next(iter(tunnels[n].values())).peer.rsplit(":", 1)[1] for n in at_home(lab) if tunnels[n]}


def test_a_nat_that_forgets_its_bindings(farm):
    """Their ports change in mid-transfer: the same gateway finds them there, as its protocol has it (float, MOBIKE)."""
    before, old = farm.owners(), ports(farm)
    asking = farm.talk.ask(at_home(farm))
    time.sleep(1)
    farm.rebind_nat()

    def moved():
        new = ports(farm)
        return len(new) == len(old) and all(new[n] != old[n] for n in old)
    poll(moved, 30, "the gateways to follow their clients to other ports", 0.2)
    time.sleep(2)
    checks.assert_alive(asking.finish())
    assert farm.owners() == before
    checks.assert_sound(farm)


def test_clients_behind_one_nat_spread(farm):
    owners = farm.owners()
    assert len({owners[number] for number in at_home(farm)}) > 1
