"""Detection drawn: ROC curves of the verdict and the best detectors, and everybody's AUC with its interval.

False alarms are on a logarithmic scale from 0.1 %: how many fakes are found while hardly anybody is accused is what
counts, and on a linear scale nobody sees it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.detection.beside import PANEL, PLUGGED, PUBLISHED, VERDICT, WHOLE, Entrant
from benchmarks.detection.curves import GRID, Curve
from benchmarks.robustness.figure import COLOURS, INK, QUIET, measured
from benchmarks.table import Table

BEST = 5  # detectors whose curves are drawn beside the verdict's
PALE = "#b4bac6"
STROKES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)))
MARKS = {WHOLE: "D", PANEL: "o", PUBLISHED: "s", PLUGGED: "^"}  # by kind
PAPER = {"facecolor": "white", "edgecolor": "none", "framealpha": 0.85}  # behind a legend
ROW, HEAD, LEAST = 0.24, 1.35, 4.9  # inches: a detector, what is above and below them, the whole
PERCENT = {0.001: "0.1 %", 0.01: "1 %", 0.1: "10 %", 1.0: "100 %"}


def figure(entrants: Sequence[Entrant], curves: Mapping[str, Curve], makers: Table, about: str = "") -> Figure:
    """curves: by detector; those with too few photos are left out. makers: the table "makers", of the same run.
    about: a line on what was measured, below both.
    """
    drawn = [each for each in entrants if each.name in curves and measured(curves[each.name].auc)]
    drawn.sort(key=lambda each: (-curves[each.name].auc.value, each.name != VERDICT))
    best = [each.name for each in drawn if each.name != VERDICT][:BEST]
    looks = {name: {"color": COLOURS[i], "ls": STROKES[i]} for i, name in enumerate(best)}
    looks[VERDICT] = {"color": INK, "ls": "-"}
    high = max(LEAST, HEAD + ROW * len(drawn))
    made = Figure(figsize=(11.2, high), dpi=110, facecolor="white", layout="constrained")
    left, right = made.subplots(1, 2, width_ratios=(1, 1.08))
    roc_curves(left, [each.name for each in drawn if each.name in looks], curves, looks)
    areas(right, drawn, curves, makers, looks)
    made.supxlabel(about, x=0.008, ha="left", fontsize=7.5, color=QUIET)
    return made


def roc_curves(axes: Axes, names: Sequence[str], curves: Mapping[str, Curve], looks: Mapping[str, dict]) -> None:
    """Steps, as they are: between two real photos there is no false alarm rate. Chance bends on this scale."""
    axes.plot(GRID, GRID, color=QUIET, lw=0.8, ls=(0, (1, 2)))
    for name in names:
        tpr, low, high = curves[name].drawn
        if name == VERDICT:
            axes.fill_between(GRID, low, high, step="post", color=INK, alpha=0.10, lw=0)
        width, order = (2.4, 5) if name == VERDICT else (1.4, 3)
        axes.plot(GRID, tpr, drawstyle="steps-post", lw=width, zorder=order, **looks[name])
    keys = [Line2D([], [], lw=2.4 if name == VERDICT else 1.4, label=name, **looks[name]) for name in names]
    axes.legend(handles=keys, loc="best", fontsize=8, handlelength=2.6, labelcolor=INK, **PAPER)
    axes.set_xscale("log")
    axes.set(xlim=(GRID[0], 1), ylim=(0, 1.01), xticks=[*PERCENT])
    axes.set_xticklabels(PERCENT.values())
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20 %", "40 %", "60 %", "80 %", "100 %"])
    axes.grid(True, which="major", color=PALE, lw=0.4, alpha=0.6)
    axes.set_xlabel("false alarms: share of real photos flagged", fontsize=8, color=QUIET)
    axes.set_ylabel("fakes found", fontsize=8, color=QUIET)
    finish(axes, "ROC of the verdict and the best detectors" if VERDICT in names else "ROC of the best detectors")


def areas(
    axes: Axes, entrants: Sequence[Entrant], curves: Mapping[str, Curve], makers: Table, looks: Mapping[str, dict]
) -> None:
    """A row a detector, the best on top: AUC of all fakes with its interval, and small ticks, one a maker."""
    several = len(makers.columns) > 3  # a name, a maker, all
    apart = {row[0]: [cell.value for cell in row[1:-1] if measured(cell)] for row in makers.rows if several}
    for place, each in enumerate(entrants):
        auc, colour = curves[each.name].auc, looks.get(each.name, {"color": QUIET})["color"]
        ticks = apart.get(each.name, [])
        axes.plot(ticks, [place] * len(ticks), "|", color=PALE, ms=9, mew=1.6)
        axes.plot((auc.low, auc.high), (place, place), color=colour, lw=2.2, solid_capstyle="round", zorder=3)
        axes.plot(auc.value, place, MARKS[each.kind], color=colour, ms=6.5, mec="white", mew=0.8, zorder=4)
        weight = "bold" if each.name == VERDICT else "normal"
        at = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 7.5, "color": INK}
        axes.annotate(f"{auc.value:.3f}", (1.02, place), fontweight=weight, annotation_clip=False, **at)
    axes.axvline(0.5, color=QUIET, lw=0.8, ls=(0, (1, 2)))
    makers_lowest = [min(values) for values in apart.values() if values]
    lowest = min([0.48, *makers_lowest, *(curves[each.name].auc.low for each in entrants)])
    axes.set(xlim=(max(0.0, math.floor(lowest * 20) / 20), 1.01), ylim=(len(entrants) - 0.4, -0.6))
    axes.set_yticks(range(len(entrants)), [each.name for each in entrants])
    axes.set_xlabel("AUC; 0.5 is chance", fontsize=8, color=QUIET)
    kinds = [kind for kind in MARKS if any(each.kind == kind for each in entrants)]
    keys = [Line2D([], [], marker=MARKS[kind], color=QUIET, ls="", ms=6, label=kind) for kind in kinds]
    tick = Line2D([], [], marker="|", color=PALE, ls="", ms=9, mew=1.6, label="one maker's pictures")
    keys += [tick] if several else []
    axes.legend(handles=keys, loc="lower right", fontsize=7.5, labelcolor=QUIET, handletextpad=0.2, **PAPER)
    finish(axes, "AUC of each, with its 95 % interval")
    for label, each in zip(axes.get_yticklabels(), entrants, strict=True):
        label.set(fontsize=8, color=INK, fontweight="bold" if each.name == VERDICT else "normal")


def finish(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10, loc="left", color=INK, fontweight="bold", pad=10)
    axes.tick_params(which="both", labelsize=7.5, colors=QUIET, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
