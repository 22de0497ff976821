# SPDX-License-Identifier: ISC
"""Fixtures of the VPN tests: one farm for each kind of VPN, all three up at the same time, until the last case.

    sudo make check-vpn
    sudo /usr/bin/python3 -m pytest tests/vpn -k wireguard

They stay up together because WireGuard asks for new keys after two minutes: the other cases run meanwhile.
SANDWICH_DATAPATH and SANDWICH_BINDIR are as in tests/system.
"""
import os
import shutil
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)
sys.dont_write_bytecode = True

from topo.lab.lab import remove_leftovers  # noqa: E402
from topo.lab.processes import processes_naming  # noqa: E402
from topo.vpn import KINDS, VpnLab  # noqa: E402

BINDIR = os.path.abspath(os.path.join(ROOT, os.environ.get("SANDWICH_BINDIR", "build/bin")))
AFFINITY = "tunnel"  # of all farms; the strict xfails are what it can't do
NEEDED = ("nft", "conntrack", "ip", "ethtool")


def why_not():
    """The reason that none of these tests can run here, or ""."""
    if os.geteuid() != 0:
        return "needs root: network namespaces"
    missing = [tool for tool in NEEDED if not shutil.which(tool)]
    if missing:
        return f"needs {', '.join(missing)}"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun"
    if not os.access(os.path.join(BINDIR, "sandwich-ingress"), os.X_OK):
        return f"needs the programs in {BINDIR}: run make"
    return ""


def pytest_sessionstart(session):
    del session
    os.chdir(ROOT)
    if os.geteuid() == 0:
        remove_leftovers()


class Farms:
    """The farms that are up, by kind."""

    def __init__(self):
        self.labs = {}

    def get(self, kind):
        """A farm with all its clients connected. One that could not be put up is not tried a second time."""
        if kind not in self.labs:
            self.labs[kind] = None
            self.labs[kind] = VpnLab(kind, bindir=BINDIR, affinity=AFFINITY)
            self.labs[kind].start()
            self.labs[kind].wait_connected()
        if not self.labs[kind] or not self.labs[kind].ready:
            pytest.fail(f"the {kind} farm could not be put up (see the first case)", pytrace=False)
        return self.labs[kind]

    def close(self):
        for kind, lab in self.labs.items():
            if lab:
                print_logs(kind, lab)
                lab.close()
                assert not processes_naming(f"{lab.prefix}-")


def print_logs(kind, lab):
    for name in ("sandwich-ingress.log", "sandwich-egress.log"):
        if os.path.exists(lab.path(name)):
            print(f"--- {kind}: {name}\n{lab.tail(lab.path(name))}")


@pytest.fixture(scope="session")
def farms():
    everything = Farms()
    yield everything
    everything.close()


def skip_without(kind):
    reason = why_not()
    missing = KINDS[kind].missing()
    if missing and not reason:
        reason = f"needs {', '.join(missing)}: conf/install/deps vpn"
    if reason:
        pytest.skip(reason)


@pytest.fixture(params=list(KINDS))
def farm_as_left(request, farms):
    """A farm of each kind in turn, perhaps with a gateway that is dead since the case before."""
    skip_without(request.param)
    return farms.get(request.param)


@pytest.fixture
def farm(farm_as_left):
    """The same with every gateway alive."""
    for gateway in farm_as_left.gateways:
        gateway.revive()
    farm_as_left.balancers.wait_states({gateway.name: "up" for gateway in farm_as_left.gateways})
    return farm_as_left


@pytest.fixture
def ipsec(farms):
    skip_without("ipsec")
    return farms.get("ipsec")
