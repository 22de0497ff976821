# SPDX-License-Identifier: ISC
"""Who has which address on a VPN farm. Pure; beside what topo/lab/plan.py says of the balancers and the inside."""
from dataclasses import dataclass, replace

from ..lab.plan import Plan

CLUSTER = "192.0.2.10"          # what all clients connect to; every gateway has it on its loopback
NAT = "192.0.2.20"              # the one address that the clients at home have in common
HOME_NET = "172.20.0.0/24"
HOME_GATEWAY = "172.20.0.1"
OUTSIDE_NET = "192.0.2.0/24"
INNER_NET = "10.60.0.0/24"
INNER_GATEWAY = "10.60.0.254"   # the gateways' end of the tunnels: the same on all
INSIDE_NET = "10.9.0.0/16"
INSIDE_FIRST = 201              # gateway N is 10.9.255.(200 + N) too: IPsec wants one within its traffic selector
ROAMING = tuple(f"192.0.2.{tail}" for tail in range(60, 100))
ECHO_PORT = 7100                # of the server and, through the tunnels, of the clients

CLIENTS = 20
AT_HOME = 9                     # the last ones of them are behind the NAT


@dataclass(frozen=True)
class Client:
    """One VPN client: its address before the NAT, if it is behind one, and the one in its tunnel."""

    number: int
    outside: str
    inner: str
    at_home: bool

    @property
    def name(self):
        return f"client{self.number}"


class VpnPlan(Plan):
    """The plan of a lab whose devices are gateways."""

    def firewall(self, number):
        return replace(super().firewall(number), name=f"gw{number}")


def client(number, total=CLIENTS, at_home=AT_HOME):
    """Client NUMBER (from 1) of TOTAL."""
    home = number > total - at_home
    outside = f"172.20.0.{100 + number}" if home else f"192.0.2.{20 + number}"
    return Client(number, outside, f"10.60.0.{number}", home)
