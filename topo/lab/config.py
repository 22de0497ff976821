# SPDX-License-Identifier: ISC
"""Writes the sandwich's configuration file (DESIGN section 6) for a lab. Pure: returns text."""
from . import plan


def _section(title, settings):
    return [f"[{title}]"] + [f"{key} = {value}" for key, value in settings.items() if value != ""] + [""]


def _addresses(pair, nets):
    return " ".join(plan.pair_with_length(pair, nets))


def _device(options, firewall, port):
    """Where a firewall stands: a bridge has no address, and is known by its port or tag alone."""
    vlan = plan.BRIDGED_VLANS + firewall.number if options.transparent == "vlans" else options.vlan
    words = [f"vlan:{vlan}"] if vlan else []
    words += [f"port:eth{port}"] if options.farm_ports > 1 or options.transparent else []
    addresses = {"ingress": firewall.ingress, "egress": firewall.egress}
    return {side: " ".join([*(() if options.transparent else own), *words]) for side, own in addresses.items()}


def _egress_farm(options):
    if options.transparent:
        return _addresses(plan.BRIDGED_OUT_GATEWAY, plan.FARM_IN_NETS)
    return _addresses(plan.FARM_OUT_GATEWAY, plan.FARM_OUT_NETS)


def _sync(options, box):
    """The LAN of their own first, then the box's own address on its uplink LAN."""
    if not options.twins:
        return {}
    nets = plan.CLIENT_NETS if box.side == "ingress" else plan.SERVER_NETS
    own = nets[0].split("/", maxsplit=1)[0].rsplit(".", 1)[0] + (".3" if box.name.endswith("-b") else ".2")
    return {"sync": f"{box.sync} {own}", "priority": "100" if box.name.endswith("-b") else "200"}


def config_sections(options, addresses, directory):
    """The file as {title: {key: value}}; Options.settings has the last word."""
    tags = {"uplink-vlan": "none", "farm-vlan": options.vlan} if options.vlan else {}
    sections = {
        "sandwich": {"name": "lab", "mode": options.mode, "affinity": options.affinity, "sessions": options.sessions,
                     "on-device-down": options.on_device_down, "secret-file": f"{directory}/secret"},
        "side ingress": {"uplink-address": _addresses(plan.CLIENT_GATEWAY, plan.CLIENT_NETS),
                         "farm-address": _addresses(plan.FARM_IN_GATEWAY, plan.FARM_IN_NETS), **tags},
        "side egress": {"uplink-address": _addresses(plan.SERVER_GATEWAY, plan.SERVER_NETS),
                        "farm-address": _egress_farm(options), **tags},
    }
    if options.transparent == "vlans":
        sections["side ingress"]["uplink-vlan"] = sections["side egress"]["uplink-vlan"] = "none"
    farm = " ".join(f"eth{1 + i}" for i in range(options.farm_ports))
    for box in addresses.boxes:
        sections[f"balancer {box.name}"] = {"side": box.side, "uplink": "eth0", "farm": farm,
                                            "control": f"{directory}/{box.name}.sock", "datapath": options.datapath,
                                            **_sync(options, box)}
    for firewall in addresses.firewalls:
        sections[f"device {firewall.name}"] = _device(options, firewall, addresses.farm_port(firewall.number))
    sections["health"] = {"path": options.health_path}
    for title, settings in options.settings.items():
        sections.setdefault(title, {}).update(settings)
    return sections


def config_text(options, addresses, directory):
    lines = []
    for title, settings in config_sections(options, addresses, directory).items():
        lines += _section(title, settings)
    return "\n".join(lines)
