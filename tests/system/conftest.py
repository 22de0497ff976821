# SPDX-License-Identifier: ISC
"""Fixtures of the system tests: sandwiches in network namespaces, one for each module, reused by its cases.

    sudo /usr/bin/python3 -m pytest tests/system

SANDWICH_BASELINE=linux runs the cases that plain Linux can pass with it in the balancers' places: that proves the lab.
SANDWICH_DATAPATH=xdp, xdp-generic or pcap runs them on that data path (auto without).
SANDWICH_BINDIR says where the programs are (build/bin).
"""
import os
import shutil
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)
sys.dont_write_bytecode = True

from topo.lab import Lab, Options, plan  # noqa: E402
from topo.lab.lab import remove_leftovers  # noqa: E402
from topo.lab.processes import processes_naming  # noqa: E402
from topo.traffic import conversations, ftp, tools  # noqa: E402

BASELINE = os.environ.get("SANDWICH_BASELINE", "")
BINDIR = os.path.abspath(os.path.join(ROOT, os.environ.get("SANDWICH_BINDIR", "build/bin")))
NEEDED = ("nft", "conntrack", "ip", "tc", "ethtool", "vsftpd", "curl", "tcpdump", "clang")


def why_not():
    """The reason that these tests can't run here, or ""."""
    if os.geteuid() != 0:
        return "needs root: network namespaces"
    missing = [tool for tool in NEEDED if not shutil.which(tool)]
    if missing:
        return f"needs {', '.join(missing)}"
    if not os.access(os.path.join(os.path.dirname(BINDIR), "topo", "conversations"), os.X_OK):
        return "needs `make topo`"
    if not BASELINE and not os.access(os.path.join(BINDIR, "sandwich-ingress"), os.X_OK):
        return f"needs the programs in {BINDIR}: run make"
    return ""


def pytest_configure(config):
    config.addinivalue_line("markers", "daemons: needs the sandwich's own daemons, plain Linux can't do it")


def pytest_sessionstart(session):
    del session
    os.chdir(ROOT)
    if os.geteuid() == 0:
        remove_leftovers()


def pytest_collection_modifyitems(items):
    os.chdir(ROOT)
    reason = why_not()
    for item in items:
        if "system" not in str(item.fspath):
            continue
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        elif BASELINE and item.get_closest_marker("daemons"):
            item.add_marker(pytest.mark.skip(reason="plain Linux can't do it"))


def start_servers(lab):
    """Everything that conversations, downloads and FTP need, in all end hosts."""
    for node in (lab.server(1), lab.server(2)):
        conversations.serve(node, plan.CONVERSATION_PORT)
        tools.serve_http(node)
    for node in (lab.client(1), lab.client(2)):
        conversations.serve(node, plan.INSIDE_CONVERSATION_PORT)
    ftp.serve(lab.server(1))


@pytest.fixture(scope="module")
def make_lab():
    """make_lab(**options) puts up a running sandwich; gone at the end of the module. PREPARE is called with the lab
    before its balancers start."""
    labs = []

    def make(prepare=None, **options):
        lab = Lab(Options(baseline=BASELINE, bindir=BINDIR, **options))
        labs.append(lab)
        if prepare:
            prepare(lab)
        lab.start_balancers()
        start_servers(lab)
        return lab
    yield make
    for lab in labs:
        show_logs_of_failures(lab)
        lab.close()
        assert not processes_naming(f"{lab.prefix}-")


def show_logs_of_failures(lab):
    """What the daemons said goes to the captured output: pytest shows it only when something failed."""
    for name in (f"sandwich-{box.name}.log" for box in lab.plan.boxes):
        path = lab.path(name)
        if os.path.exists(path):
            print(f"--- {name}\n{lab.tail(path)}")


@pytest.fixture(scope="module")
def lab(make_lab):
    """The usual sandwich: firewall mode, three firewalls."""
    return make_lab()


@pytest.fixture
def healthy(lab):
    """The module's lab with every firewall alive, however the case before left it."""
    heal(lab)
    yield lab
    heal(lab)


def enable_all(lab):
    """End drains that a failed case left."""
    if lab.balancers.kind == "sandwich":
        for name, row in lab.balancers.devices("ingress").items():
            if row["state"] in ("draining", "disabled"):
                lab.balancers.ask("ingress", "enable", name, check=False)


def heal(lab):
    for firewall in lab.firewalls:
        if firewall.dead:
            firewall.revive()
    enable_all(lab)
    lab.balancers.wait_states({f.name: "up" for f in lab.firewalls})
