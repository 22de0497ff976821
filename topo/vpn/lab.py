# SPDX-License-Identifier: ISC
"""The lab of a VPN: clients, some of them behind one NAT, ingress, gateways, egress, a server inside.

 client1 .. 14 ======+= switch-in == [ingress] == farm-in == gw1..gw3 == farm-out == [egress] == switch-out == server1
 client15 .. == [nat]=+
"""
from ..lab import Lab, Options
from ..lab.errors import LabError
from ..lab.namespace import Namespace
from ..lab.processes import poll
from ..lab.wires import give_addresses, make_switch, plug
from . import plan
from .gateway import Gateway
from .ipsec import Ipsec
from .openvpn import OpenVpn
from .talk_control import Talk
from .wireguard import WireGuard

KINDS = {kind.name: kind for kind in (WireGuard, Ipsec, OpenVpn)}

NAT_RULES = """
table ip nat {{
	chain postrouting {{
		type nat hook postrouting priority srcnat;
		oifname "eth0" ip protocol udp masquerade to :{first}-{last}
	}}
}}
"""
NAT_PORTS = ((30000, 39999), (40000, 49999))


class Client(Namespace):
    """A VPN client. Its only way to the inside is its tunnel: it has no default route."""

    plan = None
    roamed_to = ""

    @property
    def address(self):
        """The one that gateways see."""
        return self.roamed_to or (plan.NAT if self.plan.at_home else self.plan.outside)

    @property
    def number(self):
        return self.plan.number

    @property
    def inner(self):
        return self.plan.inner

    def take_address(self, address):
        """Have ADDRESS outside, and no other."""
        self.roamed_to = address
        length = plan.OUTSIDE_NET.rsplit("/", 1)[1]
        self.ip("addr flush dev eth0", f"addr add {address}/{length} dev eth0")


class VpnLab(Lab):
    """One farm of gateways of one kind of VPN. Use it as a context manager, or call close()."""

    firewall_kind, plan_kind = Gateway, plan.VpnPlan

    def __init__(self, kind, clients=plan.CLIENTS, at_home=plan.AT_HOME, **options):
        settings = {"side ingress": {"cluster-address": plan.CLUSTER}, **options.pop("settings", {})}
        options = {"affinity": "client", "health_path": "100ms x 3", **options}
        super().__init__(Options(clients=0, servers=1, mode="vpn", settings=settings, **options))
        self.clients = [plan.client(number, clients, at_home) for number in range(1, clients + 1)]
        self.nat_epoch = 0
        self.ready = False  # every client has had its tunnel
        self.vpn = KINDS[kind](self)
        self.talk = Talk(self)
        try:
            self._build_clients()
            self.vpn.prepare()
        except BaseException:
            self.close()
            raise

    @property
    def gateways(self):
        return self.firewalls

    def client(self, number=1):
        return self.nodes[f"client{number}"]

    @property
    def numbers(self):
        """Of all clients."""
        return [client.number for client in self.clients]

    @property
    def at_home(self):
        """The numbers of those behind the NAT."""
        return [client.number for client in self.clients if client.at_home]

    def _build_clients(self):
        if self.at_home:
            self._build_nat()
        for client in self.clients:
            self._build_client(client)

    def _build_nat(self):
        nat = self._space("nat")
        make_switch(nat)
        plug(self.nodes["switch-in"], nat, "eth0", "host", "nat")
        give_addresses(nat, "eth0", [f"{plan.NAT}/24"])
        give_addresses(nat, "lan", [f"{plan.HOME_GATEWAY}/24"])
        nat.forward()
        self._set_nat()

    def _set_nat(self):
        first, last = NAT_PORTS[self.nat_epoch % 2]
        self.nodes["nat"].nft(NAT_RULES.format(first=first, last=last))

    def rebind_nat(self):
        """The NAT forgets all its bindings, and gives other ports than before."""
        self.nat_epoch += 1
        self.nodes["nat"].nft("delete table ip nat\n")
        self._set_nat()
        self.nodes["nat"].run(["conntrack", "-F"], check=False)

    def _build_client(self, client):
        space = self._space(client.name, Client)
        space.plan = client
        plug(self.nodes["nat" if client.at_home else "switch-in"], space, "eth0", "host", client.name)
        give_addresses(space, "eth0", [f"{client.outside}/24"])
        space.ip(f"addr add {client.inner}/32 dev lo")
        if client.at_home:
            space.ip(f"route add {plan.OUTSIDE_NET} via {plan.HOME_GATEWAY}")

    # Running

    def start(self, clients=True):
        """Start gateways, balancers and clients; wait_connected() waits for their tunnels."""
        for gateway in self.gateways:
            self.vpn.start_gateway(gateway)
        self.start_balancers(30)
        self.talk.serve()
        for client in self.clients if clients else ():
            self.vpn.start_client(self.client(client.number))

    def tunnels(self):
        """{client number: {gateway name: Tunnel}} by the tables of the gateways that live.

        What a gateway still has of an address that its client has left is not counted: nobody told it.
        """
        found = {client.number: {} for client in self.clients}
        for gateway in self.gateways:
            held = {} if gateway.dead else self.vpn.tunnels(gateway)
            for number, tunnel in held.items():
                if tunnel.peer.rsplit(":", 1)[0] == self.client(number).address:
                    found[number][gateway.name] = tunnel
        return found

    def owners(self):
        """{client number: gateway name}. LabError when a client has tunnels on two gateways."""
        tunnels = self.tunnels()
        doubled = {number: list(held) for number, held in tunnels.items() if len(held) > 1}
        if doubled:
            raise LabError(f"clients with tunnels on two gateways: {doubled}")
        return {number: next(iter(held)) for number, held in tunnels.items() if held}

    def one_each(self):
        """Whether every client has a tunnel, and no gateway one that its client has left."""
        try:
            return sorted(self.owners()) == self.numbers
        except LabError:
            return False

    @staticmethod
    def busiest(owners):
        """The gateway with the most tunnels; OWNERS as owners() gave them."""
        names = list(owners.values())
        return max(sorted(set(names)), key=names.count)

    def wait_connected(self, timeout=60):
        """Wait until every client has a tunnel by the gateways' tables, and a byte got through it; returns owners()."""
        found = {}

        def complete():
            found.update(self.owners())
            return len(found) == len(self.numbers)

        def through():
            return all(row["ok"] for row in self.talk.swap(self.numbers, inward=False, size=1, limit=5).values())
        poll(complete, timeout, lambda: f"tunnels of {[n for n in self.numbers if n not in found]}", 0.2)
        poll(through, timeout, "a byte through every tunnel", 0.2)
        self.ready = True
        return self.owners()

    def roam(self, number, address):
        """The client of that number is in another network, at ADDRESS."""
        self.client(number).take_address(address)
        self.vpn.roamed(self.client(number))

    def device_of(self, address):
        """The gateway to which ingress sends what comes from ADDRESS to the cluster address."""
        return self.balancers.ask("ingress", "explain", address, plan.CLUSTER)["device"]

    def address_elsewhere(self, gateway):
        """A free outside address whose packets go to another gateway than GATEWAY."""
        return next(address for address in plan.ROAMING if self.device_of(address) != gateway)
