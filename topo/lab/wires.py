# SPDX-License-Identifier: ISC
"""Links and switches: veth pairs and Linux bridges, with the traps of veth taken care of in one place."""
# Offloads by the role of the veth's end.
#
# * Where frames are made (hosts, firewalls, balancers): `tx off tso off gso off`. veth leaves checksums partial and
#   frames super-sized, and whoever captures or XDP-redirects them would pass on broken ones.
# * GRO turns on the NAPI of a veth's end. A frame that a balancer redirects by XDP is dropped unless the end that
#   receives it, that is the switch's port on the other side of the balancer's cable, has NAPI: so it is on there. The
#   kernel notes it at the near end only if the far end is up when GRO is turned on.
# * GRO also merges what it receives. A balancer must see the frames as they were sent, and so must a capture at a
#   host: off there. (What the switch's port merges is cut again on its way out, since the switch's ports have no TSO.)
# * A veth hands tags over beside the frame, where an XDP program doesn't see them: toward a balancer they are written
#   into it (`txvlan off`).
OFFLOADS = {
    "host": {"tx": "off", "tso": "off", "gso": "off", "gro": "off"},
    "firewall": {"tx": "off", "tso": "off", "gso": "off", "gro": "off"},
    "balancer": {"tx": "off", "tso": "off", "gso": "off", "gro": "off"},
    "port": {"tx": "off", "tso": "off", "gso": "off", "gro": "off"},
    "port-to-balancer": {"tx": "off", "tso": "off", "gso": "off", "gro": "on", "txvlan": "off"},
}


def set_offloads(space, device, role):
    words = [word for pair in OFFLOADS[role].items() for word in pair]
    space.run(["ethtool", "-K", device, *words])


def cable(near, near_device, near_role, far, far_device, far_role):
    """A veth pair between two namespaces, both ends up."""
    near.link(near_device, far, far_device)
    ends = ((near, near_device, near_role), (far, far_device, far_role))
    for space, device, _role in ends:
        space.ip(f"link set {device} up")
    for space, device, role in ends:
        set_offloads(space, device, role)


def make_switch(space):
    """A bridge named `lan` that does nothing but switch."""
    space.sysctl({"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv6.conf.default.disable_ipv6": 1})
    space.ip("link add name lan type bridge stp_state 0 mcast_snooping 0 ageing_time 30000", "link set lan up")
    space.sysctl({"net.bridge.bridge-nf-call-iptables": 0, "net.bridge.bridge-nf-call-ip6tables": 0,
                  "net.bridge.bridge-nf-call-arptables": 0})


def plug(switch, node, device, role, port):
    """Cable DEVICE of NODE to the switch's port PORT."""
    cable(node, device, role, switch, port, "port-to-balancer" if role == "balancer" else "port")
    switch.ip(f"link set {port} master lan")


def give_aliases(space, device, addresses):
    """Further addresses, which nothing uses as its source unless it asks for them (IPv6 would take the last one)."""
    space.ip(*(f"addr add {a} dev {device}" + (" nodad preferred_lft 0" if ":" in a else "") for a in addresses))


def give_addresses(space, device, addresses, mac=""):
    """Addresses as "a/n"; IPv6 ones without duplicate address detection."""
    lines = [f"link set {device} address {mac}"] if mac else []
    lines += [f"addr replace {a} dev {device}" + (" nodad" if ":" in a else "") for a in addresses]
    space.ip(*lines)


def add_routes(space, nets, gateways):
    """Routes to each of NETS ("default4"/"default6" or a prefix) via the gateway of its family."""
    lines = []
    for net in nets:
        six = ":" in net or net == "default6"
        target = "default" if net.startswith("default") else net
        lines.append(f"{'-6 ' if six else ''}route replace {target} via {gateways[six]}")
    for line in lines:
        space.run(["ip", *line.split()])
