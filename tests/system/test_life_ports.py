# SPDX-License-Identifier: ISC
"""What is adopted where ports, or a whole network namespace, are not what they were."""
import json
import os
import re
import signal
import subprocess

import pytest

import flows
from test_life import NOISE, lost, udp_stream
from topo.lab.processes import poll

pytestmark = [pytest.mark.daemons,
              pytest.mark.skipif(os.environ.get("SANDWICH_DATAPATH", "auto") not in ("auto", "xdp", "xdp-generic"),
                                 reason="libpcap keeps nothing")]
SIDES = ("ingress", "egress")


@pytest.fixture(scope="module")
def lab(make_lab):
    """Hosts don't forget MACs: nobody answers ARP while there is no daemon."""
    lab = make_lab(farm_ports=2)
    for node in lab.nodes.values():
        for link in json.loads(node.run(["ip", "-j", "link", "show"]).stdout):
            if link["ifname"].startswith("eth"):
                node.sysctl({f"net.ipv{family}.neigh.{link['ifname']}.base_reachable_time_ms": 3600000
                             for family in (4, 6)})
    return lab


def log_of(lab, side):
    return lab.tail(lab.path(f"sandwich-{side}.log"), 60000)


def change(lab, find, by):
    with open(lab.balancers.config, encoding="ascii") as text:
        config = text.read()
    found, n = re.subn(find, by, config)
    assert n, f"no {find} in {config}"
    with open(lab.balancers.config, "w", encoding="ascii") as out:
        out.write(found)


def test_ports_in_another_order(lab):
    """Devices are where they were by the interface: nothing stalls, nobody moves or goes down."""
    groups = flows.open_both_sides(lab, 192, rate=20)
    flows.rounds(groups)
    before = flows.places(lab)
    stream = udp_stream(lab, seconds=10)
    for side in SIDES:
        lab.balancers.stop_side(side, first=signal.SIGKILL)
    change(lab, r"(?m)^farm = eth1,? eth2$", "farm = eth2, eth1")
    for side in SIDES:
        lab.balancers.start_side(side)
    lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)
    flows.rounds(groups, 10)
    sent, gone = lost(lab, stream)
    assert sent > 5000 and gone <= NOISE * sent, f"{gone} of {sent} datagrams lost"
    report = flows.finish(groups)
    flows.assert_all_alive(report)
    assert report["longest_ms"] < 1000
    assert flows.moved(before, flows.places(lab), [f.name for f in lab.firewalls]) == {}
    for side in SIDES:
        assert "(was" not in log_of(lab, side).split("adopted")[-1], "a device changed its state"
    flows.assert_symmetric(lab)


@pytest.fixture
def namespace(lab):
    """A network namespace of its own with ports of the balancers' names."""
    name = f"{os.path.basename(lab.directory)}-gone"[-40:]
    subprocess.run(["ip", "netns", "add", name], check=True)
    for port in ("eth0", "eth1", "eth2"):
        subprocess.run(["ip", "-n", name, "link", "add", port, "type", "veth", "peer", "name", f"far{port}"],
                       check=True)
        for end in (port, f"far{port}"):
            subprocess.run(["ip", "-n", name, "link", "set", end, "up"], check=True)
        subprocess.run(["ip", "netns", "exec", name, "ethtool", "-K", f"far{port}", "gro", "on"], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def folders(lab):
    return {name for name in os.listdir(lab.bpffs) if name.startswith("ingress-")}


def test_a_namespace_that_is_gone(lab, namespace):
    """Killed, and its namespace deleted: the next daemon that starts, wherever, removes what it left."""
    lab.balancers.stop_side("ingress", first=signal.SIGKILL)
    own = folders(lab)
    assert len(own) == 1
    argv = [lab.balancers.program("sandwich-ingress"), "-c", lab.balancers.config, "-n", "ingress"]
    with open(lab.path("gone.log"), "wb") as log:
        daemon = subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace}", *argv], stdout=log, stderr=log,
                                  env=lab.balancers.environment())
    try:
        poll(lambda: lab.balancers.refused("ingress", "version")[0] == 0, 10,
             lambda: f"an answer; {lab.tail(lab.path('gone.log'))}")
        assert len(folders(lab)) == 2, lab.tail(lab.path("gone.log"))
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(10)
        lab.balancers.start_side("ingress")
        lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)
        assert len(folders(lab)) == 2, "its namespace is still there"
        lab.balancers.stop_side("ingress", first=signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", namespace], check=True)
        poll(lambda: subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, check=True, text=True
                                    ).stdout.find(namespace) < 0, 5, "the namespace to go")
        # The kernel takes it apart in the background: the daemon is started until that is done.
        lab.balancers.start_side("ingress")
        lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)

        def swept():
            if folders(lab) == own:
                return True
            lab.balancers.stop_side("ingress", first=signal.SIGKILL)
            lab.balancers.start_side("ingress")
            lab.balancers.wait_answering("ingress")
            return False
        poll(swept, 20, "what it left to go", interval=0.5)
    finally:
        daemon.kill()
        daemon.wait(10)
