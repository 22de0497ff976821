# SPDX-License-Identifier: ISC
"""How long frames take: the fast path on one core, and the pcap data path on two."""
from fast import M, PLAIN, fast, load, slots
from lab import ROUTER
from pcap import Bare, Routing, Sandwich, Swept
from report import Step, row

PERCENTILES = (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))
RATE = 2.5e6  # frames a second, when the rate has not been measured
PCAP_RATE = 100e3


def fast_latency(flows=M):
    def rate(lab):
        found = [r["pps"] for r in lab.rows if r["what"] == PLAIN and r["flows"] == flows and r["track"] == "auto"]
        return found[0] if found else RATE

    def measure(lab):
        rows, full = [], rate(lab)
        for part, words in ((0.1, "a tenth of the rate"), (0.9, "nine tenths of the rate")):
            words = f"at {words}"
            said = fast(lab, [], flows=flows, slots=slots(flows), latency=int(full * part))[0]
            for key, name in PERCENTILES:
                bare = said["bare"][key]
                rows.append(row("latency", f"no forwarder, {words}, {name}", pps=said["bare"]["pps"], ns=bare))
                for what, its in (("the ceiling", said["ceiling"]), (PLAIN, said["candidate"])):
                    rows.append(row("latency", f"{what} adds, {words}, {name}", flows=flows,
                                    track="auto" if what == PLAIN else "", pps=its["pps"], ns=its[key] - bare))
        return rows

    return Step("latency", "the fast path", 2 * (load(flows) + 6), measure)


def probed(swept, contestant, rate):
    """ns: p50, p99, p99.9 of one second."""
    contestant.start(swept)
    try:
        words = ["taskset", "-c", "0", f"{swept.build}/bench/probe", f"{swept.lab.prefix}gen", "g0",
                 f"{swept.lab.prefix}end", "s0", ROUTER, contestant.to, str(int(rate)), "1"]
        return [int(word) for word in swept.lab.run(words).split()][2:]
    finally:
        contestant.stop(swept)


def pcap_latency(part, words):
    def measure(lab):
        clean = [r["pps"] for r in lab.rows if r["what"] == "bare libpcap forwarder: <1% lost"]
        rate = (clean[0] if clean else PCAP_RATE) * part
        swept, contestants = Swept(lab), [Bare(), Sandwich("auto"), Routing(False), Routing(True)]
        taken = {c.what: [] for c in contestants}
        try:
            for order in (contestants, contestants[::-1]):
                for c in order:
                    taken[c.what].append(probed(swept, c, rate))
        finally:
            swept.close()
        least = {what: [min(run[i] for run in runs) for i in range(3)] for what, runs in taken.items()}
        base = least[contestants[0].what]
        return [row("latency", f"{c.what}, at {words}, {name}", flows=1, track=c.track, pps=rate, ns=least[c.what][i],
                    ratio=least[c.what][i] / base[i] if base[i] else None)
                for c in contestants for i, (_, name) in enumerate(PERCENTILES)]

    return Step("latency", f"the pcap data path at {words} of libpcap's rate", 20, measure)


def steps():
    return [fast_latency(), pcap_latency(0.1, "a tenth"), pcap_latency(0.9, "nine tenths")]
