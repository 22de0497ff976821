# SPDX-License-Identifier: ISC
"""What can be asked of a lab."""
import os
from dataclasses import dataclass, field


@dataclass
class Options:
    """The shape of one sandwich and what its firewalls do."""

    clients: int = 2
    servers: int = 2
    firewalls: int = 3
    aliases: int = 16           # further addresses of every client and server, so that hashes have something to spread
    baseline: str = ""          # "" for the sandwich's daemons, "linux" for policy routing with conntrack marks
    nat: str = ""               # firewalls translate on their clean (egress) side: "masquerade" to their own farm
                                # address, or "pool" to an address of their own that nobody is told of
    vlan: int = 0               # the farm is tagged with this VLAN on both sides
    farm_ports: int = 1         # farm ports of each balancer, eth1 and on, each a LAN of its own: firewalls take turns
    transparent: str = ""       # firewalls are bridges, told apart by "ports" (as many as firewalls) or "vlans"
    routers: bool = False       # two routers among the clients, with a host far behind each
    inner: bool = False         # behind each firewall a host of its own, as a VPN client is behind its gateway
    far: bool = False           # a router with a small MTU behind egress, and a far server behind it
    twins: bool = False         # two balancers on each side, "ingress" and "ingress-b", ...; a LAN between all four
    inside_opens: bool = True   # servers may open connections to clients' ports 9000-9999
    bindir: str = "build/bin"
    # Configuration of the balancers (DESIGN section 6)
    mode: str = "firewall"
    affinity: str = ""          # "" leaves the product's default
    sessions: str = "64k"
    on_device_down: str = ""
    datapath: str = field(default_factory=lambda: os.environ.get("SANDWICH_DATAPATH", ""))
    health_path: str = "20ms x 3"
    settings: dict = field(default_factory=dict)  # {"section": {"key": "value"}}: added to the file as they are
    # What the Linux baseline's monitor does: ping every interval, dead after count
    monitor_interval: float = 0.2
    monitor_count: int = 3
    keep: bool = False          # close() leaves everything up
