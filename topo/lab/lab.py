# SPDX-License-Identifier: ISC
"""The lab: builds the topology, holds everything it made, and takes all of it away again.

 clients == switch-in == [ingress] == farm-in == fw1..fwK == farm-out == [egress] == switch-out == servers
                                                                                        |
                                                                          router (small MTU) == far server
"""
import atexit
import json
import os
import shutil
import signal
import tempfile
import time

from . import plan
from .conntrack import in_two_tables
from .errors import LabError
from .firewall import Firewall
from .linux import LinuxBalancers
from .namespace import Namespace
from .options import Options
from .plan import Plan
from .processes import Processes, interruption, processes_naming, run
from .sandwich import SandwichBalancers
from .wires import add_routes, cable, give_addresses, give_aliases, make_switch, plug

PREFIX = "sw"

STRAY_RULES = """
table inet router {
	counter stray { }
	chain forward {
		type filter hook forward priority filter;
		iifname "eth0" oifname "eth0" counter name "stray" drop
	}
}
"""
_serial = 0


def _unique_prefix():
    """By process and count, so that labs of several runs stand side by side."""
    global _serial
    _serial += 1
    return f"{PREFIX}{os.getpid()}-{_serial}"


def unmount(path):
    """Take a bpffs away, wherever the daemons mounted it: in our mount namespace, or in that of process 1."""
    if os.path.ismount(path):
        while os.path.ismount(path) and run(["umount", "-l", path], check=False).returncode == 0:
            pass
    else:
        run(["nsenter", "-t", "1", "-m", "--", "umount", "-l", path], check=False)


def _raise_on_signal(number, _frame):
    interruption.number = number
    interruption.check()


