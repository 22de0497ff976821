# SPDX-License-Identifier: ISC
"""The captures hold what topo/vpn/README.md says, and each client's packets go to one device. Needs neither root nor
VPNs."""
import json
import os
import subprocess

import pytest

import captures
from conftest import BINDIR, ROOT

NAT, PLAIN = "192.0.2.20", "192.0.2.21"


@pytest.mark.parametrize("kind", ["ipsec", "wireguard", "openvpn"])
def test_replayed_each_client_is_on_one_device(kind):
    program = os.path.join(BINDIR, "sandwichctl")
    if not os.access(program, os.X_OK):
        pytest.skip(f"needs {program}: run make")
    config = os.path.join(ROOT, "conf/examples/vpn.conf")
    done = subprocess.run([program, "-j", "replay", captures.path(kind), "-c", config, "-n", "in-a"], check=True,
                          capture_output=True, text=True)
    answer = json.loads(done.stdout)
    packets = captures.read(kind)
    assert answer["packets"] == len(packets)
    assert answer["reasons"] == {"to_device": sum(p.inward for p in packets),
                                 "to_uplink": sum(not p.inward for p in packets)}
    for client in (NAT, PLAIN):
        rows = [row for row in answer["conversations"] if row["client"] == client]
        assert len({device for row in rows for device in row["devices"]}) == 1
        assert len({row["client_port"] for row in rows if row["server_port"] != 500}) == 1 + (client == NAT)


def ports_of_nat(packets, gateway_port):
    """The NAT's ports in the order in which they were first seen: it forgets its bindings once."""
    ports = list(dict.fromkeys(p.port for p in packets if p.client == NAT and p.gateway_port == gateway_port))
    assert len(ports) == 2
    return ports


def test_ipsec():
    packets = captures.read("ipsec")
    ike = [p for p in packets if p.gateway_port == 4500 and p.data[:4] == bytes(4)]
    esp = [p for p in packets if p.gateway_port == 4500 and p.data[:4] != bytes(4) and len(p.data) > 1]
    first = next(p for p in packets if p.gateway_port == 500 and p.client == NAT)
    assert first.data[18] == 34 and first.data[8:16] == bytes(8)
    assert {p.data[22] for p in ike} == {35, 36, 37}
    for inward in (True, False):
        assert {p.client for p in packets if p.later and p.inward == inward} == {NAT}
        assert {p.client for p in ike if p.data[20] == 53 and p.inward == inward} == {PLAIN}
        assert len({p.data[:4] for p in esp if p.client == NAT and p.inward == inward}) == 2, "old keys and new"
    before, after = ports_of_nat(packets, 4500)
    spis = {port: {p.data[4:20] for p in ike if p.client == NAT and p.port == port} for port in (before, after)}
    assert first.data[:8] in {spi[:8] for spi in spis[before]}
    assert spis[after] and not spis[after] & spis[before], "the new IKE SPIs are first seen at the new port"
    seen = {port: {p.data[:4] for p in esp if p.client == NAT and p.inward and p.port == port} for port in spis}
    assert seen[after] and seen[after] < seen[before], "ESP's are known"
    assert {p.data for p in packets if p.client == NAT and len(p.data) == 1} == {b"\xff"}


def test_wireguard():
    packets = captures.read("wireguard")
    told = {True: set(), False: set()}  # indices, by the direction in which their owner sends
    for p in packets:
        kind = p.data[0]
        assert len(p.data) == {1: 148, 2: 92}.get(kind, len(p.data))
        if kind in (1, 2):
            told[p.inward].add(p.data[4:8])
        if kind in (2, 4):
            at = 8 if kind == 2 else 4
            assert p.data[at:at + 4] in told[not p.inward]
    assert {p.data[0] for p in packets} == {1, 2, 4}
    assert len(told[True]) == len(told[False]) == 4, "two clients, and new keys for each"
    assert any(len(p.data) == 32 for p in packets)
    ports_of_nat(packets, 51820)


def test_openvpn():
    packets = captures.read("openvpn")
    assert {p.data[0] >> 3 for p in packets} == {3, 4, 5, 7, 8, 9}
    for client in (NAT, PLAIN):
        for inward in (True, False):
            control = [p for p in packets if p.client == client and p.inward == inward and p.data[0] >> 3 != 9]
            assert len({p.data[1:9] for p in control}) == 1, "one session id for each end"
            assert {p.data[0] & 7 for p in control} >= {0, 1}, "new keys"
    assert {p.data[1:4] for p in packets if p.data[0] >> 3 == 9} == {bytes(3)}
    ports_of_nat(packets, 1194)
