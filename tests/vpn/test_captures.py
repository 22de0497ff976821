# SPDX-License-Identifier: ISC
"""The captures hold what topo/vpn/README.md says, and each client's packets go to one device. Needs neither root nor
VPNs."""
import json
import os
import subprocess

import pytest

import captures
from conftest import BINDIR, ROOT

NAT, PLAIN, OTHER = "192.0.2.20", "192.0.2.21", "192.0.2.22"


def replayed(kind):
    """What sandwichctl says of a capture, each of whose packets went somewhere."""
    program = os.path.join(BINDIR, "sandwichctl")
    if not os.access(program, os.X_OK):
        pytest.skip(f"needs {program}: run make")
    config = os.path.join(ROOT, "conf/examples/vpn.conf")
    done = subprocess.run([program, "-j", "replay", captures.path(kind), "-c", config, "-n", "in-a"], check=True,
                          capture_output=True, text=True)
    answer = json.loads(done.stdout)
    packets = captures.read(kind)
    assert answer["packets"] == len(packets)
    inward = sum(answer["reasons"].pop(reason, 0) for reason in ("to_device", "to_device_pinned"))
    assert inward == sum(p.inward for p in packets)
    assert answer["reasons"] == {"to_uplink": sum(not p.inward for p in packets)}
    return answer["conversations"]


def devices_of(rows):
    return {device for row in rows for device in row["devices"]}


@pytest.mark.parametrize("kind", ["ipsec", "wireguard", "openvpn"])
def test_replayed_each_client_is_on_one_device(kind):
    conversations = replayed(kind)
    for client in (NAT, PLAIN):
        rows = [row for row in conversations if row["client"] == client]
        assert len(devices_of(rows)) == 1
        assert len({row["client_port"] for row in rows if row["server_port"] != 500}) == 1 + (client == NAT)


@pytest.mark.parametrize("kind", ["esp", "ah", "l2tp", "pptp", "quic", "quic-lb", "dtls", "dtls-cid"])
def test_replayed_each_client_of_the_other_kinds_is_on_one_device(kind):
    conversations = replayed(kind)
    for client in (PLAIN, OTHER):
        assert len(devices_of([row for row in conversations if row["client"] == client])) == 1


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


@pytest.mark.parametrize("kind, protocol, at", [("esp", 50, 0), ("ah", 51, 4)])
def test_ipsec_without_udp(kind, protocol, at):
    packets = captures.read(kind)
    assert {p.protocol for p in packets} == {17, protocol}
    for client, ports in ((PLAIN, {500, 4500}), (OTHER, {500})):
        assert {p.gateway_port for p in packets if p.client == client and p.protocol == 17} == ports
        for inward in (True, False):
            spis = {p.data[at:at + 4] for p in packets
                    if p.protocol == protocol and p.client == client and p.inward == inward}
            assert len(spis) == 2, "old keys and new"


def test_l2tp():
    packets = captures.read("l2tp")
    assert {p.gateway_port for p in packets} == {1701}
    for client in (PLAIN, OTHER):
        for inward in (True, False):
            kinds = {p.data[0] >> 7 for p in packets if p.client == client and p.inward == inward}
            assert kinds == {0, 1}, "data and control"


def test_pptp():
    packets = captures.read("pptp")
    for client in (PLAIN, OTHER):
        for inward in (True, False):
            mine = [p for p in packets if p.client == client and p.inward == inward]
            assert {p.protocol for p in mine} == {6, 47}
            assert {p.gateway_port for p in mine if p.protocol == 6} == {1723}
            assert {p.data[2:4] for p in mine if p.protocol == 47} == {b"\x88\x0b"}


@pytest.mark.parametrize("kind", ["quic", "quic-lb"])
def test_quic(kind):
    packets = captures.read(kind)
    for client in (PLAIN, OTHER):
        mine = [p for p in packets if p.client == client and p.inward]
        assert len({p.port for p in mine}) == 2, "it changes its port"
        assert {p.data[0] >> 7 for p in mine} == {0, 1}, "long headers and short"
        last = int(client.rsplit(".", maxsplit=1)[1])
        chosen = [p.data[1:19] for p in mine if not p.data[0] >> 7]
        assert len(set(chosen)) == 1 + (client == OTHER), "who migrates by itself takes another id, a NAT does not"
        if kind == "quic-lb":
            assert {one[:3] for one in chosen} == {bytes((2 << 5 | 17, 0x0a, last - 20))}


def test_dtls():
    packets = captures.read("dtls")
    assert {p.data[0] for p in packets} >= {22, 23}
    ours = captures.read("dtls-cid")
    ids = {p.client: {q.data[11:15] for q in ours if q.client == p.client and q.inward and q.data[0] == 25}
           for p in ours}
    assert set(ids) == {PLAIN, OTHER} and all(len(one) == 1 for one in ids.values())
    assert [p.data for p in packets if not p.inward] == [p.data for p in ours if not p.inward]
    assert {len(q.data) - len(p.data) for p, q in zip(packets, ours)} == {0, 4}
