# SPDX-License-Identifier: ISC
"""The figures as pictures: build/bench/growth.png and latency.png."""
from fast import PLAIN
from peers import CONNTRACK


def draw(path, title, labels, lines, log_y=False):
    """LINES: {name: [(x, y)]}. LABELS: of the axes."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5))
    for name, points in lines.items():
        axes.plot(*zip(*sorted(points)), marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks([2 ** n for n in range(10, 25, 2)], ["1 k", "4 k", "16 k", "64 k", "256 k", "1 M", "4 M", "16 M"])
    if log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set(title=title, xlabel=labels[0], ylabel=labels[1])
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def growth(rows, path):
    lines, ceilings = {}, {}
    for line in rows:
        if line["what"] not in (PLAIN, CONNTRACK) or "ceiling" not in line:
            continue
        name = f"{PLAIN}, track = {line['track']}" if line["what"] == PLAIN else CONNTRACK
        lines.setdefault(name, []).append((line["flows"], line["pps"] / 1e6))
        ceilings.setdefault(line["flows"], []).append(line["ceiling"] / 1e6)
    if lines:
        lines = {"ceiling (bare redirect)": [(x, sum(y) / len(y)) for x, y in ceilings.items()]} | lines
        draw(path, "64-byte frames, flows at random, one core", ("flows", "million frames a second"), lines)


def decision(rows, path):
    lines = {}
    for line in rows:
        if line["bench"] == "decision":
            lines.setdefault(line["what"].split(";")[0], []).append((line["flows"], line["ns"]))
    if lines:
        draw(path, "The decision alone, every frame touching its session", ("sessions", "ns a frame"), lines)


def write(rows, folder):
    growth(rows, f"{folder}/growth.png")
    decision(rows, f"{folder}/decision.png")
