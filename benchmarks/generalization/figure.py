"""The matrices drawn: a heat map a probe, blue over chance, orange under it, white at chance, the number in each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmarks.generalization.grounds import Ground
from benchmarks.robustness.figure import INK, QUIET
from benchmarks.table import Table
from detectors.probes import Probe

MAP = LinearSegmentedColormap.from_list("chance", ["#b35806", "#fdb863", "#ffffff", "#74add1", "#08519c"])
CELL = 0.46  # inches
MARGIN = 1.9, 2.0  # inches beside and above a matrix, for names


def draw(shown: Sequence[Table], probes: Sequence[Probe], ground: Ground) -> Figure:
    """Two matrices in a row; the diagonal, what was learnt, is framed."""
    tables = [next(t for t in shown if t.name == probe.name) for probe in probes]
    across = min(2, len(tables))
    down = math.ceil(len(tables) / across)
    n = len(ground.makers)
    wide, high = n * CELL + MARGIN[0], (n + 2) * CELL + MARGIN[1]
    figure = Figure(
        figsize=(wide * across + 0.4, high * down + 0.7), dpi=100, facecolor="white", layout="constrained"
    )
    grid = figure.subplots(down, across, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i < len(tables):
            panel(axes, tables[i], probes[i])
        else:
            axes.set_visible(False)
    title = f"Learnt from one generator (row), tried on another (column): AUC at {ground.size} px; 0.5 is chance"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    return figure


def panel(axes: Axes, table: Table, probe: Probe) -> None:
    values = [[cell.value for cell in row[1:]] for row in table.rows]
    makers = [column.name for column in table.columns[1:]]
    axes.imshow(values, cmap=MAP, vmin=0, vmax=1, aspect="equal")
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            ink = "white" if abs(value - 0.5) > 0.33 else INK
            axes.text(x, y, f"{value:.2f}"[1:] if value < 0.995 else "1", ha="center", va="center", size=8, color=ink)
    for i in range(len(makers)):
        axes.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, fill=False, ec=INK, lw=1.4))
    axes.axhline(len(makers) - 0.5, color="white", lw=4)
    axes.set_xticks(range(len(makers)), makers, rotation=40, ha="left", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(values)), [str(row[0]) for row in table.rows], fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, colors=QUIET)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"{probe.name}: {probe.about}", fontsize=9, color=INK, loc="left")
