#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Records the captures of tests/vpn/captures anew, from real daemons.

    sudo /usr/bin/python3 -m topo.vpn.record DIRECTORY [KIND ...]

Two clients of each kind, the second behind a NAT, before ingress: tunnels, a datagram and its answer from either side,
keep-alives while nothing else is sent, new keys (WireGuard's take two minutes), other ports by the NAT.
"""
import os
import signal
import sys
import time

from ..lab.processes import poll
from . import KINDS, VpnLab, plan

SEEN = f"host {plan.CLUSTER} and udp or (ip[6:2] & 0x1fff != 0)"
IDLE = {"ipsec": 8, "wireguard": 12, "openvpn": 3}  # seconds, enough for a keep-alive


def talk(lab, numbers):
    """Few datagrams in both directions."""
    asking = lab.talk.ask(numbers, pace=300)
    time.sleep(0.7)
    asking.finish()


def keys(lab):
    return {number: next(iter(held.values())).keys for number, held in lab.tunnels().items() if held}


def renew(lab, numbers):
    """Until all have new keys, by themselves where they can't be asked to."""
    before = keys(lab)
    lab.vpn.rekey([lab.client(number) for number in numbers])
    poll(lambda: all(keys(lab).get(n, before[n]) != before[n] for n in numbers), 150, "new keys", 0.5)


def play(lab, numbers):
    lab.vpn.start_client(lab.client(1))
    lab.vpn.start_client(lab.client(2))
    lab.wait_connected()
    talk(lab, numbers)
    time.sleep(IDLE[lab.vpn.name])
    renew(lab, numbers)
    talk(lab, numbers)
    lab.rebind_nat()
    time.sleep(3)
    talk(lab, numbers)


def record(kind, path):
    """One farm, seen by the port of the switch that ingress is at: as its uplink sees it."""
    with VpnLab(kind, clients=2, at_home=1) as lab:
        lab.start(clients=False)
        capture = lab.node("switch-in").start(["tcpdump", "-i", "ingress", "-U", "-s", "0", "-w", path, SEEN],
                                              log=f"tcpdump-{kind}")
        poll(lambda: os.path.exists(path) and os.path.getsize(path), 10, "tcpdump")
        play(lab, [1, 2])
        lab.processes.stop(capture, first=signal.SIGINT)


def main(words):
    if not words or not set(words[1:]) <= set(KINDS):
        sys.exit(__doc__)
    directory = os.path.abspath(words[0])
    os.makedirs(directory, exist_ok=True)
    for kind in words[1:] or KINDS:
        record(kind, os.path.join(directory, f"{kind}.pcap"))


if __name__ == "__main__":
    main(sys.argv[1:])
