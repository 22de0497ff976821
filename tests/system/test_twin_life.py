# SPDX-License-Identifier: ISC
"""Twins whose fast paths outlive their daemons: the active one is killed, and comes back as its twin's standby."""
import os
import re
import signal

import pytest

import flows
from topo.drills import measure, scenes
from topo.lab.processes import poll

pytestmark = [pytest.mark.daemons,
              pytest.mark.skipif(os.environ.get("SANDWICH_DATAPATH", "auto") not in ("auto", "xdp", "xdp-generic"),
                                 reason="libpcap keeps nothing")]
BOXES = ("ingress", "ingress-b", "egress", "egress-b")
ADOPTED = re.compile(r"adopted (\d+) sessions")


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab(twins=True)
    measure.wait_equal(lab, BOXES)
    return lab


def pair(lab, side):
    """The active box of a side, and the other: at the start either may be the first."""
    poll(lambda: "active" in measure.roles(lab, [side, f"{side}-b"]).values(), 10, f"an active {side}")
    name = scenes.active(lab, side)
    return name, scenes.twin(name)


def log_of(lab, name):
    return lab.tail(lab.path(f"sandwich-{name}.log"), 60000)


def keys_of(lab, name):
    """The conversations in a table, however it counts them."""
    ends = ("protocol", "client", "client_port", "server", "server_port", "device")
    return {tuple(session[end] for end in ends) for session in lab.balancers.sessions(name)}


def sent(lab, name):
    return lab.balancers.counters(name)["tx_total"]


@pytest.mark.parametrize("side", ["ingress", "egress"])
def test_comes_back_as_standby(lab, side):
    """Never active again of itself; it forwards nothing; its table becomes the twin's, without what ended meanwhile."""
    side, twin = pair(lab, side)
    ended = flows.open_both_sides(lab, 64)
    flows.rounds(ended)
    groups = flows.open_both_sides(lab, 128, rate=10)
    flows.rounds(groups)
    measure.wait_equal(lab, BOXES)
    before = flows.places(lab)
    had = keys_of(lab, side)
    lab.balancers.stop_side(side, first=signal.SIGKILL)
    measure.wait_role(lab, twin, "active")
    flows.assert_all_alive(flows.finish(ended))
    flows.rounds(groups, 5)
    lab.balancers.start_side(side)
    lab.balancers.wait_answering(side)
    measure.wait_role(lab, side, "standby")  # it listens first; that it is never active is asserted below
    first = sent(lab, side)
    flows.rounds(groups, 10)
    assert sent(lab, side) == first, "a standby sends nothing"
    measure.wait_equal(lab, BOXES)
    flows.rounds(groups, 5)
    report = flows.finish(groups)
    flows.assert_all_alive(report)
    assert flows.moved(before, flows.places(lab), [f.name for f in lab.firewalls]) == {}
    born = log_of(lab, side).split("adopted")[-1]
    assert int(ADOPTED.findall(log_of(lab, side))[-1]) >= 128
    assert f" {side} is active" not in born, "it has been active for a moment"
    assert {name: lab.balancers.states(side)[name] for name in lab.balancers.states(twin)} == lab.balancers.states(twin)
    poll(lambda: keys_of(lab, side) == keys_of(lab, twin), 15, "the same sessions on both")
    assert had, "there was something to adopt"
    flows.assert_symmetric(lab)


def test_a_device_died_while_the_daemon_was_away(lab):
    """What it adopts says up; its twin, which is active, knows better."""
    name, twin = pair(lab, "ingress")
    lab.balancers.stop_side(name, first=signal.SIGKILL)
    measure.wait_role(lab, twin, "active")
    lab.kill_firewall("fw2")
    lab.balancers.wait_states({"fw2": "down"}, 10)
    lab.balancers.start_side(name)
    lab.balancers.wait_states({"fw1": "up", "fw2": "down", "fw3": "up"}, 10)
    assert measure.roles(lab, [name]) == {name: "standby"}
