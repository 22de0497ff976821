# SPDX-License-Identifier: ISC
"""A firewall's own word about which conversations it holds: its conntrack table."""
import re
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from . import plan

_FIELD = re.compile(r"\b(src|dst|sport|dport|type|code|id)=(\S+)")


class Flow(NamedTuple):
    """The original direction of one conversation. Ports of ICMP are (id, type)."""

    protocol: str
    source: str
    source_port: int
    target: str
    target_port: int


def parse_line(line):
    """One line of `conntrack -L -o extended` as a Flow, or None."""
    words = line.split()
    if len(words) < 5 or words[0] not in ("ipv4", "ipv6"):
        return None
    fields = {}
    for key, value in _FIELD.findall(line):
        if key in fields:
            break  # the answer's direction begins
        fields[key] = value
    if "src" not in fields:
        return None
    return Flow(words[2], fields["src"], int(fields.get("sport", fields.get("id", 0))),
                fields["dst"], int(fields.get("dport", fields.get("type", 0))))


_END_NETS = [ip_network(net) for net in plan.CLIENT_NETS + plan.SERVER_NETS + plan.FAR_NETS + plan.INNER_NETS]


@lru_cache(maxsize=4096)
def _is_end_host(address):
    parsed = ip_address(address)
    return any(parsed in net for net in _END_NETS)


def parse(text):
    """The set of end hosts' conversations in a table: health checks and heartbeats are not among them."""
    flows = (parse_line(line) for line in text.splitlines())
    return {flow for flow in flows if flow and _is_end_host(flow.source) and _is_end_host(flow.target)}


def in_two_tables(tables):
    """{name: set of Flow} -> {flow: [names]} of the conversations that stand in more than one."""
    owners = {}
    for name, flows in tables.items():
        for flow in flows:
            owners.setdefault(flow, []).append(name)
    return {flow: names for flow, names in owners.items() if len(names) > 1}
