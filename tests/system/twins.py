# SPDX-License-Identifier: ISC
"""What the cases of standby twins ask and do: who is active, whose tables are equal, and how a box ends."""
import signal

from topo.drills import measure
from topo.lab.processes import poll

ALL = ("ingress", "ingress-b", "egress", "egress-b")


def twin(name):
    return name[:-2] if name.endswith("-b") else name + "-b"


def side_of(name):
    return name.split("-", maxsplit=1)[0]


def role(lab, name):
    return lab.balancers.ask(name, "show", "role")


def running(lab):
    return [name for name in ALL if name in lab.balancers.daemons]


def actives(lab):
    """{side: [names of active boxes]} of those that run."""
    found = {"ingress": [], "egress": []}
    for name in running(lab):
        if role(lab, name)["role"] == "active":
            found[side_of(name)].append(name)
    return found


def active(lab, side):
    """The one active box of SIDE."""
    names = actives(lab)[side]
    assert len(names) == 1, f"active on {side}: {names}"
    return names[0]


def standby(lab, side):
    return twin(active(lab, side))


def wait_settled(lab, timeout=10):
    """One active box a side, everybody knows it, it is on duty, and all tables of a side are equal."""
    def one_each():
        return all(len(names) == 1 for names in actives(lab).values())
    poll(one_each, timeout, lambda: f"one active box a side; active are {actives(lab)}")
    for side in ("ingress", "egress"):
        poll(lambda s=side: role(lab, active(lab, s))["on_duty"], timeout, f"{side} on duty")
    measure.wait_equal(lab, running(lab), timeout)


def wait_active(lab, name, timeout=5):
    measure.wait_role(lab, name, "active", timeout)


def kill(lab, name):
    """As a crash; its kernel, its cables and what it pinned there stay."""
    lab.balancers.daemons[name].send_signal(signal.SIGKILL)
    lab.balancers.daemons.pop(name).wait()


def start(lab, name):
    lab.balancers.start_side(name)
    lab.balancers.wait_answering(name)


def restart_all(lab, **settings):
    """All boxes anew, with other settings in [sandwich]. By libpcap, which starts in no time."""
    lab.balancers.stop()
    lab.options.datapath = "pcap"
    lab.options.settings["sandwich"] = {key.replace("_", "-"): value for key, value in settings.items()}
    lab.start_balancers(30)


def lost(lab, name):
    """{other box: datagrams of its that did not come}, all of them being in reach."""
    rows = lab.balancers.ask(name, "show", "sync")
    assert all(row["up"] for row in rows), rows
    return {row["name"]: row["lost"] for row in rows}


def retransmitted(lab):
    """TCP segments that the end hosts sent again."""
    total = 0
    for host in (*lab.plan.clients, *lab.plan.servers):
        lines = [line.split() for line in lab.node(host.name).run(["cat", "/proc/net/snmp"]).stdout.splitlines()
                 if line.startswith("Tcp:")]
        total += int(dict(zip(*lines))["RetransSegs"])
    return total


def asymmetric(lab):
    return sum(lab.balancers.counters(name)["asymmetric_flows_total"] for name in running(lab))


def wait_devices(lab, wanted, timeout=10):
    """WANTED ({device: state}) on all boxes that run."""
    def there():
        return all(lab.balancers.states(name).get(device) == state
                   for name in running(lab) for device, state in wanted.items())
    poll(there, timeout, lambda: f"{wanted}; seen { {name: lab.balancers.states(name) for name in running(lab)} }")


DEAF = """
table netdev split {{
	chain deaf {{
		type filter hook ingress devices = {{ {devices} }} priority -500; policy drop;
	}}
}}
"""


def cut_off(lab, name):
    """Nothing reaches NAME, and nothing that it sends reaches anybody; all carriers stay."""
    uplink, farm = ("switch-in", "farm-in") if side_of(name) == "ingress" else ("switch-out", "farm-out")
    lab.node(name).nft(DEAF.format(devices="eth0, eth1, sync"))
    for switch in (uplink, farm, "switch-sync"):
        lab.node(switch).nft(DEAF.format(devices=f'"{name}"'))


def mend(lab, name):
    uplink, farm = ("switch-in", "farm-in") if side_of(name) == "ingress" else ("switch-out", "farm-out")
    for node in (name, uplink, farm, "switch-sync"):
        lab.node(node).nft("delete table netdev split\n")
