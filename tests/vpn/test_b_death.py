# SPDX-License-Identifier: ISC
"""A gateway loses its power, and comes back."""
import time

import checks
from topo.lab.processes import poll


def come_back(lab, victims, moment):
    """Wait until the dead gateway's clients have tunnels elsewhere. Returns the seconds that took, from MOMENT."""
    missing = set(victims)

    def there():
        missing.difference_update(lab.owners())
        return not missing
    poll(there, lab.vpn.patience, lambda: f"clients {sorted(missing)} to come back", 0.2)
    return time.monotonic() - moment


def kill(lab, name):
    """Returns the moment of death, and what had arrived at the dead gateway when both sides knew it."""
    before = lab.firewall(name).arrived()
    moment = lab.kill_firewall(name, "power")
    lab.balancers.wait_states({name: "down"})
    after = lab.firewall(name).arrived()
    assert after["inner"] > before["inner"] and after["outer"] > before["outer"], "there was to be traffic to count"
    return moment, after


def test_its_clients_are_back_the_others_notice_nothing(farm, record_property):
    before, wanted = farm.owners(), farm.numbers
    victim = farm.busiest(before)
    victims = [number for number, name in before.items() if name == victim]
    asking = farm.talk.ask(wanted)
    time.sleep(1)
    moment, arrived = kill(farm, victim)
    seconds = come_back(farm, victims, moment)
    time.sleep(3)
    flows = asking.finish()
    record_property("back_after", seconds)
    print(f"{farm.vpn.name}: {len(victims)} clients of {victim} were back after",
          [round(flow.back_after(moment), 1) for flow in flows if flow.number in victims and flow.lost])
    checks.assert_lossless(flows, [number for number in wanted if number not in victims])
    checks.assert_alive(flows)
    assert farm.firewall(victim).arrived() == arrived, "the dead gateway was to get nothing any more"
    after = farm.owners()
    assert sorted(after) == wanted
    assert victim not in after.values()
    assert {n: g for n, g in after.items() if n not in victims} == {n: g for n, g in before.items() if n not in victims}
    checks.assert_sound(farm)


def test_it_takes_no_tunnel_away_when_it_returns(farm_as_left):
    farm = farm_as_left
    if not any(gateway.dead for gateway in farm.gateways):
        before = farm.owners()
        victim = farm.busiest(before)
        farm.kill_firewall(victim, "power")
        come_back(farm, [number for number, name in before.items() if name == victim], time.monotonic())
        farm.wait_connected()
    before = farm.owners()
    asking = farm.talk.ask(farm.numbers)
    time.sleep(1)
    for gateway in farm.gateways:
        gateway.revive()
    farm.balancers.wait_states({gateway.name: "up" for gateway in farm.gateways})
    time.sleep(2)
    checks.assert_lossless(asking.finish(), farm.numbers)
    assert farm.owners() == before
    checks.assert_sound(farm)
