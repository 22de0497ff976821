#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What the data paths cost, side by side with others, as ratios taken in one run.

    bench.py [--build DIR] [PART]...      parts: forward, new, decision, table, peer, latency, sync

Frames of 64 bytes over veth in network namespaces of its own. What is under way is told on standard error,
the table comes on standard output, and DIR/bench/results.json has the same figures.
"""
import argparse
import os
import signal
import sys

sys.dont_write_bytecode = True
import alone  # noqa: E402
import fast  # noqa: E402
import latency  # noqa: E402
import pcap  # noqa: E402
import peers  # noqa: E402
import plots  # noqa: E402
import report  # noqa: E402
import sync_bench  # noqa: E402
from lab import Lab  # noqa: E402


def ended(*_):
    raise KeyboardInterrupt


def main():
    steps = fast.steps() + alone.steps() + peers.steps() + pcap.steps() + latency.steps() + sync_bench.steps()
    parts = list(dict.fromkeys(step.bench for step in steps))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts) + " (default: all)")
    options = parser.parse_args()
    unknown = set(options.parts) - set(parts)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    if os.geteuid() != 0:
        sys.exit("bench: SKIP: it makes network namespaces, which takes root")
    lab = Lab(options.build)
    signal.signal(signal.SIGTERM, ended)
    try:
        lab.up()
        good = report.run_steps(lab, [s for s in steps if not options.parts or s.bench in options.parts])
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
    finally:
        lab.down()
    rows = sorted(lab.rows, key=lambda r: parts.index(r["bench"]))
    report.print_rows(rows)
    report.write_json(f"{options.build}/bench/results.json", rows)
    try:
        plots.write(rows, f"{options.build}/bench")
    except ImportError as error:
        sys.exit(f"bench: no pictures: {error}; run: sudo conf/install/deps bench")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