class Lab:
    """One sandwich. Use it as a context manager, or call close()."""

    space_kind, firewall_kind, plan_kind = Namespace, Firewall, Plan  # what nodes are made of

    def __init__(self, options=None):
        self.options = options or Options()
        self.plan = self.plan_kind(self.options)
        self.prefix = _unique_prefix()
        self.directory = tempfile.mkdtemp(prefix=f"{self.prefix}-")
        os.chmod(self.directory, 0o755)
        self.processes = Processes()
        self.nodes = {}
        self.closed = False
        self._cleaning = []
        atexit.register(self.close)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _raise_on_signal)
        self.balancers = LinuxBalancers(self) if self.options.baseline == "linux" else SandwichBalancers(self)
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    @property
    def bpffs(self):
        """Where the daemons of this lab keep their fast path."""
        return self.path("bpf")

    # Who is there

    def node(self, name):
        return self.nodes[name]

    def client(self, number=1):
        return self.nodes[f"client{number}"]

    def server(self, number=1):
        return self.nodes[f"server{number}"]

    def balancer(self, side):
        return self.nodes[side]

    def firewall(self, which):
        """By number or by name."""
        return self.nodes[which if isinstance(which, str) else f"fw{which}"]

    @property
    def firewalls(self):
        return [self.nodes[f.name] for f in self.plan.firewalls]

    def path(self, name):
        """A file of this lab; gone with it."""
        return os.path.join(self.directory, name)

    def tail(self, path, size=3000):
        with open(path, encoding="utf-8", errors="replace") as log:
            return log.read()[-size:]

    # Building

    def _space(self, name, kind=None):
        self.nodes[name] = (kind or self.space_kind)(self, name)
        return self.nodes[name]

    def _switch(self, name):
        space = self._space(name)
        make_switch(space)
        return space

    def _build(self):
        switches = {name: self._switch(name) for name in ("switch-in", "switch-out", *self._farms("farm-in"),
                                                          *self._farms("farm-out"))}
        self._build_balancers(switches)
        for addresses in self.plan.firewalls:
            self._build_firewall(addresses, switches)
        if self.options.transparent == "vlans":
            self._make_hubs()
        for host in self.plan.clients:
            self._build_host(host, switches["switch-in"], plan.CLIENT_NETS, plan.CLIENT_GATEWAY)
        for host in self.plan.servers:
            self._build_host(host, switches["switch-out"], plan.SERVER_NETS, plan.SERVER_GATEWAY)
        if self.options.inner:
            for firewall in self.firewalls:
                self._build_inner(firewall)
        if self.options.far:
            self._build_far(switches["switch-out"])
        if self.options.routers:
            for number in (1, 2):
                self._build_router(number, switches["switch-in"])

    def _farms(self, name):
        """The switches of one side's farm, by the balancer's port: eth1 has the one without a number."""
        return [name] + [f"{name}{number}" for number in range(2, self.options.farm_ports + 1)]

    def _build_balancers(self, switches):
        """The boxes: their kernels have addresses of their own (.2, .3) besides the floating ones, as real boxes do."""
        sides = {"ingress": ("switch-in", "farm-in", plan.CLIENT_NETS, plan.FARM_IN_NETS),
                 "egress": ("switch-out", "farm-out", plan.SERVER_NETS, plan.FARM_OUT_NETS)}
        for box in self.plan.boxes:
            uplink, farm, uplink_nets, farm_nets = sides[box.side]
            space = self._space(box.name)
            plug(switches[uplink], space, "eth0", "balancer", box.name)
            for number, name in enumerate(self._farms(farm), 1):
                plug(switches[name], space, f"eth{number}", "balancer", box.name)
            self._own_addresses(space, "eth0", uplink_nets, box)
            if not self.options.transparent:
                self._own_addresses(space, "eth1", farm_nets, box)
            if self.options.far and box.side == "egress":
                add_routes(space, plan.FAR_NETS, plan.ROUTER)
            if self.options.twins:
                self._build_sync(box)

    def _build_sync(self, box):
        if "switch-sync" not in self.nodes:
            self._switch("switch-sync")
        plug(self.nodes["switch-sync"], self.nodes[box.name], "sync", "host", box.name)
        give_addresses(self.nodes[box.name], "sync", [f"{box.sync}/24"])

    @staticmethod
    def _own_addresses(space, device, nets, box):
        tail = 3 if box.name.endswith("-b") else 2
        give_addresses(space, device, [net.replace(".0/", f".{tail}/").replace("::/", f"::{tail}/") for net in nets])

    def remake_port(self, side, device, pause=0.0):
        """Delete a balancer's port (eth0 or eth1) and make it again PAUSE seconds later, as when a card is replaced."""
        switch, nets = {
            ("ingress", "eth0"): ("switch-in", plan.CLIENT_NETS), ("ingress", "eth1"): ("farm-in", plan.FARM_IN_NETS),
            ("egress", "eth0"): ("switch-out", plan.SERVER_NETS), ("egress", "eth1"): ("farm-out", plan.FARM_OUT_NETS),
        }[side, device]
        self.nodes[side].ip(f"link del {device}")
        time.sleep(pause)
        plug(self.nodes[switch], self.nodes[side], device, "balancer", side)
        self._own_addresses(self.nodes[side], device, nets, self.plan.boxes[0])

    def _make_hubs(self):
        """Bridges that knew no VLANs would learn the balancers' MACs now on one firewall's port, now on another's."""
        for name in ("farm-in", "farm-out"):
            self.nodes[name].ip(*(f"link set {f.name} type bridge_slave learning off" for f in self.plan.firewalls))

    def _build_firewall(self, addresses, switches):
        firewall = self._space(addresses.name, self.firewall_kind)
        port = self.plan.farm_port(addresses.number) - 1
        for device, farm in (("eth0", "farm-in"), ("eth1", "farm-out")):
            plug(switches[self._farms(farm)[port]], firewall, device, "firewall", addresses.name)
        firewall.configure(addresses)

    def _build_host(self, host, switch, nets, gateway):
        space = self._space(host.name)
        plug(switch, space, "eth0", "host", host.name)
        pairs = [plan.pair_with_length(pair, nets) for pair in zip(host.ipv4s, host.ipv6s)]
        give_addresses(space, "eth0", pairs[0])
        give_aliases(space, "eth0", [address for pair in pairs[1:] for address in pair])
        add_routes(space, ("default4", "default6"), gateway)
        if self.options.far and nets is plan.SERVER_NETS:
            add_routes(space, plan.FAR_NETS, plan.ROUTER)

    def _build_inner(self, firewall):
        """A host that only FIREWALL leads to, at its eth2."""
        number = firewall.addresses.number
        host, gateway = self.plan.inner(number), self.plan.inner_gateway(number)
        lengths = ("10.30.0.0/24", "2001:db8:30::/64")
        space = self._space(host.name)
        cable(firewall, "eth2", "host", space, "eth0", "host")
        give_addresses(firewall, "eth2", plan.pair_with_length(gateway, lengths))
        give_addresses(space, "eth0", plan.pair_with_length((host.ipv4, host.ipv6), lengths))
        add_routes(space, ("default4", "default6"), gateway)

    def roam(self, number):
        """The roaming address appears behind firewall NUMBER, and nowhere else any more."""
        for firewall in self.firewalls:
            own = firewall.addresses.number
            inner = self.node(f"inner{own}")
            verb = "replace" if own == number else "del"
            for address, via in zip(plan.ROAMING, (self.plan.inner(own).ipv4, self.plan.inner(own).ipv6)):
                family, bits = ("-6", 128) if ":" in address else ("-4", 32)
                nodad = ["nodad"] if verb == "replace" and bits == 128 else []
                inner.run(["ip", "address", verb, f"{address}/{bits}", "dev", "eth0", *nodad], check=verb == "replace")
                firewall.run(["ip", family, "route", verb, f"{address}/{bits}", "via", via], check=verb == "replace")

    def _build_far(self, switch):
        """A router that has to say packet-too-big: 1500 in, plan.FAR_MTU out."""
        router, far = self._space("router"), self._space("far")
        plug(switch, router, "eth0", "host", "router")
        router.forward()
        give_addresses(router, "eth0", plan.pair_with_length(plan.ROUTER, plan.SERVER_NETS))
        cable(router, "eth1", "host", far, "eth0", "host")
        router.ip(f"link set eth1 mtu {plan.FAR_MTU}")
        give_addresses(router, "eth1", plan.pair_with_length(plan.FAR_GATEWAY, plan.FAR_NETS))
        give_addresses(far, "eth0", plan.pair_with_length(plan.FAR_SERVER, plan.FAR_NETS))
        add_routes(router, ("default4", "default6"), plan.SERVER_GATEWAY)
        add_routes(far, ("default4", "default6"), plan.FAR_GATEWAY)

    def _build_router(self, number, switch):
        """A router on the clients' LAN with a host behind it. What it would have to send back where it came from is
        the other's: counted as a stray, and dropped."""
        router, far, host = self._space(f"router{number}"), self._space(f"behind{number}"), self.plan.behind(number)
        nets, gateway = plan.BEHIND_NETS[number - 1], plan.BEHIND_GATEWAYS[number - 1]
        plug(switch, router, "eth0", "host", f"router{number}")
        router.forward()
        router.nft(STRAY_RULES)
        give_addresses(router, "eth0", plan.pair_with_length(plan.ROUTERS[number - 1], plan.CLIENT_NETS))
        cable(router, "eth1", "host", far, "eth0", "host")
        give_addresses(router, "eth1", plan.pair_with_length(gateway, nets))
        pairs = [plan.pair_with_length(pair, nets) for pair in zip(host.ipv4s, host.ipv6s)]
        give_addresses(far, "eth0", pairs[0])
        give_aliases(far, "eth0", [address for pair in pairs[1:] for address in pair])
        add_routes(router, ("default4", "default6"), plan.CLIENT_GATEWAY)
        add_routes(far, ("default4", "default6"), gateway)

    def strays(self):
        """Packets that the routers got for hosts behind the other one."""
        counters = [json.loads(self.nodes[f"router{n}"].run(["nft", "-j", "list", "counters"]).stdout) for n in (1, 2)]
        return sum(row["counter"]["packets"] for c in counters for row in c["nftables"] if "counter" in row)

    def add_stranger(self):
        """A host among the firewalls, on the egress side, whose MAC nobody knows. It sends by way of egress."""
        if "stranger" not in self.nodes:
            space = self._space("stranger")
            plug(self.nodes["farm-out"], space, "eth0", "host", "stranger")
            give_addresses(space, "eth0", plan.pair_with_length(plan.STRANGER, plan.FARM_OUT_NETS))
            add_routes(space, ("default4", "default6"), plan.FARM_OUT_GATEWAY)
        return self.nodes["stranger"]

    # Running

    def start_balancers(self, timeout=15):
        """Start them and wait until every firewall is up on both sides."""
        self.balancers.start()
        self.balancers.wait_states({f.name: "up" for f in self.plan.firewalls}, timeout)

    def kill_firewall(self, which, how="links"):
        """Returns the moment of death (time.monotonic())."""
        moment = time.monotonic()
        self.firewall(which).kill(how)
        return moment

    def tables(self):
        """{firewall: set of conntrack.Flow} of the firewalls that live."""
        return {f.name: f.conversations() for f in self.firewalls if not f.dead}

    def doubles(self):
        """Conversations that stand in two firewalls' tables: {} on a healthy sandwich."""
        return in_two_tables(self.tables())

    def dropped(self):
        """Packets that the firewalls refused, all together: {"invalid": n, "refused": n}."""
        total = {}
        for firewall in self.firewalls:
            for name, packets in firewall.dropped().items():
                total[name] = total.get(name, 0) + packets
        return total

    def on_close(self, function):
        self._cleaning.append(function)

    # Going away

    def close(self):
        """End every process, remove every namespace and file. Safe to call twice, and from a half-built lab."""
        if self.closed or self.options.keep:
            return
        self.closed = True
        interruption.number = 0
        atexit.unregister(self.close)
        handlers = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            for function in self._cleaning:
                function()
            self.processes.stop_all()
            unmount(self.bpffs)
            for space in reversed(list(self.nodes.values())):
                space.remove()
            shutil.rmtree(self.directory, ignore_errors=True)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()


