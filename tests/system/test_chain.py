# SPDX-License-Identifier: ISC
"""Another XDP program on a port of ours: it runs behind ours, and has the port to itself when ours is gone."""
import json
import os
import signal
import subprocess

import pytest

import flows
from topo.lab.processes import poll
from topo.traffic import tools

pytestmark = [pytest.mark.daemons,
              pytest.mark.skipif(os.environ.get("SANDWICH_DATAPATH", "auto") not in ("auto", "xdp"),
                                 reason="the other program is attached in the driver")]
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counting.bpf.c")


class Other:
    """A counting program, pinned, and attached to a port without a BPF link."""

    def __init__(self, lab, section="xdp.frags"):
        self.node, self.port = lab.balancer("ingress"), "eth0"
        self.folder = os.path.join(lab.bpffs, "other_" + section.replace(".", "_"))
        os.makedirs(self.folder)
        obj, source = lab.path("counting.bpf.o"), lab.path("counting.bpf.c")
        with open(SOURCE, encoding="ascii") as text, open(source, "w", encoding="ascii") as out:
            out.write(text.read().replace("xdp.frags", section))
        subprocess.run(["clang", "-O2", "-g", "-target", "bpf", f"-I/usr/include/{os.uname().machine}-linux-gnu",
                        "-c", source, "-o", obj], check=True)
        self.bpftool("prog", "load", obj, f"{self.folder}/program", "pinmaps", self.folder)
        self.id = self.bpftool("prog", "show", "pinned", f"{self.folder}/program")["id"]

    def bpftool(self, *words):
        text = self.node.run(["bpftool", "-j", *words]).stdout
        return json.loads(text) if text.strip() else None

    def attach(self):
        self.bpftool("net", "attach", "xdpdrv", "pinned", f"{self.folder}/program", "dev", self.port)

    def detach(self):
        self.node.run(["ip", "link", "set", self.port, "xdpdrv", "off"], check=False)

    def remove(self):
        self.detach()
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        os.rmdir(self.folder)

    def seen(self):
        entry = self.bpftool("map", "lookup", "pinned", f"{self.folder}/seen", "key", *"0000")
        return entry["formatted"]["value"]

    def has_the_port(self):
        links = json.loads(self.node.run(["ip", "-j", "link", "show", self.port]).stdout)
        return links[0].get("xdp", {}).get("prog", {}).get("id", 0) == self.id


@pytest.fixture(scope="module")
def lab(make_lab):
    return make_lab()


@pytest.fixture
def other(lab):
    """A program on ingress's uplink; no daemon runs there."""
    lab.balancers.write_config()
    if "ingress" in lab.balancers.daemons:
        lab.balancers.stop_side("ingress")
    program = Other(lab)
    program.attach()
    yield program
    if "ingress" in lab.balancers.daemons:
        lab.balancers.stop_side("ingress")
    program.remove()


def write_config(lab, words):
    lab.balancers.write_config()
    with open(lab.balancers.config, encoding="ascii") as text:
        config = text.read()
    with open(lab.balancers.config, "w", encoding="ascii") as out:
        out.write(config.replace("[balancer ingress]\n", f"[balancer ingress]\n{words}\n"))


def start(lab):
    lab.balancers.start_side("ingress")
    lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)


def run_refused(lab):
    argv = [lab.balancers.program("sandwich-ingress"), "-c", lab.balancers.config, "-n", "ingress"]
    return lab.balancer("ingress").run(argv, check=False, env=lab.balancers.environment())


def knock(lab):
    """Frames for all hosts of the uplink: they are the kernel's too."""
    lab.client(1).run(["ping", "-6", "-c", "3", "-i", "0.1", "-W", "1", "ff02::1%eth0"], check=False)


def assert_counts(lab, other):
    before = other.seen()
    knock(lab)
    assert other.seen() >= before + 3


def assert_forwards(lab):
    flows.assert_all_alive(flows.finish(flows.open_both_sides(lab, 32)))
    assert lab.balancers.ask("ingress", "show", "counters")["datapath"] == "xdp"


def test_runs_behind_ours(lab, other):
    assert_counts(lab, other)
    write_config(lab, "xdp-chain = on")
    start(lab)
    assert not other.has_the_port()
    assert_forwards(lab)
    assert_counts(lab, other)
    before = other.seen()
    assert tools.ping(lab.client(1), lab.plan.server(1).ipv4) == 3
    assert other.seen() <= before + 3, "it sees what we forward"
    assert lab.balancers.stop_side("ingress") == 0
    assert other.has_the_port(), "it has its port back"
    assert_counts(lab, other)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGQUIT])
def test_stays_behind_ours(lab, other, sign):
    """Without a daemon, and with the next one; then --detach gives it the port back."""
    write_config(lab, "xdp-chain = on")
    start(lab)
    lab.balancers.stop_side("ingress", first=sign)
    assert_counts(lab, other)
    start(lab)
    assert_forwards(lab)
    assert_counts(lab, other)
    lab.balancers.stop_side("ingress", first=signal.SIGKILL)
    status, text, _ = lab.balancers.detach("ingress")
    assert status == 0 and "2 ports" in text
    assert other.has_the_port()
    assert_counts(lab, other)


def test_refused_without_the_word(lab, other):
    """The reason is told, and nothing is done to the other program."""
    write_config(lab, "datapath = xdp")
    done = run_refused(lab)
    assert done.returncode == 1 and "another XDP program is on eth0" in done.stderr and "xdp-chain" in done.stderr
    assert other.has_the_port()


def test_one_that_cannot(lab, other):
    """Built for frames in one piece: the kernel lets none of ours call it. It stays where it is."""
    other.detach()
    plain = Other(lab, "xdp")
    plain.attach()
    try:
        write_config(lab, "xdp-chain = on\ndatapath = xdp")
        done = run_refused(lab)
        assert done.returncode == 1 and "xdp.frags" in done.stderr
        assert plain.has_the_port()
    finally:
        plain.remove()


def test_put_there_by_hand(lab, other):
    """Into the map `next`, while the daemon runs; the next daemon goes on with it."""
    other.detach()
    start(lab)
    folder = next(os.path.join(lab.bpffs, name) for name in os.listdir(lab.bpffs) if name.startswith("ingress-"))

    def pinned_map():
        return next(os.path.join(folder, name, "next") for name in os.listdir(folder) if name[0] == "t")
    other.bpftool("map", "update", "pinned", pinned_map(), "key", *"0000", "value", "pinned", f"{other.folder}/program")
    assert_counts(lab, other)
    lab.balancers.stop_side("ingress", first=signal.SIGKILL)
    assert_counts(lab, other)
    start(lab)
    assert_forwards(lab)
    poll(lambda: len([n for n in os.listdir(folder) if n[0] == "t"]) == 1, 5, "the former set to go")
    assert_counts(lab, other)
    other.bpftool("map", "delete", "pinned", pinned_map(), "key", *"0000")
    before = other.seen()
    knock(lab)
    assert other.seen() == before
