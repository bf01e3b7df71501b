"""Robustness drawn: a panel a family of conditions, a curve a detector, the verdict in black with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.detection.tables import VERDICT
from benchmarks.robustness.conditions import NATIVE, Condition, Family, families
from benchmarks.table import Cell, Measure, Table

INK, QUIET = "#1d2330", "#6a7282"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe & Ito 2008: told by all eyes
STROKES = ("-", "--", ":")
ACROSS = 4  # panels in a row
WIDE, HIGH, HEAD = 3.1, 2.35, 1.25  # inches: a panel, and what stands above them
CHANCE = {"auc": 0.5, "tpr": 0.01}
LOWEST = {"auc": 0.4, "tpr": 0.0}


def draw(table: Table, conditions: Sequence[Condition]) -> Figure:
    """table: "auc" or "tpr", a row a condition, a column a detector. Gaps are where too few photos were scored;
    a detector that scored too few everywhere is left out.
    """
    rows = {row[0]: row[1:] for row in table.rows}
    names = [column.name for column in table.columns[1:]]
    drawn = [i for i in range(len(names)) if any(measured(row[i]) for row in rows.values())]
    panels = families(tuple(conditions))
    across = min(ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    figure = Figure(
        figsize=(max(WIDE * across, 6.5), HIGH * down + HEAD), dpi=110, facecolor="white", layout="constrained"
    )
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    lowest = min([LOWEST[table.name], *(cell.value for row in rows.values() for cell in row if measured(cell))])
    for i, axes in enumerate(grid.flat):
        if i >= len(panels):
            axes.set_visible(False)
            continue
        mine = [c for c in conditions if c.family == panels[i]]
        panel(axes, panels[i], mine, rows, {i: names[i] for i in drawn})
        axes.axhline(CHANCE[table.name], color=QUIET, lw=0.8, ls=(0, (1, 2)))
        axes.set_ylim(max(0.0, lowest - 0.02), 1.01)
    keys = [Line2D([], [], label=name, **style(i, name)) for i, name in enumerate(names) if i in drawn]
    figure.legend(handles=keys, loc="outside lower left", ncols=max(6, 2 * across), frameon=False, fontsize=8)
    figure.suptitle(table.title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    return figure


def panel(
    axes: Axes,
    family: Family,
    conditions: Sequence[Condition],
    rows: dict[str, tuple[Cell, ...]],
    names: Mapping[int, str],
) -> None:
    """names: column → detector. The photo as it came stands where its strength belongs, marked by a line."""
    start = sum(c.label in family.left for c in conditions)
    places = [*conditions[:start], NATIVE, *conditions[start:]]
    for i, name in names.items():
        cells = [rows[c.name][i] for c in places]
        values = [cell.value if measured(cell) else math.nan for cell in cells]
        axes.plot(range(len(places)), values, marker="o", ms=2.2, **style(i, name))
        if name == VERDICT:
            low, high = ([getattr(c, side) if measured(c) else math.nan for c in cells] for side in ("low", "high"))
            axes.fill_between(range(len(places)), low, high, color=INK, alpha=0.12, lw=0)
    axes.axvline(start, color=QUIET, lw=0.6)
    axes.set_title(family.title, fontsize=9, loc="left", color=INK)
    axes.set_xlabel(family.axis, fontsize=7, color=QUIET)
    axes.set_xticks(range(len(places)), ["as is" if c is NATIVE else c.label for c in places], fontsize=7)
    axes.tick_params(axis="y", labelsize=7)
    axes.tick_params(colors=QUIET, length=2)
    axes.spines[["top", "right"]].set_visible(False)


def style(i: int, name: str) -> dict[str, object]:
    if name == VERDICT:
        return {"color": INK, "lw": 2.2, "zorder": 5}
    return {"color": COLOURS[i % len(COLOURS)], "lw": 1.1, "ls": STROKES[i // len(COLOURS) % len(STROKES)]}


def measured(cell: Cell) -> bool:
    return isinstance(cell, Measure) and not math.isnan(cell.value)
