# SPDX-License-Identifier: ISC
"""Writes the sandwich's configuration file (DESIGN section 6) for a lab. Pure: returns text."""
from . import plan


def _section(title, settings):
    return [f"[{title}]"] + [f"{key} = {value}" for key, value in settings.items() if value != ""] + [""]


def _addresses(pair, nets):
    return " ".join(plan.pair_with_length(pair, nets))


def _device(firewall, vlan):
    tag = f" vlan:{vlan}" if vlan else ""
    return {"ingress": " ".join(firewall.ingress) + tag, "egress": " ".join(firewall.egress) + tag}


def config_sections(options, addresses, directory):
    """The file as {title: {key: value}}; Options.settings has the last word."""
    tags = {"uplink-vlan": "none", "farm-vlan": options.vlan} if options.vlan else {}
    sections = {
        "sandwich": {"name": "lab", "mode": options.mode, "affinity": options.affinity, "sessions": options.sessions,
                     "on-device-down": options.on_device_down, "secret-file": f"{directory}/secret"},
        "side ingress": {"uplink-address": _addresses(plan.CLIENT_GATEWAY, plan.CLIENT_NETS),
                         "farm-address": _addresses(plan.FARM_IN_GATEWAY, plan.FARM_IN_NETS), **tags},
        "side egress": {"uplink-address": _addresses(plan.SERVER_GATEWAY, plan.SERVER_NETS),
                        "farm-address": _addresses(plan.FARM_OUT_GATEWAY, plan.FARM_OUT_NETS), **tags},
    }
    for side in ("ingress", "egress"):
        sections[f"balancer {side}"] = {"side": side, "uplink": "eth0", "farm": "eth1",
                                        "control": f"{directory}/{side}.sock", "datapath": options.datapath}
    for firewall in addresses.firewalls:
        sections[f"device {firewall.name}"] = _device(firewall, options.vlan)
    sections["health"] = {"path": options.health_path}
    for title, settings in options.settings.items():
        sections.setdefault(title, {}).update(settings)
    return sections


def config_text(options, addresses, directory):
    lines = []
    for title, settings in config_sections(options, addresses, directory).items():
        lines += _section(title, settings)
    return "\n".join(lines)
