"""Calibration drawn: what was said against what was observed, and how often each class reaches an LR."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.table import Result, Table

INK, QUIET = "#1d2330", "#6a7282"
SMALL = {"fontsize": 6.5, "color": QUIET}
FAKE, REAL = "#d55e00", "#0072b2"  # Okabe & Ito 2008: told by all eyes
MOST, EDGE = 3.3, 3.55  # log10 odds: where "all" and "none" are drawn, and the edge of the plot
SHARES = {-3: "0.1 %", -2: "1 %", -1: "9 %", 0: "50 %", 1: "91 %", 2: "99 %", 3: "99.9 %"}  # by log10 odds


def figure(result: Result | Sequence[Table]) -> Figure:
    """Two panels from the tables "reliability" and "tippett" of a calibration result, fresh or loaded."""
    tables = {table.name: table for table in (result.tables if isinstance(result, Result) else result)}
    drawn = Figure(figsize=(10, 4.6), dpi=110, facecolor="white", layout="constrained")
    left, right = drawn.subplots(1, 2)
    reliability(left, tables["reliability"])
    tippett(right, tables["tippett"])
    return drawn


def reliability(axes: Axes, table: Table) -> None:
    """On a scale of odds, so that 99 % and 99.9 % lie as far apart as they are. On the line is calibrated."""
    axes.plot((-EDGE, EDGE), (-EDGE, EDGE), color=QUIET, lw=0.8, ls="--")
    for _, said, observed, fakes, reals in table.rows:
        x, y, low, high = (log_odds(p) for p in (said, observed.value, observed.low, observed.high))
        axes.plot((x, x), (low, high), color=INK, lw=1.0, alpha=0.6)
        axes.plot(x, y, "o", color=INK, ms=4.5, zorder=3)
        axes.annotate(f"{fakes + reals:,}", (x, y), (5, -9 if y > 0 else 4), textcoords="offset points", **SMALL)
    axes.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), xticks=[*SHARES], yticks=[*SHARES])
    axes.set(xticklabels=SHARES.values(), yticklabels=SHARES.values())
    axes.set_xlabel("said: posterior at even odds", fontsize=8, color=QUIET)
    axes.set_ylabel("observed: share of generated pictures", fontsize=8, color=QUIET)
    finish(axes, "Reliability (photos in each bin beside it)")


def tippett(axes: Axes, table: Table) -> None:
    """Right of 0 the reals, left of 0 what is missing of the fakes, are misled."""
    places = [row[0] for row in table.rows]
    for column, name, colour in ((1, "generated", FAKE), (2, "real", REAL)):
        axes.plot(places, [row[column] for row in table.rows], color=colour, lw=1.8, label=name)
    axes.axvline(0, color=QUIET, lw=0.8, ls="--")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("log10 LR", fontsize=8, color=QUIET)
    axes.set_ylabel("share with at least this LR", fontsize=8, color=QUIET)
    axes.legend(frameon=False, fontsize=8)
    finish(axes, "Tippett plot")


def finish(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=9.5, loc="left", color=INK)
    axes.tick_params(labelsize=7, colors=QUIET, length=2)
    axes.spines[["top", "right"]].set_visible(False)


def log_odds(probability: float) -> float:
    """log10 of the odds, kept inside the plot."""
    if not 0 < probability < 1:
        return math.copysign(MOST, probability - 0.5)
    return min(MOST, max(-MOST, math.log10(probability / (1 - probability))))
