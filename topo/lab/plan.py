# SPDX-License-Identifier: ISC
"""The address plan: who has which address and MAC. Pure; nothing here touches the system."""
from dataclasses import dataclass

CLIENT_NETS = ("192.0.2.0/24", "2001:db8:2::/64")
FARM_IN_NETS = ("10.1.0.0/24", "2001:db8:a1::/64")
FARM_OUT_NETS = ("10.2.0.0/24", "2001:db8:a2::/64")
SERVER_NETS = ("10.9.0.0/16", "2001:db8:9::/64")
FAR_NETS = ("10.10.0.0/24", "2001:db8:10::/64")

# What firewalls with nat = "pool" translate to: firewall N to the Nth. No balancer's file names them: as with the
# inner addresses of VPN clients, only the frames tell which device an address is behind.
POOL = ("10.20.0.", "2001:db8:20::")

# Hosts behind one firewall each (Options.inner), and one address that roams between them
INNER_NETS = ("10.30.0.0/16", "2001:db8:30::/48")
ROAMING = ("10.30.99.9", "2001:db8:30:99::9")

# Somebody on the egress side's farm whom no file knows
STRANGER = ("10.2.0.99", "2001:db8:a2::99")

# Floating addresses: in the sandwich the daemons own them, in the baseline the kernel does.
CLIENT_GATEWAY = ("192.0.2.1", "2001:db8:2::1")
FARM_IN_GATEWAY = ("10.1.0.1", "2001:db8:a1::1")
FARM_OUT_GATEWAY = ("10.2.0.1", "2001:db8:a2::1")
SERVER_GATEWAY = ("10.9.0.1", "2001:db8:9::1")

# The LAN between all balancers (Options.twins), by their order in the file
SYNC_NET = "172.31.0.0/24"
SYNC_PORT = 4850

# Egress on the farm where firewalls are bridges: both sides are one LAN.
BRIDGED_OUT_GATEWAY = ("10.1.0.3", "2001:db8:a1::3")
BRIDGED_VLANS = 20  # firewall N has the tag 20 + N

# The router behind egress and what is beyond it
ROUTER = ("10.9.0.254", "2001:db8:9::254")
FAR_GATEWAY = ("10.10.0.1", "2001:db8:10::1")
FAR_SERVER = ("10.10.0.2", "2001:db8:10::2")
FAR_MTU = 1280

# Two routers on the clients' LAN, and what is behind each (Options.routers)
ROUTERS = (("192.0.2.11", "2001:db8:2::11"), ("192.0.2.12", "2001:db8:2::12"))
BEHIND_NETS = (("198.51.100.0/24", "2001:db8:51::/64"), ("203.0.113.0/24", "2001:db8:52::/64"))
BEHIND_GATEWAYS = (("198.51.100.1", "2001:db8:51::1"), ("203.0.113.1", "2001:db8:52::1"))

HEARTBEAT_PORT = 4851
# Ports that firewalls let new connections through to: one set for each direction, and they don't overlap, so that
# an answer that strays to a firewall that did not see the question can never pass as a new flow.
OUTSIDE_PORTS = "21, 80, 5201, 7000-7999"
INSIDE_PORTS = "9000-9999"
CONVERSATION_PORT = 7000
INSIDE_CONVERSATION_PORT = 9000


@dataclass(frozen=True)
class Host:
    """One end host: its own addresses first, its aliases after them."""

    name: str
    ipv4s: tuple
    ipv6s: tuple

    @property
    def ipv4(self):
        return self.ipv4s[0]

    @property
    def ipv6(self):
        return self.ipv6s[0]

    @property
    def all(self):
        return self.ipv4s + self.ipv6s


@dataclass(frozen=True)
class Box:
    """One balancer: its name, its side, and its place in the file from 1."""

    name: str
    side: str
    number: int

    @property
    def sync(self):
        """Its address on the LAN between the balancers."""
        return f"172.31.0.{self.number}"


@dataclass(frozen=True)
class FirewallAddresses:
    """One firewall: (IPv4, IPv6) and MAC on each side."""

    name: str
    number: int
    ingress: tuple
    egress: tuple
    ingress_mac: str
    egress_mac: str


class Plan:
    """Addresses of every node of a lab with the given Options."""

    def __init__(self, options):
        self.options = options

    def client(self, number):
        first = 120 + (number - 1) * self.options.aliases
        tails = [99 + number] + [first + i for i in range(self.options.aliases)]
        return Host(f"client{number}", tuple(f"192.0.2.{t}" for t in tails), tuple(f"2001:db8:2::{t}" for t in tails))

    def server(self, number):
        tails = range(1, self.options.aliases + 1)
        ipv4s = [f"10.9.0.{99 + number}"] + [f"10.9.{number}.{t}" for t in tails]
        ipv6s = [f"2001:db8:9::{99 + number}"] + [f"2001:db8:9::{number}:{t}" for t in tails]
        return Host(f"server{number}", tuple(ipv4s), tuple(ipv6s))

    def firewall(self, number):
        tail = 10 + number
        return FirewallAddresses(
            f"fw{number}", number,
            (f"10.1.0.{tail}", f"2001:db8:a1::{tail}"), (f"10.2.0.{tail}", f"2001:db8:a2::{tail}"),
            f"02:00:00:0a:01:{number:02x}", f"02:00:00:0a:02:{number:02x}")

    def farm_port(self, number):
        """The balancers' farm port that firewall NUMBER is on: 1 is eth1."""
        return 1 + (number - 1) % self.options.farm_ports

    @staticmethod
    def behind(number):
        """The host behind router NUMBER."""
        four, six = (net.split("/", maxsplit=1)[0] for net in BEHIND_NETS[number - 1])
        tails = range(10, 26)
        return Host(f"behind{number}", tuple(f"{four[:-1]}{t}" for t in tails), tuple(f"{six}{t}" for t in tails))

    @staticmethod
    def inner(number):
        """The host behind firewall NUMBER; its gateway there is inner_gateway()."""
        return Host(f"inner{number}", (f"10.30.{number}.2",), (f"2001:db8:30:{number}::2",))

    @staticmethod
    def inner_gateway(number):
        return (f"10.30.{number}.1", f"2001:db8:30:{number}::1")

    @property
    def firewalls(self):
        return [self.firewall(n) for n in range(1, self.options.firewalls + 1)]

    @property
    def boxes(self):
        """The balancers; with twins the preferred ones of both sides come first in their side."""
        names = ["ingress", "ingress-b", "egress", "egress-b"] if self.options.twins else ["ingress", "egress"]
        return [Box(name, name.split("-", maxsplit=1)[0], number) for number, name in enumerate(names, 1)]

    @property
    def clients(self):
        return [self.client(n) for n in range(1, self.options.clients + 1)]

    @property
    def servers(self):
        return [self.server(n) for n in range(1, self.options.servers + 1)]

    @property
    def inside_nets(self):
        return SERVER_NETS + (FAR_NETS if self.options.far else ())

    @property
    def outside_nets(self):
        return CLIENT_NETS + (BEHIND_NETS[0] + BEHIND_NETS[1] if self.options.routers else ())


def length(net):
    """The prefix length of a net, as text."""
    return net.rsplit("/", 1)[1]


def pair_with_length(pair, nets):
    """(IPv4, IPv6) as ["a.b.c.d/n", "x::y/m"]."""
    return [f"{address}/{length(net)}" for address, net in zip(pair, nets)]
