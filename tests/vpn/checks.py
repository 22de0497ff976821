# SPDX-License-Identifier: ISC
"""What must be true of every farm, and what several cases do."""
from topo.lab.processes import poll


def assert_sound(lab):
    """No conversation on two gateways, and every frame ended in exactly one reason."""
    assert lab.balancers.asymmetric() == 0
    for side in ("ingress", "egress"):
        poll(lambda s=side: counted(lab, s), 5, f"rx to be the sum of all reasons on {side}")


def counted(lab, side):
    counters = lab.balancers.counters(side)
    return counters["rx_total"] == counters["reasons_total"]


def assert_swapped(rows, wanted):
    """All of talk.swap()'s transfers came back whole."""
    bad = {number: row for number, row in rows.items() if not row["ok"]}
    assert not bad, f"{len(bad)} of {len(rows)} failed: {bad}"
    assert sorted(rows) == sorted(wanted)


def assert_lossless(flows, wanted):
    """No question of the clients WANTED was lost, in either direction."""
    lossy = [flow for flow in flows if flow.number in wanted and flow.lost]
    assert not lossy


def assert_alive(flows, wanted=None):
    """In the end every question was answered, in both directions."""
    dead = [flow for flow in flows if not flow.alive and (wanted is None or flow.number in wanted)]
    assert not dead
