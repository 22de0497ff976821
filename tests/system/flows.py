# SPDX-License-Identifier: ISC
"""What several cases do: many conversations from both sides, and what must be true of them."""

from topo.lab import plan
from topo.lab.processes import poll
from topo.traffic.conversations import Conversations, merge

LASTING_PORTS = (21, 80, plan.CONVERSATION_PORT, plan.INSIDE_CONVERSATION_PORT)


def open_both_sides(lab, total, **options):
    """TOTAL conversations, half TCP and half UDP, IPv4 and IPv6, three quarters opened by clients, a quarter by
    servers. Every fourth UDP answer comes in fragments."""
    outside, inside = total * 3 // 16, total // 16
    options = {"rate": 2, "big_every": 4, "detail": True, **options}
    servers = [a for host in lab.plan.servers for a in host.all]
    clients = [a for host in lab.plan.clients for a in host.all]
    groups = []
    for number in (1, 2):
        groups.append(Conversations(lab.client(number), lab.plan.client(number).all, servers,
                                    plan.CONVERSATION_PORT, tcp=outside, udp=outside, **options))
        groups.append(Conversations(lab.server(number), lab.plan.server(number).all, clients,
                                    plan.INSIDE_CONVERSATION_PORT, tcp=inside, udp=inside, **options))
    for group in groups:
        group.wait_opened(30)
    return groups


def rounds(groups, count=3):
    """Let every conversation exchange COUNT further questions and answers, on the average."""
    for group in groups:
        group.wait_answers(count * group.wanted, 60)


def finish(groups):
    return merge([group.finish() for group in groups])


def lasting(flows):
    return {flow for flow in flows if flow.target_port in LASTING_PORTS}


def places(lab):
    """{conversation: firewall} of the lasting ones, by the firewalls' own tables."""
    return {flow: name for name, flows in lab.tables().items() for flow in lasting(flows)}


def moved(before, after, names):
    """Conversations that were on NAMES before and stand elsewhere after."""
    return {flow: (name, after[flow]) for flow, name in before.items()
            if name in names and after.get(flow, name) != name}


def assert_symmetric(lab):
    """No conversation in two tables, and the balancers saw none on two devices."""
    assert lab.doubles() == {}
    assert lab.balancers.asymmetric() == 0
    assert_counted(lab)


def assert_counted(lab):
    """Every frame ended in exactly one reason, on both balancers."""
    if lab.balancers.kind != "sandwich":
        return

    def equal(side):
        counters = lab.balancers.counters(side)
        return counters["rx_total"] == counters["reasons_total"]
    for side in ("ingress", "egress"):
        poll(lambda s=side: equal(s), 5, f"rx to be the sum of all reasons on {side}")


def assert_all_alive(report):
    bad = [c for c in report["conversations"] if c["state"] != "open"]
    assert not bad, f"{len(bad)} of {report['wanted']} lost, e.g. {bad[:3]}"
    assert report["failed"] == report["broken"] == 0


def hosted(lab, report, names):
    """The conversations of a report that the firewalls NAMES hold, by local address and port."""
    owners = {(f.protocol, f.source, f.source_port, f.target): name for f, name in places(lab).items()}
    return [c for c in report["conversations"]
            if owners.get((c["protocol"], c["local"], c["local_port"], c["remote"])) in names]


