# SPDX-License-Identifier: ISC
"""What each drill breaks, and how it is put right again."""
import json
import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable

from topo.lab import plan
from topo.lab.processes import poll

from . import measure

ALL = ("ingress", "ingress-b", "egress", "egress-b")


def twin(name):
    return name[:-2] if name.endswith("-b") else name + "-b"


def active(lab, side):
    """The name of the active box of SIDE."""
    for name in (side, f"{side}-b"):
        if name in lab.balancers.daemons and measure.roles(lab, [name])[name] == "active":
            return name
    raise RuntimeError(f"nobody is active on the {side} side")


def kill(lab, name):
    """As a crash: the daemon is gone, its kernel and its cables are not."""
    lab.balancers.daemons[name].send_signal(signal.SIGKILL)
    lab.balancers.daemons.pop(name).wait()


def cables(lab, name, state):
    """All of a box's cables at once, at the switches' ends."""
    side = name.split("-", maxsplit=1)[0]
    uplink, farm = ("switch-in", "farm-in") if side == "ingress" else ("switch-out", "farm-out")
    for switch in (uplink, farm, "switch-sync"):
        lab.node(switch).ip(f"link set dev {name} {state}")


def power_off(lab, *names):
    """Nobody can hand anything over: the daemon stands still before the first cable goes."""
    for name in names:
        lab.balancers.daemons[name].send_signal(signal.SIGSTOP)
    for name in names:
        cables(lab, name, "down")
    for name in names:
        kill(lab, name)
        lab.balancers.detach(name)


def power_on(lab, name):
    cables(lab, name, "up")
    lab.balancers.start_side(name)


@dataclass
class Scene:
    """BREAK_IT(drill) does the damage, MEND(drill) undoes it; both are marked on the time line."""

    title: str
    break_it: Callable
    mend: Callable = None
    pause: float = 2.0        # seconds between the two
    expects_outage: bool = False  # no box is left that could carry traffic


def _kill(side):
    def break_it(drill):
        drill.victim = active(drill.lab, side)
        drill.mark(f"{drill.victim} killed")
        kill(drill.lab, drill.victim)
        measure.wait_role(drill.lab, twin(drill.victim), "active")
    return break_it


def _restart(drill):
    drill.mark(f"{drill.victim} started")
    drill.lab.balancers.start_side(drill.victim)


def _kill_both(drill):
    drill.victims = [active(drill.lab, side) for side in ("ingress", "egress")]
    drill.mark(f"{' and '.join(drill.victims)} powered off")
    power_off(drill.lab, *drill.victims)
    for name in drill.victims:
        measure.wait_role(drill.lab, twin(name), "active")


def _power_on_victims(drill):
    drill.mark(f"{' and '.join(drill.victims)} powered on")
    for name in drill.victims:
        power_on(drill.lab, name)


def _power_off_active(side):
    def break_it(drill):
        drill.victims = [active(drill.lab, side)]
        drill.mark(f"{drill.victims[0]} powered off")
        power_off(drill.lab, drill.victims[0])
        measure.wait_role(drill.lab, twin(drill.victims[0]), "active")
    return break_it


def _cut_sync(drill):
    drill.mark("switch of the sync LAN off")
    drill.lab.node("switch-sync").ip("link set dev lan down")


def _mend_sync(drill):
    drill.mark("switch of the sync LAN on")
    drill.lab.node("switch-sync").ip("link set dev lan up")


def _split_sync(drill):
    drill.victim = active(drill.lab, "ingress")
    drill.mark(f"sync cable of {drill.victim} out")
    drill.lab.node("switch-sync").ip(f"link set dev {drill.victim} down")


def _mend_split(drill):
    drill.mark(f"sync cable of {drill.victim} in")
    drill.lab.node("switch-sync").ip(f"link set dev {drill.victim} up")


def _kill_firewall(drill):
    drill.mark("fw2 dead")
    drill.dead_firewalls = {"fw2"}
    drill.lab.kill_firewall("fw2", "links")


def _revive_firewall(drill):
    drill.mark("fw2 back")
    drill.lab.firewall("fw2").revive()
    drill.lab.balancers.wait_states({"fw2": "up"}, timeout=20)


def _cut_farm(drill):
    drill.victim = active(drill.lab, "ingress")
    drill.mark(f"farm cable of {drill.victim} out")
    drill.lab.node("farm-in").ip(f"link set dev {drill.victim} down")
    measure.wait_role(drill.lab, twin(drill.victim), "active")


def _mend_farm(drill):
    drill.mark(f"farm cable of {drill.victim} in")
    drill.lab.node("farm-in").ip(f"link set dev {drill.victim} up")


