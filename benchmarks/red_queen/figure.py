"""The race drawn: each detector's fall and return, round by round; and the pictures, the same z in a column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from benchmarks.robustness.figure import COLOURS, INK, QUIET
from benchmarks.table import Measure, Table

PER_PROBE = 3  # columns: new, retrained, on the first


def draw(shown: Sequence[Table]) -> Figure:
    """A panel a detector; a row a forger: an arrow from what it scored on the new pictures to what it learnt."""
    table = next(t for t in shown if t.name == "race")
    names = [column.name.removesuffix(", new") for column in table.columns[1::PER_PROBE]]
    size = (3.4 * len(names) + 1.2, 0.42 * len(table.rows) + 1.5)
    figure = Figure(figsize=size, dpi=110, facecolor="white", layout="constrained")
    grid = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for i, (axes, name) in enumerate(zip(grid, names, strict=True)):
        for y, row in enumerate(table.rows):
            before, after = row[1 + i * PER_PROBE], row[2 + i * PER_PROBE]
            if isinstance(before, Measure):
                axes.annotate(
                    "", (after.value, y), (before.value, y), arrowprops={"arrowstyle": "-|>", "color": QUIET, "lw": 1}
                )
                point(axes, before, y, COLOURS[1], "^")
            point(axes, after, y, COLOURS[0], "o")
        axes.axvline(0.5, color=QUIET, lw=0.8, ls=(0, (1, 2)))
        axes.set_title(name, fontsize=10, loc="left", color=INK)
        axes.set_xlim(0, 1.02)
        axes.set_xlabel("AUC", fontsize=8, color=QUIET)
        axes.tick_params(colors=QUIET, labelsize=8, length=2)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_yticks(range(len(table.rows)), [str(row[0]) for row in table.rows])
    grid[0].invert_yaxis()
    handles = [
        grid[0].plot([], [], "^", color=COLOURS[1], ms=5, label="new pictures, not yet learnt")[0],
        grid[0].plot([], [], "o", color=COLOURS[0], ms=5, label="the same, once learnt")[0],
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=8)
    figure.suptitle("The race: how far detectors fall, what retraining brings back", x=0.01, ha="left", color=INK)
    return figure


def point(axes, cell: Measure, y: int, colour: str, marker: str) -> None:
    axes.plot([cell.low, cell.high], [y, y], color=colour, lw=2, alpha=0.45, solid_capstyle="round")
    axes.plot([cell.value], [y], marker, color=colour, ms=5, zorder=3)


def grid(rows: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """rows: (what, (n, R, R, 3) uint8), the same z in each column."""
    side = rows[0][1].shape[1]
    wide = rows[0][1].shape[0]
    figure = Figure(
        figsize=(wide * 0.72 + 3.0, len(rows) * 0.76 + 0.5), dpi=110, facecolor="white", layout="constrained"
    )
    axes = figure.subplots()
    axes.imshow(np.concatenate([np.concatenate(list(pictures), 1) for _, pictures in rows]), interpolation="nearest")
    axes.set_yticks([side * (i + 0.5) for i in range(len(rows))], [what for what, _ in rows], fontsize=9)
    axes.set_xticks([])
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_visible(False)
    axes.set_title("The same z, forger by forger", loc="left", fontsize=11, color=INK)
    return figure
