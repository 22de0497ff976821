# SPDX-License-Identifier: ISC
"""The fast path outlives the daemon: killed, replaced, handed over, upgraded; and it goes when it is told to."""
import json
import os
import re
import signal

import pytest

import flows
from conftest import heal
from topo.lab.processes import poll
from topo.traffic import tools

pytestmark = [pytest.mark.daemons,
              pytest.mark.skipif(os.environ.get("SANDWICH_DATAPATH", "auto") not in ("auto", "xdp", "xdp-generic"),
                                 reason="libpcap keeps nothing")]
ADOPTED = re.compile(r"adopted (\d+) sessions, (\d+) pins, left ([\d.]+) s ago")
CARRIED = re.compile(r"(\d+) sessions carried, (\d+) found no room")
SIDES = ("ingress", "egress")
NOISE = 0.0003  # what a machine that does other things as well may lose of a stream: a gap of 2 ms would be more


@pytest.fixture(scope="module")
def lab(make_lab):
    """The usual sandwich, whose hosts don't forget MACs: nobody answers ARP while there is no daemon."""
    lab = make_lab()
    for node in lab.nodes.values():
        for device in devices_of(node):
            node.sysctl({f"net.ipv{family}.neigh.{device}.base_reachable_time_ms": 3600000 for family in (4, 6)})
    return lab


def devices_of(node):
    links = json.loads(node.run(["ip", "-j", "link", "show"]).stdout)
    return [link["ifname"] for link in links if link["ifname"].startswith("eth")]


@pytest.fixture
def one(lab):
    """The module's lab, both daemons running with its own file, however the case before left it."""
    lab.balancers.write_config()
    for side in SIDES:
        if side not in lab.balancers.daemons:
            lab.balancers.start_side(side)
        poll(lambda s=side: lab.balancers.states(s), 15, f"{side} to answer")
    heal(lab)
    yield lab
    for side in SIDES:
        if side in lab.balancers.daemons and lab.balancers.daemons[side].poll() is not None:
            lab.balancers.stop_side(side)


def log_of(lab, side):
    return lab.tail(lab.path(f"sandwich-{side}.log"), 60000)


def programs_on(lab, side):
    """The ids of the programs on a balancer's ports: 0 where there is none."""
    links = json.loads(lab.balancer(side).run(["ip", "-j", "link", "show"]).stdout)
    return [link.get("xdp", {}).get("prog", {}).get("id", 0) for link in links if link["ifname"].startswith("eth")]


def pins(lab):
    """What is in the lab's bpffs, as paths; but for the two files that the kernel may put into each."""
    return sorted(os.path.join(folder, name) for folder, folders, names in os.walk(lab.bpffs)
                  for name in folders + names if not name.endswith(".debug"))


def udp_stream(lab, seconds=6, rate="4M"):
    """2,500 datagrams a second through the sandwich; returns the processes, whose JSON tells what was lost."""
    server = lab.server(1).start(["iperf3", "-s", "-1"], log="iperf3-server")
    lab.server(1).wait_port(5201)
    log = open(lab.path("iperf3.json"), "wb")
    client = lab.client(1).start(["iperf3", "-c", lab.plan.server(1).ipv4, "-u", "-b", rate, "-l", "200", "-t", seconds,
                                  "-J"], stdout=log)
    return server, client


def lost(lab, stream):
    """Datagrams sent and lost."""
    server, client = stream
    client.wait(30)
    server.wait(30)
    with open(lab.path("iperf3.json"), encoding="utf-8") as text:
        total = json.load(text)["end"]["sum"]
    return total["packets"], total["lost_packets"]


