# SPDX-License-Identifier: ISC
"""What plain Linux can do instead: policy routing with conntrack marks set from the source MAC, on both sides.

New flows are spread by the kernel's multipath hash over the five-tuple (policy 3: our own fields, since a veth lets
policy 1 see the sender's socket hash). An answer that comes from the farm sets the conversation's mark to the number
of the firewall whose MAC it has; frames toward the farm with a mark go by that firewall's own routing table. The
FTP helper, here too, makes data connections inherit the mark of their control connection. A
monitor pings the firewalls and takes the dead out of the multipath routes: each side for itself, since Linux has
nothing that they could share.
"""
import json
import os
import signal
import sys

from . import plan, vlan
from .errors import LabError
from .processes import poll
from .wires import give_addresses

MONITOR = os.path.join(os.path.dirname(__file__), "linux_monitor.py")
FIRST_TABLE = 100
SIDES = ("ingress", "egress")


def _mark_rules(macs):
    marks = "\n".join(f'\t\tiifname "eth1" ether saddr {mac} ct mark set {n}' for n, mac in macs)
    return f"""
table inet marks {{
	ct helper ftp-helper {{
		type "ftp" protocol tcp;
	}}
	chain helpers {{
		type filter hook prerouting priority filter;
		tcp dport 21 ct helper set "ftp-helper"
	}}
	chain prerouting {{
		type filter hook prerouting priority mangle;
{marks}
		iifname "eth0" ct mark != 0 meta mark set ct mark
	}}
}}
"""


class LinuxBalancers:
    """Plain Linux in the balancers' places."""

    kind = "linux"

    def __init__(self, lab):
        self.lab = lab
        self.monitors = {}

    def start(self):
        self._side("ingress", plan.CLIENT_GATEWAY, plan.CLIENT_NETS, plan.FARM_IN_GATEWAY, plan.FARM_IN_NETS,
                   self.lab.plan.inside_nets)
        self._side("egress", plan.SERVER_GATEWAY, plan.SERVER_NETS, plan.FARM_OUT_GATEWAY, plan.FARM_OUT_NETS,
                   plan.CLIENT_NETS)

    def _side(self, side, uplink, uplink_nets, farm, farm_nets, beyond):
        space = self.lab.balancer(side)
        space.forward()
        space.sysctl({"net.ipv4.fib_multipath_hash_policy": 3, "net.ipv4.fib_multipath_hash_fields": 0x37,
                      "net.ipv6.fib_multipath_hash_policy": 3, "net.ipv6.fib_multipath_hash_fields": 0x37})
        give_addresses(space, "eth0", plan.pair_with_length(uplink, uplink_nets))
        give_addresses(space, "eth1", plan.pair_with_length(farm, farm_nets))
        if self.lab.options.vlan:
            vlan.tag_device(space, "eth1")
        firewalls = [(f, getattr(f, side)) for f in self.lab.plan.firewalls]
        space.nft(_mark_rules([(f.number, getattr(f, f"{side}_mac")) for f, _ in firewalls]))
        self._tables(space, firewalls)
        self._monitor(side, space, firewalls, beyond)

    @staticmethod
    def _tables(space, firewalls):
        for firewall, addresses in firewalls:
            for six, address in enumerate(addresses):
                family = "-6 " if six else ""
                table = FIRST_TABLE + firewall.number
                for words in (f"rule add fwmark {firewall.number} lookup {table}",
                              f"route add default via {address} dev eth1 table {table}"):
                    space.run(["ip", *f"{family}{words}".split()])

    def _monitor(self, side, space, firewalls, beyond):
        options = self.lab.options
        task = {"firewalls": [{"name": f.name, "addresses": addresses} for f, addresses in firewalls],
                "nets": beyond, "device": "eth1", "interval": options.monitor_interval,
                "count": options.monitor_count, "state": self.lab.path(f"{side}.state"),
                "drained": self.lab.path(f"{side}.drained")}
        self.monitors[side] = space.start([sys.executable, MONITOR, json.dumps(task)], log=f"monitor-{side}")

    def drain(self, name):
        """As far as Linux goes: out of the multipath routes, while marks keep what lives."""
        for side, monitor in self.monitors.items():
            with open(self.lab.path(f"{side}.drained"), "w", encoding="ascii") as out:
                out.write(name)
            monitor.send_signal(signal.SIGHUP)

    def stop(self):
        for monitor in self.monitors.values():
            self.lab.processes.stop(monitor)
        self.monitors.clear()

    def states(self, side):
        try:
            with open(self.lab.path(f"{side}.state"), encoding="ascii") as state:
                return json.load(state)
        except (OSError, ValueError):
            return {}

    def wait_states(self, wanted, timeout=10):
        for side in SIDES:
            poll(lambda s=side: all(self.states(s).get(n) == state for n, state in wanted.items()), timeout,
                 lambda s=side: f"{s} to see {wanted}; it sees {self.states(s)}")

    def devices(self, side="ingress"):
        """As far as Linux can tell: up or down, nothing else."""
        return {name: {"name": name, "state": state} for name, state in self.states(side).items()}

    def asymmetric(self):
        """Linux doesn't know; the firewalls' own tables do."""
        return 0

    def holder(self, flow):
        """The firewall by the connection's mark."""
        words = ["conntrack", "-L", "-p", flow.protocol, "-s", flow.source, "-d", flow.target]
        if flow.protocol in ("tcp", "udp"):
            words += ["--sport", str(flow.source_port), "--dport", str(flow.target_port)]
        text = self.lab.balancer("ingress").run(words, check=False).stdout
        for word in text.split():
            if word.startswith("mark=") and word != "mark=0":
                return f"fw{word[5:]}"
        return ""

    def ask(self, side, *words, **_options):
        raise LabError(f"plain Linux has no answer to: {' '.join(map(str, words))} ({side})")
