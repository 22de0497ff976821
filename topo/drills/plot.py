# SPDX-License-Identifier: ISC
"""The time line of goodput, an axis for each drill, what happened marked on it."""
from . import measure


def timeline(drills, path):
    import matplotlib  # pylint: disable=import-outside-toplevel
    matplotlib.use("Agg")
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel

    figure, axes = pyplot.subplots(len(drills), 1, figsize=(11, 1.7 * len(drills) + 0.6), squeeze=False)
    for axis, drill in zip(axes[:, 0], drills):
        points = measure.goodput(drill.flows, drill.start)
        axis.fill_between([x for x, _ in points], [100 * y for _, y in points], step="post", color="#3b7ea1", lw=0)
        axis.set_ylim(0, 119)
        axis.set_yticks((0, 50, 100))
        axis.set_title(drill.scene.title, loc="left", fontsize=9, pad=3)
        for number, (moment, text) in enumerate(drill.marks):
            x = moment - drill.start
            axis.axvline(x, color="#c0392b", lw=1)
            axis.text(x, 103, f" {text}", fontsize=7, color="#c0392b", ha="left",
                      va="bottom" if number % 2 else "center")
        axis.tick_params(labelsize=7)
    axes[-1, 0].set_xlabel("seconds; questions of clients that were answered, per cent", fontsize=8)
    figure.tight_layout(h_pad=0.4)
    figure.savefig(path, dpi=110)
