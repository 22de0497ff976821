# SPDX-License-Identifier: ISC
"""Clients that have one outside address in common."""
import time

import checks
from topo.lab.processes import poll


def ports(lab):
    """{client number: the port that its gateway answers to} of those behind the NAT."""
    tunnels = lab.tunnels()
    return {n: next(iter(tunnels[n].values())).peer.rsplit(":", 1)[1] for n in lab.at_home if tunnels[n]}


def test_a_nat_that_forgets_its_bindings(farm):
    """Their ports change in mid-transfer: the same gateway finds them there, as its protocol has it (float, MOBIKE).
    Where data doesn't say whose it is, they are back by themselves."""
    time.sleep(farm.vpn.rest)
    before, old = farm.owners(), ports(farm)
    asking = farm.talk.ask(farm.at_home)
    time.sleep(1)
    farm.rebind_nat()

    def moved():
        new = ports(farm)
        return len(new) == len(old) and all(new[n] != old[n] for n in old)
    if farm.vpn.floats_by_identifier:
        poll(moved, 30, "the gateways to follow their clients to other ports", 0.2)
    else:
        time.sleep(farm.vpn.patience / 2)
        poll(farm.one_each, 2 * farm.vpn.patience, "each client to have one tunnel again", 0.5)
    time.sleep(2)
    checks.assert_alive(asking.finish())
    if farm.vpn.floats_by_identifier:
        assert farm.owners() == before
    checks.assert_sound(farm)
