# SPDX-License-Identifier: ISC
"""A real stateful firewall: nftables and the kernel's conntrack, as suspicious as firewalls are."""
import json

from . import conntrack, plan, vlan
from .namespace import Namespace
from .wires import add_routes, give_addresses, make_switch

RULES = """
table inet firewall {{
	ct helper ftp-helper {{
		type "ftp" protocol tcp;
	}}
	counter invalid {{ }}
	counter refused {{ }}
	chain helpers {{
		type filter hook prerouting priority filter;
		tcp dport 21 ct helper set "ftp-helper"
	}}
	chain outside {{
		tcp dport {{ {outside} }} tcp flags & (fin | syn | rst | ack) == syn accept
		udp dport {{ {outside} }} accept
		icmp type echo-request accept
		icmpv6 type echo-request accept
	}}
	chain inside {{
		{inside}
	}}
	chain forward {{
		type filter hook forward priority filter; policy drop;
		ct state invalid counter name "invalid" drop
		ct state established,related accept
		udp dport {heartbeat} ip saddr {{ {farm4} }} ip daddr {{ {farm4} }} accept
		udp dport {heartbeat} ip6 saddr {{ {farm6} }} ip6 daddr {{ {farm6} }} accept
		{directions}
		counter name "refused" drop
	}}
	chain input {{
		type filter hook input priority filter; policy drop;
		meta l4proto {{ icmp, ipv6-icmp }} accept
		ct state established,related accept
	}}
}}
"""

INSIDE_RULES = """tcp dport {{ {ports} }} tcp flags & (fin | syn | rst | ack) == syn accept
		udp dport {{ {ports} }} accept"""

DIRECTIONS = """iifname {{ "eth0", "eth2" }} oifname "eth1" jump outside
		iifname "eth1" oifname {{ "eth0", "eth2" }} jump inside"""

# To the rules a bridge is one interface, and the balancers find each other through it.
BRIDGED_DIRECTIONS = """icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
		ip saddr {outside[0]} jump outside
		ip6 saddr {outside[1]} jump outside
		ip saddr {inside[0]} jump inside
		ip6 saddr {inside[1]} jump inside"""

# The heartbeat goes between the balancers' own addresses and is not the firewall's to translate.
NAT_RULES = """
table inet nat {{
	chain postrouting {{
		type nat hook postrouting priority srcnat;
		udp dport {heartbeat} accept
		oifname "eth1" meta nfproto ipv4 {ipv4}
		oifname "eth1" meta nfproto ipv6 {ipv6}
	}}
}}
"""

HANG_RULES = """
table netdev hang {
	chain silence {
		type filter hook ingress devices = { eth0, eth1 } priority -500; policy drop;
	}
}
"""


def nat_rules(options, number):
    """Rules that translate, for firewall NUMBER."""
    if not options.nat:
        return ""
    verdicts = ["masquerade", "masquerade"]
    if options.nat == "pool":
        verdicts = [f"snat to {prefix}{number}" for prefix in plan.POOL]
    return NAT_RULES.format(heartbeat=plan.HEARTBEAT_PORT, ipv4=verdicts[0], ipv6=verdicts[1])


def ruleset(options, number):
    """The rules of firewall NUMBER as text for nft."""
    inside = INSIDE_RULES.format(ports=plan.INSIDE_PORTS) if options.inside_opens else ""
    directions = (BRIDGED_DIRECTIONS if options.transparent else DIRECTIONS).format(
        outside=plan.CLIENT_NETS, inside=plan.SERVER_NETS)
    out = plan.BRIDGED_OUT_GATEWAY if options.transparent else plan.FARM_OUT_GATEWAY
    text = RULES.format(outside=plan.OUTSIDE_PORTS, inside=inside, heartbeat=plan.HEARTBEAT_PORT,
                        directions=directions,
                        farm4=f"{plan.FARM_IN_GATEWAY[0]}, {out[0]}", farm6=f"{plan.FARM_IN_GATEWAY[1]}, {out[1]}")
    return text + nat_rules(options, number)


class Firewall(Namespace):
    """eth0 toward ingress, eth1 toward egress. The lab plugs the cables, then calls configure()."""

    addresses = None
    dead = ""

    def configure(self, addresses):
        self.addresses = addresses
        self.nft(ruleset(self.lab.options, addresses.number))
        self.sysctl({"net.netfilter.nf_conntrack_tcp_loose": 0})
        if self.lab.options.transparent:
            self._configure_bridge()
        else:
            self._configure_router()

    def _configure_bridge(self):
        """A bridge whose frames pass the same rules as a router's packets do."""
        make_switch(self)
        self.sysctl({"net.bridge.bridge-nf-call-iptables": 1, "net.bridge.bridge-nf-call-ip6tables": 1})
        self.ip("link set eth0 master lan", "link set eth1 master lan")
        if self.lab.options.transparent == "vlans":
            for device in ("eth0", "eth1"):
                vlan.tag_device(self, device, plan.BRIDGED_VLANS + self.addresses.number)

    def _configure_router(self):
        self.forward()
        give_addresses(self, "eth0", plan.pair_with_length(self.addresses.ingress, plan.FARM_IN_NETS),
                       self.addresses.ingress_mac)
        give_addresses(self, "eth1", plan.pair_with_length(self.addresses.egress, plan.FARM_OUT_NETS),
                       self.addresses.egress_mac)
        self._routes()
        if self.lab.options.vlan:
            for device in ("eth0", "eth1"):
                vlan.tag_device(self, device, self.lab.options.vlan)

    def _routes(self):
        add_routes(self, self.lab.plan.outside_nets, plan.FARM_IN_GATEWAY)
        add_routes(self, self.lab.plan.inside_nets, plan.FARM_OUT_GATEWAY)

    def kill(self, how="links"):
        """Die: "links" takes the carrier away, "hang" leaves it and says nothing any more."""
        if how == "links":
            self.ip("link set eth0 down", "link set eth1 down")
        else:
            self.nft(HANG_RULES)
        self.dead = how

    def revive(self, reboot=True):
        """Come back as after a reboot, with an empty connection table; or with all that it had in it."""
        if reboot:
            self.run(["conntrack", "-F"], check=False)
        if self.dead == "links":
            self._links_up()
        elif self.dead:
            self.nft("delete table netdev hang\n")
        self.dead = ""

    def _links_up(self):
        self.ip("link set eth0 up", "link set eth1 up")
        if not self.lab.options.transparent:
            give_addresses(self, "eth0", plan.pair_with_length(self.addresses.ingress, plan.FARM_IN_NETS)[1:])
            give_addresses(self, "eth1", plan.pair_with_length(self.addresses.egress, plan.FARM_OUT_NETS)[1:])
            self._routes()

    def change_mac(self, device, mac, announce=True):
        """Take another MAC, as a cluster of firewalls does when its active member changes."""
        self.sysctl({f"net.ipv4.conf.{device}.arp_notify": int(announce),
                     f"net.ipv6.conf.{device}.ndisc_notify": int(announce)})
        self.ip(f"link set {device} address {mac}")

    def conversations(self):
        """What stands in its conntrack table, as a set of conntrack.Flow."""
        text = "".join(self.run(["conntrack", "-L", "-o", "extended", "-f", family], check=False).stdout
                       for family in ("ipv4", "ipv6"))
        return conntrack.parse(text)

    def dropped(self):
        """Packets it refused: {"invalid": n, "refused": n}."""
        rows = json.loads(self.run(["nft", "-j", "list", "counters"]).stdout)["nftables"]
        return {row["counter"]["name"]: row["counter"]["packets"] for row in rows if "counter" in row}
