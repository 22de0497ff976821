# SPDX-License-Identifier: ISC
"""The fast path on a live port: the program as the daemon loads it, in turn with a bare redirect.

Generator (the kernel's live-frame test-run), forwarder and sink on one core; every slice the program on the
port is replaced (ABBA); the ratio is the median over pairs of neighbouring slices.
"""
import json
import subprocess
import time

from daemon import daemon
from lab import VIRTUAL
from report import Step, row

K, M = 1 << 10, 1 << 20

# quantum ms : pairs : skipped ms : taken ms. Under `auto` a row is touched once in 2 s: the slice holds
# just one round of that, and what is overdue after the ceiling's turn falls into what is skipped.
AUTO, EVERY, NEW = "2000:12:60:250", "0:16:15:45", "2000:16:15:45"

PLAIN = "sandwich"
NEW_FLOWS = "sandwich, every frame a new flow, every event taken"
CLIENTS = 100000


def seconds(measure):
    _, pairs, skip, take = (int(n) for n in measure.split(":"))
    return 0.3 + 2 * pairs * (skip + take) / 1000


def track(measure):
    return "every-frame" if measure.startswith("0:") else "auto"


def slots(flows):
    """As many as the configuration would have for so many flows: not more than half of them in use."""
    return max(M, 1 << (2 * flows - 1).bit_length())


def fast(lab, measures, **options):
    """What the measurements say, each a dict."""
    words = [f"{lab.build}/bench/fast", "--objects", f"{lab.build}/bench", "--netns", lab.prefix]
    for name, value in options.items():
        words += [f"--{name}"] + ([] if value is True else [str(value)])
    for measure in measures:
        words += ["--measure", measure]
    return [json.loads(line) for line in lab.run(words).splitlines()]


def load(flows):
    """Seconds to load the program and fill the tables."""
    return 1.6 + flows * 0.45e-6


def count(flows):
    return f"{flows // M} M" if flows >= M else f"{flows // K} k"


def forward(what, flows, targets, measures=(AUTO, EVERY), **options):
    """TARGETS: the ratio that each measure should reach."""
    def measure(lab):
        found = fast(lab, measures, flows=flows, slots=slots(flows), **options)
        return [row("forward", what, flows=flows, track=track(m), target=targets.get(m), **said)
                for m, said in zip(measures, found)]

    return Step("forward", f"{what}, {count(flows)} flows", load(flows) + sum(map(seconds, measures)), measure)


def like(what, flows, **options):
    """The same with other frames: within 5 % of IPv4 with as many flows, under track = auto."""
    def measure(lab):
        plain = [r["ratio"] for r in lab.rows if r["what"] == PLAIN and r["flows"] == flows and r["track"] == "auto"]
        said = fast(lab, [AUTO], flows=flows, slots=slots(flows), **options)[0]
        return [row("forward", what, flows=flows, track="auto", target=0.95 * plain[0] if plain else None, **said)]

    return Step("forward", what, load(flows) + seconds(AUTO), measure)


def flood(flows):
    def measure(lab):
        said = fast(lab, [NEW], flows=flows, slots=16 * M, order="flood")[0]
        share = said["known"] / said["known_ceiling"]
        return [row("forward", "half a SYN flood, all frames", flows=flows, track="auto", **said),
                row("forward", "half a SYN flood, the established flows' share", flows=flows, track="auto",
                    ratio=share, target=0.99)]

    return Step("forward", "beside a SYN flood", load(flows) + seconds(NEW) + 1, measure)


def vpn(what, **options):
    def measure(lab):
        said = fast(lab, [AUTO], mode="vpn", flows=CLIENTS, slots=M, pins=1 << 18, **options)[0]
        return [row("forward", f"vpn mode, 100,000 learned clients, {what}", flows=CLIENTS, track="auto", target=0.80,
                    **said)]

    return Step("forward", f"vpn mode, {what}", load(CLIENTS) + seconds(AUTO), measure)


def attached(lab):
    """Waits until the daemon has its program on the port."""
    for _ in range(100):
        shown = subprocess.run(["ip", "-n", lab.names["mid"], "link", "show", "u0"], check=True, text=True,
                               stdout=subprocess.PIPE).stdout
        if "xdp" in shown:
            return True
        time.sleep(0.1)
    return False


def as_started(flows):
    """The daemon itself: it finds out by the rate that it is to sample."""
    def measure(lab):
        with daemon(lab, "xdp", "auto") as (_, log):
            if not attached(lab):
                raise RuntimeError(f"sandwich-ingress has no program on its port: {log()}")
            time.sleep(0.5)
            said = fast(lab, ["0:4:60:250", AUTO], what="there", flows=flows, to=VIRTUAL[0])[-1]
        return [row("forward", "sandwich-ingress as it is started", flows=flows, track="auto", **said)]

    return Step("forward", "sandwich-ingress as it is started", 6 + seconds(AUTO), measure)


def new():
    def measure(lab):
        said = fast(lab, [NEW], slots=16 * M, order="sequence")[0]
        if said["full"] or said["replaced"]:
            raise RuntimeError(f"the table was too small for the new flows: {said}")
        lost = said["lost"] + said["events"] - said["taken"]
        return [row("new", NEW_FLOWS, track="auto", target=0.45, **said),
                row("new", "events that the follower lost, of all", track="auto", most=0,
                    ratio=lost / max(said["events"] + said["lost"], 1))]

    return Step("new", NEW_FLOWS, load(0) + seconds(NEW) + 1, measure)


def growth():
    """All points of the plot; those without a target are measured more briefly."""
    least = {K: (0.88, 0.88), M: (0.88, 0.60), 8 * M: (0.88, 0.50)}
    brief = (AUTO.replace(":12:", ":5:"), EVERY.replace(":16:", ":8:"))
    return [forward(PLAIN, flows, dict(zip((AUTO, EVERY), least[flows])) if flows in least else {},
                    (AUTO, EVERY) if flows in least else brief)
            for flows in (K, 16 * K, 128 * K, 512 * K, M, 2 * M, 4 * M, 8 * M, 16 * M)]


def steps():
    return [
        *growth(),
        like("sandwich, IPv6", M, family=6),
        like("sandwich, tagged", M, tag=7),
        flood(M),
        vpn("toward the devices"),
        vpn("from the devices", outward=True),
        as_started(K),
        new(),
    ]