def assert_adopted(lab, side, at_least):
    found = poll(lambda: ADOPTED.findall(log_of(lab, side)), 5, "the word that sessions were adopted")
    assert int(found[-1][0]) >= at_least, found
    return found[-1]


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGQUIT])
def test_killed_under_load(one, sign):
    """No frame and no session is lost while there is no daemon, nor when the next takes over."""
    lab = one
    groups = flows.open_both_sides(lab, 192, rate=10)
    flows.rounds(groups)
    before = flows.places(lab)
    counted = {side: lab.balancers.counters(side)["rx_total"] for side in SIDES}
    ids = {side: programs_on(lab, side) for side in SIDES}
    stream = udp_stream(lab)
    flows.rounds(groups, 5)
    for side in SIDES:
        lab.balancers.stop_side(side, first=sign)
        assert programs_on(lab, side) == ids[side], "the program went with its daemon"
    flows.rounds(groups, 5)
    for side in SIDES:
        lab.balancers.start_side(side)
    lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)
    flows.rounds(groups, 10)
    after = flows.places(lab)
    sent, gone = lost(lab, stream)
    report = flows.finish(groups)
    flows.assert_all_alive(report)
    assert flows.moved(before, after, [f.name for f in lab.firewalls]) == {}
    assert sent > 5000 and gone <= NOISE * sent, f"{gone} of {sent} datagrams lost"
    flows.assert_symmetric(lab)
    for side in SIDES:
        assert_adopted(lab, side, 192)
        assert lab.balancers.counters(side)["rx_total"] > counted[side], "counters go on"
        assert set(programs_on(lab, side)).isdisjoint(ids[side]), "the new daemon's own program"
        assert "(was" not in log_of(lab, side).split("adopted")[-1], "a device changed its state"
    assert report["longest_ms"] < 1000


def test_new_conversations_without_a_daemon(one):
    """Placed in the kernel: they don't wait for one, and are recorded when it comes."""
    lab = one
    flows.assert_all_alive(flows.finish(flows.open_both_sides(lab, 160)))  # who is on the link is known
    for side in SIDES:
        lab.balancers.stop_side(side, first=signal.SIGKILL)
    groups = flows.open_both_sides(lab, 160)
    flows.rounds(groups)
    for side in SIDES:
        lab.balancers.start_side(side)
    lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)
    flows.rounds(groups)
    flows.assert_all_alive(flows.finish(groups))
    flows.assert_symmetric(lab)
    for side in SIDES:
        assert_adopted(lab, side, 160)


def test_a_device_that_died_meanwhile(one):
    """Adopted as up, then found silent."""
    lab = one
    assert tools.ping(lab.client(1), lab.plan.server(1).ipv4) == 3
    for side in SIDES:
        lab.balancers.stop_side(side, first=signal.SIGKILL)
    lab.kill_firewall("fw2")
    for side in SIDES:
        lab.balancers.start_side(side)
    lab.balancers.wait_states({"fw1": "up", "fw2": "down", "fw3": "up"}, 10)
    for side in SIDES:
        assert "device fw2 is down (was up)" in log_of(lab, side).split("adopted")[-1]


def test_operators_words_stay(one):
    lab = one
    lab.balancers.ask("ingress", "drain", "fw1")
    lab.balancers.wait_states({"fw1": "draining"})
    for side in SIDES:
        lab.balancers.stop_side(side, first=signal.SIGKILL)
    for side in SIDES:
        lab.balancers.start_side(side)
    lab.balancers.wait_states({"fw1": "draining", "fw2": "up", "fw3": "up"}, 10)
    lab.balancers.ask("ingress", "enable", "fw1")
    lab.balancers.wait_states({"fw1": "up"})


