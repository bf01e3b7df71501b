"""Direct attacks drawn: a panel a laundering, a line an attack, where each detector's AUC is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.detection.tables import VERDICT
from benchmarks.launder import laundering_named
from benchmarks.robustness.figure import COLOURS, INK, QUIET, measured
from benchmarks.table import Cell, Table

CHANCE = 0.5
MARKS = ("o", "s", "D", "^", "v", "P")  # each with a colour of COLOURS, then with the next
SHOWN = 6  # detectors beside the verdict: those that tell most where nothing is attacked
WIDE, HIGH, HEAD = 4.3, 0.36, 1.9  # inches: a panel, a line, and what stands around them


def draw(attacks: Table, quality: Table) -> Figure:
    """attacks: "attacks", AUC of verdict and detectors; quality: "quality". Both of `attacked.measure`."""
    launderings = list(dict.fromkeys(str(row[1]) for row in attacks.rows))
    names = list(dict.fromkeys(str(row[0]) for row in attacks.rows))
    cells = {
        (str(row[0]), str(row[1])): dict(zip((c.name for c in attacks.columns[2:]), row[2:], strict=True))
        for row in attacks.rows
    }
    chosen = telling(cells[names[0], launderings[0]])
    decibels = {str(row[0]): row[2] for row in quality.rows}
    figure = Figure(
        figsize=(WIDE * len(launderings) + 1.6, HIGH * len(names) + HEAD),
        dpi=110,
        facecolor="white",
        layout="constrained",
    )
    grid = figure.subplots(1, len(launderings), squeeze=False, sharey=True)[0]
    for axes, launder in zip(grid, launderings, strict=True):
        panel(axes, [cells[name, launder] for name in names], chosen)
        axes.set_title(f"{launder}: {laundering_named(launder).about}", fontsize=9, loc="left", color=INK)
    grid[0].set_yticks(range(len(names)), [labelled(name, decibels.get(name)) for name in names], fontsize=8)
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    keys = [Line2D([], [], ls="", label=name, **style(i, name)) for i, name in enumerate((VERDICT, *chosen))]
    figure.legend(handles=keys, loc="outside lower left", ncols=len(keys), frameon=False, fontsize=8)
    figure.suptitle("AUC under direct attacks", x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    return figure


def telling(cells: Mapping[str, Cell]) -> list[str]:
    """The detectors with the highest AUC, the best first."""
    known = [name for name, cell in cells.items() if name != VERDICT and measured(cell)]
    return sorted(known, key=lambda name: -cells[name].value)[:SHOWN]


def panel(axes: Axes, rows: Sequence[Mapping[str, Cell]], detectors: Sequence[str]) -> None:
    """One line an attack, from above; the verdict's interval is drawn."""
    for i, name in enumerate((VERDICT, *detectors)):
        drawn = [(row[name], y) for y, row in enumerate(rows) if measured(row[name])]
        axes.plot([cell.value for cell, _ in drawn], [y for _, y in drawn], ls="", **style(i, name))
        if name == VERDICT:
            for cell, y in drawn:
                axes.plot([cell.low, cell.high], [y, y], color=INK, lw=5, alpha=0.18, solid_capstyle="butt")
    axes.axvline(CHANCE, color=QUIET, lw=0.8, ls=(0, (1, 2)))
    for y in range(len(rows)):
        axes.axhline(y, color=QUIET, lw=0.3, alpha=0.5, zorder=0)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("AUC; 0.5 is chance, less: taken for a camera's", fontsize=7, color=QUIET)
    axes.tick_params(colors=QUIET, length=2, labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)


def labelled(name: str, decibels: Cell) -> str:
    return f"{name}  {decibels.value:.0f} dB" if measured(decibels) else name


def style(i: int, name: str) -> dict[str, object]:
    if name == VERDICT:
        return {"marker": "|", "ms": 15, "mew": 2.6, "color": INK, "zorder": 5}
    return {"marker": MARKS[(i - 1) % len(MARKS)], "ms": 5, "color": COLOURS[(i - 1) % len(COLOURS)], "alpha": 0.9}
