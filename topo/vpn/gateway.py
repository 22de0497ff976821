# SPDX-License-Identifier: ISC
"""A VPN gateway of the farm: it stands where a firewall does, and has the cluster address on its loopback."""
import json

from ..lab import plan as lab_plan
from ..lab.firewall import Firewall
from ..lab.wires import give_addresses
from . import plan

# Before anything else looks at a packet, so that a dead gateway counts as well.
ARRIVALS = f"""
table netdev arrivals {{
	counter inner {{ }}
	counter outer {{ }}
	chain outside {{
		type filter hook ingress device eth0 priority -510;
		ip daddr {plan.CLUSTER} counter name "outer"
	}}
	chain inside {{
		type filter hook ingress device eth1 priority -510;
		ip daddr {plan.INNER_NET} counter name "inner"
	}}
}}
"""

# The cables stay, so that what still is sent here can be counted; nothing gets in, and nothing out.
DEATH = """
table netdev death {
	chain in {
		type filter hook ingress devices = { eth0, eth1 } priority -500; policy drop;
	}
	chain out0 {
		type filter hook egress device eth0 priority -500; policy drop;
	}
	chain out1 {
		type filter hook egress device eth1 priority -500; policy drop;
	}
}
"""


class Gateway(Firewall):
    """eth0 toward ingress, eth1 toward egress. Which VPN it speaks is the lab's to say."""

    @property
    def number(self):
        return self.addresses.number

    def configure(self, addresses):
        self.addresses = addresses
        self.forward()
        for device, pair, nets, mac in (
                ("eth0", addresses.ingress, lab_plan.FARM_IN_NETS, addresses.ingress_mac),
                ("eth1", addresses.egress, lab_plan.FARM_OUT_NETS, addresses.egress_mac)):
            give_addresses(self, device, lab_plan.pair_with_length(pair, nets), mac)
        self._routes()
        self._share_cluster_address()
        self._speak_from_cluster_address()
        self.nft(ARRIVALS)

    def _share_cluster_address(self):
        """Ingress alone answers for it on the LAN."""
        self.sysctl({"net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2})
        inside = plan.INSIDE_NET.rsplit(".", 2)[0]
        give_addresses(self, "lo", [f"{plan.CLUSTER}/32", f"{inside}.255.{plan.INSIDE_FIRST + self.number - 1}/32"])

    def _speak_from_cluster_address(self):
        """Also what a VPN begins anew: a client would follow it to the gateway's own address, where no balancer
        keeps it or sends it elsewhere."""
        for net in self.lab.plan.outside_nets:
            if ":" not in net:
                self.ip(f"route change {net} via {lab_plan.FARM_IN_GATEWAY[0]} src {plan.CLUSTER}")

    def kill(self, how="power"):
        """Its daemons are gone and its cables are silent, but what arrives is counted."""
        self.nft(DEATH)
        self.lab.vpn.stop_gateway(self)
        self.dead = how

    def revive(self, reboot=True):
        """Come back with daemons that know of no tunnel. There is no other way: a gateway that kept its state would
        have lived."""
        del reboot
        if not self.dead:
            return
        self.lab.vpn.start_gateway(self)
        self.nft("delete table netdev death\n")
        self.dead = ""

    def arrived(self):
        """Packets that came for tunnels, also after its death: {"outer": for the cluster address, "inner": for
        clients' inner addresses}."""
        rows = json.loads(self.run(["nft", "-j", "list", "counters"]).stdout)["nftables"]
        return {row["counter"]["name"]: row["counter"]["packets"] for row in rows if "counter" in row}