def _power_off_side(drill):
    drill.victims = ["ingress", "ingress-b"]
    drill.mark("both boxes of ingress powered off")
    power_off(drill.lab, *drill.victims)


def _stop(drill):
    drill.victim = active(drill.lab, "ingress")
    drill.mark(f"{drill.victim} stopped (SIGSTOP)")
    drill.lab.balancers.daemons[drill.victim].send_signal(signal.SIGSTOP)


def _continue(drill):
    drill.mark(f"{drill.victim} goes on")
    drill.lab.balancers.daemons[drill.victim].send_signal(signal.SIGCONT)


@contextmanager
def lossy_sync(lab, **rates):
    """The sync LAN as a hub that loses, doubles and reorders. Gives a function that asks it what it did so far."""
    switch = lab.node("switch-sync")
    program = os.path.join(os.path.dirname(os.path.abspath(lab.options.bindir)), "topo", "lossy")
    switch.ip(*(f"link set dev {name} nomaster" for name in ALL))
    words = [word for key, value in rates.items() for word in (f"--{key}", value)]
    hub = switch.start([program, *words, *ALL], log=f"lossy-{time.monotonic_ns()}")
    poll(lambda: "ready" in lab.tail(hub.log), 5, "the lossy hub")

    def did():
        said = len(lab.tail(hub.log).splitlines())
        hub.send_signal(signal.SIGUSR1)
        return poll(lambda: lab.tail(hub.log).splitlines()[said:], 5, "the lossy hub's report")[-1]
    try:
        yield lambda: json.loads(did())
    finally:
        hub.send_signal(signal.SIGTERM)
        hub.wait(timeout=10)
        switch.ip(*(f"link set dev {name} master lan" for name in ALL))


def lossy_counts(drill):
    """Sync datagrams that the hub lost, and that the boxes miss: of nearly the same moment."""
    return drill.lossy_did()["lost_udp"], measure.sync_lost(drill.lab, ALL)


def _lossy(drill):
    drill.mark("sync path loses 5 %, reorders 10 %, doubles 2 %")
    drill.lossy = lossy_sync(drill.lab, loss=5, duplicate=2, reorder=10, delay=5, udp=plan.SYNC_PORT)
    drill.lossy_did = drill.lossy.__enter__()
    time.sleep(0.5)  # what went while it was put in
    drill.lost_before = lossy_counts(drill)
    drill.churn = measure.Churn(drill.lab, drill.churn_rate)


def _mend_lossy(drill):
    opened = drill.churn.finish()
    quiet = measure.equal_since_ms(drill.lab, ALL)
    lost, counted = (now - before for now, before in zip(lossy_counts(drill), drill.lost_before))
    did = drill.lossy_did()
    drill.mark("sync path good again")
    drill.lossy.__exit__(None, None, None)
    drill.remark = (f"{opened} conversations opened meanwhile; equal for good {quiet:.0f} ms after the last; "
                    f"{lost} datagrams lost, {counted} in the boxes' counters; of {did['frames']} frames "
                    f"{did['duplicated']} doubled, {did['reordered']} late")


def _failover(drill):
    drill.victim = active(drill.lab, "ingress")
    drill.mark(f"{drill.victim}: sandwichctl failover")
    drill.lab.balancers.ask(drill.victim, "failover")
    measure.wait_role(drill.lab, twin(drill.victim), "active")


SCENES = {
    "planned-failover": Scene("planned failover of ingress", _failover),
    "kill-ingress": Scene("active ingress killed", _kill("ingress"), _restart),
    "kill-egress": Scene("active egress killed", _kill("egress"), _restart),
    "power-ingress": Scene("active ingress loses power", _power_off_active("ingress"), _power_on_victims),
    "power-egress": Scene("active egress loses power", _power_off_active("egress"), _power_on_victims),
    "power-both": Scene("both active boxes lose power at once", _kill_both, _power_on_victims),
    "sync-lan": Scene("sync LAN fails", _cut_sync, _mend_sync),
    "sync-split": Scene("sync cable of one box is cut", _split_sync, _mend_split),
    "sync-lossy": Scene("sync path loses, reorders and doubles", _lossy, _mend_lossy, pause=5.0),
    "firewall": Scene("a firewall dies", _kill_firewall, _revive_firewall),
    "farm-port": Scene("farm port of active ingress fails", _cut_farm, _mend_farm),
    "stop": Scene("active ingress stands still for two seconds", _stop, _continue),
    "power-side": Scene("both ingress boxes lose power", _power_off_side, _power_on_victims, pause=1.0,
                        expects_outage=True),
}
