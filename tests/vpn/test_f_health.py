# SPDX-License-Identifier: ISC
"""Detectors for VPN gateways: its daemon answers, or its machine alone lives. Farms of their own."""
import os
import re
import shutil
import signal
import time

import conftest
import pytest
from topo.lab.processes import poll
from topo.vpn import VpnLab, openvpn

# With a connection for its own addresses a gateway likes the offer, and begins something.
OPEN = """
connections {
	anybody {
		version = 2
		local_addrs = 10.1.0.0/16, 10.2.0.0/16
		proposals = aes256-sha256-ecp256, aes128gcm16-prfsha256-ecp256
		local {
			auth = pubkey
			certs = gateway.pem
		}
		remote {
			auth = pubkey
		}
	}
}
"""


@pytest.fixture(scope="module")
def lab():
    conftest.skip_without("ipsec")
    health = {"ike": "on 300ms x 3", "rise": 2}
    farm = VpnLab("ipsec", clients=2, at_home=0, bindir=conftest.BINDIR, settings={"health": health})
    try:
        farm.start()
        farm.wait_connected()
        yield farm
        conftest.print_logs("ike", farm)
    finally:
        farm.close()


def send(lab, gateway, number):
    for process in lab.vpn.running[gateway.name]:
        process.send_signal(number)


def health(lab, side, name):
    return lab.balancers.devices(side)[name]["health"]["ike"]


def test_a_daemon_that_hangs_is_found(lab):
    gateway = lab.gateways[1]
    send(lab, gateway, signal.SIGSTOP)
    try:
        lab.balancers.wait_states({gateway.name: "down"})
        found = {side: lab.balancers.devices(side)[gateway.name] for side in ("ingress", "egress")}
    finally:
        send(lab, gateway, signal.SIGCONT)
    for side, row in found.items():
        assert row["health"]["ike"]["why"] == "no answer in 300 ms", side
        assert row["health"]["path"]["ok"], "its machine lives, and forwards"
    lab.balancers.wait_states({other.name: "up" for other in lab.gateways})
    assert health(lab, "ingress", gateway.name)["rtt_us"] > 0


def half_open(lab, gateway):
    text = lab.vpn._ask(gateway, "--stats").stdout
    return int(re.search(r"(\d+) half-open", text)[1])


def test_a_gateway_that_likes_the_offer_keeps_few_half_open(lab):
    """Thirty requests and more from each side, and two half-open SAs at most: one for each side."""
    gateway = lab.gateways[0]
    path = lab.vpn._path(f"{gateway.name}/swanctl.conf")
    with open(path, "a", encoding="ascii") as out:
        out.write(OPEN)
    lab.vpn._ask(gateway, "--load-all")
    poll(lambda: half_open(lab, gateway) > 0, 10, "the offer to be liked")
    highest, end = 0, time.monotonic() + 10
    while time.monotonic() < end:
        highest = max(highest, half_open(lab, gateway))
        assert lab.balancers.states("ingress")[gateway.name] == "up"
        time.sleep(0.5)
    assert 1 <= highest <= 2
    assert health(lab, "egress", gateway.name)["failures"] == 0


@pytest.fixture(scope="module")
def scripted(monkey):
    """OpenVPN that listens on its own addresses too, and balancers with addresses of the kernel's on the farm."""
    conftest.skip_without("openvpn")
    monkey.setattr(openvpn, "GATEWAY", openvpn.GATEWAY.replace("local {cluster}\n", "multihome\n"))
    farm = VpnLab("openvpn", clients=2, at_home=0, bindir=conftest.BINDIR)
    try:
        program = farm.path("check-openvpn")
        shutil.copy(os.path.join(conftest.ROOT, "conf", "examples", "health", "check-openvpn"), program)
        os.chmod(program, 0o755)
        farm.options.settings["health"] = {"script": f"{program} {openvpn.PORT} 1500ms x 2 1400ms", "rise": 1}
        for side, address in (("ingress", "10.1.0.250/24"), ("egress", "10.2.0.250/24")):
            farm.nodes[side].ip(f"addr add {address} dev eth1")
        farm.start()
        farm.wait_connected()
        yield farm
        conftest.print_logs("script", farm)
    finally:
        farm.close()


@pytest.fixture(scope="module")
def monkey():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_a_program_asks_openvpn(scripted):
    gateway = scripted.gateways[1]
    send(scripted, gateway, signal.SIGSTOP)
    try:
        scripted.balancers.wait_states({gateway.name: "down"}, 20)
        row = scripted.balancers.devices("ingress")[gateway.name]
    finally:
        send(scripted, gateway, signal.SIGCONT)
    assert row["health"]["script"]["why"] == "exit status 1: no answer from 10.1.0.12 port 1194"
    assert row["health"]["path"]["ok"]
    scripted.balancers.wait_states({other.name: "up" for other in scripted.gateways}, 20)
    for side in ("ingress", "egress"):
        log = scripted.tail(scripted.path(f"sandwich-{side}.log"))
        assert log.count("no answer from 10.") <= 1, "once for the change"