def leftovers():
    """Namespaces of labs whose process is gone."""
    names = [line.split()[0] for line in run(["ip", "netns", "list"], check=False).stdout.splitlines()]
    found = []
    for name in names:
        owner = name[len(PREFIX):].split("-")[0]
        if name.startswith(PREFIX) and owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            found.append(name)
    return found


def left_by(pid):
    """What that process has left of its labs: namespaces, files, and processes with its name."""
    prefix = f"{PREFIX}{pid}-"
    spaces = [line for line in run(["ip", "netns", "list"]).stdout.splitlines() if line.startswith(prefix)]
    files = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith(prefix)]
    return spaces + files + processes_naming(prefix)


def remove_leftovers():
    """Take away what a killed or kept lab left: the processes in its namespaces, the namespaces, its files."""
    for name in leftovers():
        for pid in run(["ip", "netns", "pids", name], check=False).stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        run(["ip", "netns", "del", name])
        prefix = "-".join(name.split("-")[:2])
        for entry in os.listdir(tempfile.gettempdir()):
            if entry.startswith(prefix + "-"):
                unmount(os.path.join(tempfile.gettempdir(), entry, "bpf"))
                shutil.rmtree(os.path.join(tempfile.gettempdir(), entry), ignore_errors=True)


__all__ = ["Lab", "LabError", "left_by", "leftovers", "remove_leftovers"]
