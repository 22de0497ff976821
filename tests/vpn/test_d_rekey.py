# SPDX-License-Identifier: ISC
"""New keys, and new identifiers with them: the gateway stays, and nothing is lost."""
import pytest

import checks
from topo.lab.processes import poll

LIMIT = 150  # seconds: WireGuard's keys are renewed after 120 s


def held(lab):
    """{client number: (gateway, Tunnel)}"""
    return {number: next(iter(rows.items())) for number, rows in lab.tunnels().items() if rows}


@pytest.mark.parametrize("farm_as_left", ["ipsec", "openvpn", "wireguard"], indirect=True)  # the one that waits last
def test_rekeying_keeps_the_gateway(farm):
    before, gateways = held(farm), farm.owners()
    wanted = farm.vpn.due({number: tunnel for number, (_gateway, tunnel) in before.items()})
    assert wanted
    asking = farm.talk.ask(farm.numbers)
    farm.vpn.rekey([farm.client(number) for number in wanted])

    old = set(wanted)

    def renewed():
        now = held(farm)
        old.difference_update([n for n in wanted if n in now and now[n][1].keys != before[n][1].keys])
        return not old
    poll(renewed, LIMIT, lambda: f"new keys of clients {sorted(old)}, {[before[n] for n in old]}", 0.3)
    checks.assert_lossless(asking.finish(), farm.numbers)
    assert farm.owners() == gateways
    checks.assert_sound(farm)