def test_another_size_of_table_is_copied(one):
    """`sessions` and `pins` have changed: what lives is carried, and the log tells how much."""
    lab = one
    groups = flows.open_both_sides(lab, 192, rate=10)
    flows.rounds(groups)
    before = flows.places(lab)
    with open(lab.balancers.config, encoding="ascii") as text:
        config = text.read()
    stream = udp_stream(lab)
    for side in SIDES:
        lab.balancers.stop_side(side, first=signal.SIGQUIT)
    with open(lab.balancers.config, "w", encoding="ascii") as out:
        out.write(re.sub(r"(?m)^sessions *=.*\n", "", config).replace("[sandwich]\n",
                                                                      "[sandwich]\nsessions = 32k\npins = 8k\n"))
    for side in SIDES:
        lab.balancers.start_side(side)
    lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)
    flows.rounds(groups, 10)
    after = flows.places(lab)
    sent, gone = lost(lab, stream)
    flows.assert_all_alive(flows.finish(groups))
    assert flows.moved(before, after, [f.name for f in lab.firewalls]) == {}
    assert sent > 5000 and gone <= NOISE * sent, f"{gone} of {sent} datagrams lost"
    flows.assert_symmetric(lab)
    for side in SIDES:
        carried, no_room = map(int, CARRIED.findall(log_of(lab, side))[-1])
        assert carried >= 192 and no_room == 0
        assert lab.balancers.counters(side)["sessions_slots"] == 32768


def test_detach(one):
    """Refused while a daemon runs; afterwards nothing is left, whatever has become of the file."""
    lab = one
    status, _, error = lab.balancers.detach("ingress")
    assert status == 1 and "runs" in error
    assert all(programs_on(lab, "ingress"))
    lab.balancers.stop_side("ingress", first=signal.SIGKILL)
    assert all(programs_on(lab, "ingress")) and pins(lab)
    with open(lab.balancers.config, "a", encoding="ascii") as out:
        out.write("nonsense\n")
    status, text, _ = lab.balancers.detach("ingress")
    assert status == 0 and "2 ports" in text, text
    assert not any(programs_on(lab, "ingress"))
    assert not [p for p in pins(lab) if "/ingress-" in p]
    status, text, _ = lab.balancers.detach("ingress")
    assert status == 0 and "nothing was left" in text
    assert all(programs_on(lab, "egress")), "the other's is not touched"


def test_a_second_daemon_is_refused(one):
    lab = one
    program = lab.balancers.program("sandwich-ingress")
    done = lab.balancer("ingress").run([program, "-c", lab.balancers.config, "-n", "ingress"], check=False,
                                       env=lab.balancers.environment())
    assert done.returncode == 1 and "another daemon of balancer ingress runs" in done.stderr
    assert tools.ping(lab.client(1), lab.plan.server(1).ipv4) == 3


def test_stop_leaves_nothing(one):
    lab = one
    for side, sign in zip(SIDES, (signal.SIGTERM, signal.SIGINT)):
        assert lab.balancers.stop_side(side, first=sign) == 0
        assert not any(programs_on(lab, side))
    assert pins(lab) == []


@pytest.mark.parametrize("daemon", [True, False], ids=["running", "away"])
def test_a_port_comes_back(one, daemon):
    """Deleted and made again: taken up by the daemon that runs, or else by the next."""
    lab = one
    assert tools.ping(lab.client(1), lab.plan.server(1).ipv4) == 3
    if not daemon:
        lab.balancers.stop_side("ingress", first=signal.SIGKILL)
    lab.remake_port("ingress", "eth1")
    if not daemon:
        lab.balancers.start_side("ingress")
    lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)
    poll(lambda: tools.ping(lab.client(1), lab.plan.server(1).ipv4) == 3, 10, "frames to pass again")
    assert all(programs_on(lab, "ingress"))
    assert len([p for p in pins(lab) if "/ingress-" in p and "/port_" in p]) == 2, "no stale links"


def test_a_port_down_and_up(one):
    lab = one
    lab.balancer("ingress").run(["ip", "link", "set", "eth1", "down"])
    poll(lambda: set(lab.balancers.states("ingress").values()) == {"down"}, 15, "devices to be down")
    lab.balancer("ingress").run(["ip", "link", "set", "eth1", "up"])
    lab.balancers.wait_states({f.name: "up" for f in lab.plan.firewalls}, 15)
    assert tools.ping(lab.client(1), lab.plan.server(1).ipv4) == 3
