# SPDX-License-Identifier: ISC
"""A reload with so many devices that building their rows takes longer than a heartbeat may be late."""
import signal

import pytest

import flows
from topo.lab.processes import poll

pytestmark = pytest.mark.daemons


def test_reload_with_many_devices(healthy):
    """SIGHUP with the file unchanged and changed, on one side and on both: no device goes down, nothing is reset."""
    lab = healthy
    names = [f.name for f in lab.firewalls]
    with open(lab.balancers.config, encoding="ascii") as good:
        text = good.read().replace("[sandwich]\n", "[sandwich]\non-device-down = reset\n", 1)
    assert text.count("on-device-down") == 1
    more = "".join(f"\n[device absent{n}]\ningress = 02:00:00:aa:00:{n:02x}\negress = 02:00:00:bb:00:{n:02x}\n"
                   for n in range(24))
    sides = ("ingress", "egress")
    groups = flows.open_both_sides(lab, 64)
    flows.rounds(groups, 1)
    try:
        for weight in (1, 1, 3, 1):
            with open(lab.balancers.config, "w", encoding="ascii") as out:
                out.write(text + more.replace("\ningress", f"\nweight = {weight}\ningress"))
            lab.balancers.daemons["ingress"].send_signal(signal.SIGHUP)
            poll(lambda w=weight: lab.balancers.devices("ingress").get("absent0", {}).get("weight") == w,
                 10, "one side to reload")
            lab.balancers.reload()
            for side in sides:
                poll(lambda s=side, w=weight: lab.balancers.devices(s).get("absent0", {}).get("weight") == w,
                     10, f"{side} to have the weight {weight}")
            flows.rounds(groups, 1)
        flows.assert_all_alive(flows.finish(groups))
        for side in sides:
            with open(lab.balancers.daemons[side].log, encoding="utf-8") as log:
                said = log.read()
            for name in names:
                assert lab.balancers.devices(side)[name]["state"] == "up"
                assert f"device {name} is down" not in said, said
            assert "out of reach" not in said, said
    finally:
        lab.balancers.write_config()
        lab.balancers.reload()
