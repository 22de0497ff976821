# SPDX-License-Identifier: ISC
"""What is measured, and what it came to: steps, rows, the table on standard output, the JSON."""
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Callable

JSON_FIELDS = ("bench", "what", "flows", "track", "pps", "ns", "bytes", "ratio")


@dataclass
class Step:
    """One measurement, which takes about so many SECONDS and gives rows."""

    bench: str
    title: str
    seconds: float
    run: Callable


def row(bench, what, target=None, most=None, **figures):
    """A line of the results. TARGET: the ratio it should reach at least; MOST: at the most."""
    line = {"bench": bench, "what": what, "target": target, "most": most}
    line |= {name: value for name, value in figures.items() if value not in (None, "")}
    if line.get("pps") and "ns" not in line:
        line["ns"] = 1e9 / line["pps"]
    return line


def as_json(line):
    digits = {"pps": 0, "ns": 2, "bytes": 1, "ratio": 4}
    out = {name: line[name] for name in JSON_FIELDS if name in line}
    for name, places in digits.items():
        if name in out:
            out[name] = round(out[name], places or None)
    return out


def write_json(path, rows):
    with open(path, "w", encoding="utf-8") as out:
        json.dump([as_json(line) for line in rows], out, indent=1)
        out.write("\n")


def judged(line):
    """The target in words, and whether it is reached."""
    if "ratio" not in line or (line["target"] is None and line["most"] is None):
        return ""
    if line["target"] is not None:
        return f">= {line['target']:.2f} {'ok' if line['ratio'] >= line['target'] - 0.005 else 'BELOW'}"
    return f"<= {line['most']:.2f} {'ok' if line['ratio'] <= line['most'] + 0.005 else 'ABOVE'}"


def number(line, name, form):
    return format(line[name], form) if name in line else ""


def print_rows(rows):
    print(f"{'':<66}{'flows':>9} {'track':<11} {'frames/s':>10} {'ns':>8} {'ratio':>6} {'quartiles':>11}  target")
    bench = None
    for line in rows:
        if line["bench"] != bench:
            bench = line["bench"]
            print(bench)
        spread = f"{line['low']:.2f}-{line['high']:.2f}" if "low" in line else ""
        spread = f"{line['bytes']:.1f} bytes" if "bytes" in line else spread
        print(f"  {line['what']:<64}{number(line, 'flows', 'd'):>9} {line.get('track', ''):<11} "
              f"{number(line, 'pps', '.0f'):>10} {number(line, 'ns', '.1f'):>8} {number(line, 'ratio', '.3f'):>6} "
              f"{spread:>11}  {judged(line)}")
    sys.stdout.flush()


def announce(steps, i):
    left = sum(s.seconds for s in steps[i:])
    sys.stderr.write(f"bench: {i + 1}/{len(steps)} {steps[i].bench}: {steps[i].title} "
                     f"(about {int(left // 60)} min {int(left % 60)} s left)\n")
    sys.stderr.flush()


def run_steps(lab, steps):
    """Whether all went well. Rows go to lab.rows; what is under way is told on standard error."""
    good = True
    for i, step in enumerate(steps):
        announce(steps, i)
        try:
            lab.rows += step.run(lab)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"bench: {step.bench}: {step.title}: FAILED: {error}\n")
            good = False
    return good
