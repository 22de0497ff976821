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


def contend(lab, name, sessions, *batch):
    """glibc is told to ask for large pages, which the other two do by themselves."""
    words = ["env", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1", f"{lab.build}/bench/table", name, str(sessions), *batch]
    return json.loads(lab.run(words))


def table_rows(sessions, ours, others, how):
    rows = []
    for operation, words in (("find", "look-up"), ("miss", "look-up in vain"), ("insert", "insert")):
        rows.append(row("table", f"{ours['name']}: {words}{how}", flows=sessions, ns=ours[operation]))
        for its in others:
            rows.append(row("table", f"{its['name']}: {words}{how}; ratio: ours to it", flows=sessions,
                            ns=its[operation], ratio=ours[operation] / its[operation],
                            most=None if operation == "miss" else 1))
    return rows


def table(sessions):
    def measure(lab):
        ours, *others = [contend(lab, name, sessions) for name in CONTENDERS]
        rows = table_rows(sessions, ours, others, "")
        batch = [contend(lab, name, sessions, "batch") for name in ("sandwich", "dpdk")]
        rows += table_rows(sessions, batch[0], [others[0], batch[1]], ", 16 at a time")
        for its in (ours, *others):
            rows.append(row("table", f"{its['name']}: {its['bytes']:.0f} bytes a session; {its['refused']} found no "
                            "room", flows=sessions))
        return rows

    return Step("table", f"{sessions / 1e6:.0f} M sessions", 1 + sessions * 6e-6, measure)


def steps():
    return [*map(decision, (K, 100000, M, 8 * M)), table(1000000), table(10000000)]
