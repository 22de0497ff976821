# SPDX-License-Identifier: ISC
"""The decision alone, in the kernel's test-run, and the session table alone, in user space."""
import json

from fast import K, M, count
from report import Step, row

OURS = "the decision, sessions in our table"
HASHES = (("lru_hash", "BPF_MAP_TYPE_LRU_HASH"), ("hash", "BPF_MAP_TYPE_HASH"))
ROUNDS = 11
CONTENDERS = ("sandwich", "glib", "dpdk")


def decision(flows):
    """Under one third of the kernel's hash maps, from 1 M sessions on."""
    most = 1 / 3 if flows >= M else None

    def measure(lab):
        bench = f"{lab.build}/bench"
        objects = [f"{lab.build}/bpf/sandwich.bpf.o"] + [f"{bench}/{file}.bpf.o" for file, _ in HASHES]
        said = json.loads(lab.run([f"{bench}/decision", f"{bench}/wrapper.bpf.o", str(flows), str(ROUNDS)] + objects))
        ours, *theirs = said["variants"]
        rows = [row("decision", OURS, flows=flows, track="every-frame", ns=ours["ns"])]
        for (_, name), its in zip(HASHES, theirs):
            rows.append(row("decision", f"in {name}; ratio: ours to it", flows=flows, track="every-frame",
                            ns=its["ns"], ratio=its["ratio"], most=most))
        return rows

    return Step("decision", f"{count(flows)} sessions", 6 + flows * 4e-6 + ROUNDS * 0.35, measure)


def table(sessions):
    def measure(lab):
        found = [json.loads(lab.run([f"{lab.build}/bench/table", name, str(sessions)])) for name in CONTENDERS]
        rows = []
        for operation, words in (("find", "look-up"), ("miss", "look-up in vain"), ("insert", "insert")):
            for its in found:
                other = its is not found[0]
                rows.append(row("table", f"{its['name']}: {words}" + ("; ratio: ours to it" if other else ""),
                                flows=sessions, ns=its[operation],
                                ratio=found[0][operation] / its[operation] if other else None,
                                most=1 if other and operation != "miss" else None))
        for its in found:
            rows.append(row("table", f"{its['name']}: {its['bytes']:.0f} bytes a session, of {sessions / 1e6:.0f} M "
                            f"{its['refused']} found no room", flows=sessions))
        return rows

    return Step("table", f"{sessions / 1e6:.0f} M sessions", 1 + sessions * 4.5e-6, measure)


def steps():
    return [*map(decision, (K, 100000, M, 8 * M)), table(1000000), table(10000000)]
