# SPDX-License-Identifier: ISC
"""The fast path on a live port: the program as the daemon loads it, in turn with a bare redirect.

Generator (the kernel's live-frame test-run), forwarder and sink on one core; every slice the program on the
port is replaced (ABBA); the ratio is the median over pairs of neighbouring slices.
"""
import json

from report import Step, row

K, M = 1 << 10, 1 << 20

# quantum ms : pairs : skipped ms : taken ms. Under `auto` a row is touched once in 250 ms: the slice holds
# just one round of that, and what is overdue after the ceiling's turn falls into what is skipped.
AUTO, EVERY, NEW = "250:12:60:250", "0:16:15:45", "250:16:15:45"
TRACK = {AUTO: "auto", EVERY: "every-frame", NEW: "auto"}


def seconds(measure):
    _, pairs, skip, take = (int(n) for n in measure.split(":"))
    return 0.3 + 2 * pairs * (skip + take) / 1000


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


def forward(flows, targets, what="sandwich", measures=(AUTO, EVERY), **options):
    def run(lab):
        found = fast(lab, measures, flows=flows, slots=slots(flows), **options)
        return [row("forward", what, flows=flows, track=TRACK[m], target=targets.get(m), **said)
                for m, said in zip(measures, found)]

    return Step("forward", f"{what}, {count(flows)} flows", load(flows) + sum(map(seconds, measures)), run)


def flood(flows, slots_for_flood=16 * M):
    def run(lab):
        said = fast(lab, [NEW], flows=flows, slots=slots_for_flood, order="flood")[0]
        share = said["known"] / said["known_ceiling"]
        return [row("forward", "half a SYN flood, all frames", flows=flows, track="auto", **said),
                row("forward", "half a SYN flood, the established flows' share of what comes through, to the "
                    "ceiling's", flows=flows, track="auto", ratio=share, target=0.99)]

    return Step("forward", "beside a SYN flood", load(flows) + seconds(NEW) + 1, run)


def new():
    def run(lab):
        said = fast(lab, [NEW], slots=16 * M, order="sequence")[0]
        if said["full"] or said["replaced"]:
            raise RuntimeError(f"the table was too small for the new flows: {said}")
        lost = said["lost"] + said["events"] - said["taken"]
        return [row("new", "sandwich, every frame a new flow, every event taken", track="auto", target=0.45, **said),
                row("new", "events that the follower lost", track="auto", ratio=lost / max(said["events"], 1),
                    most=0)]

    return Step("new", "every frame a new flow", load(0) + seconds(NEW) + 1, run)


def steps():
    return [
        forward(K, {AUTO: 0.88, EVERY: 0.88}),
        forward(M, {AUTO: 0.88, EVERY: 0.60}),
        forward(8 * M, {AUTO: 0.88, EVERY: 0.50}),
        flood(M),
        new(),
    ]
