"""The fidelity benchmark drawn: a row for each maker, a panel for each measure, dots with their 95 % intervals.

A tick marks more photos of the same corpus: what a perfect generator would score. Panels of measures that have no
upper bound turn logarithmic where makers are far apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from benchmarks.fidelity.measure import OTHERS
from benchmarks.lineage.figure import BAR, FLOOR, INK, QUIET
from benchmarks.table import Cell, Measure, Result

COLOURS = (BAR, "#8a6bb1")  # of one measure, or two in a panel
ROW, TOP, BOTTOM = 0.42, 0.8, 0.75  # inches: a maker, above and below all of them
WIDE, LEFT, GAP = 11.6, 2.45, 0.35  # inches
DPI = 100
FAR = 20  # times the smallest value, from which on a panel is logarithmic


@dataclass(frozen=True)
class Dots:
    """One measure of all makers, from the top; `ticks`: the same of more photos, None where there are none."""

    name: str
    cells: Sequence[Cell]
    ticks: Sequence[Cell]
    share: bool = False  # lies between 0 and 1

    @property
    def values(self) -> list[float]:
        return [cell.value for cell in (*self.cells, *self.ticks) if isinstance(cell, Measure)]


def figure(result: Result) -> Figure:
    """Panels of FID, KID, precision with recall, and path lengths in z with w where paths were walked."""
    table = result.table("fidelity")
    makers = [row for row in table.rows if row[0] != OTHERS]
    panels = panels_of(result, makers)
    high = TOP + BOTTOM + ROW * len(makers)
    drawn = Figure(figsize=(WIDE, high), dpi=DPI, facecolor="white")
    room = (WIDE - LEFT) / len(panels)
    for number, dots in enumerate(panels):
        box = (LEFT + number * room) / WIDE, BOTTOM / high, (room - GAP) / WIDE, ROW * len(makers) / high
        axes = drawn.add_axes(box)
        draw_panel(axes, dots, len(makers))
        names = [named(row) for row in makers] if number == 0 else [""] * len(makers)
        axes.set_yticks(range(len(makers)), names, fontsize=8)
    tick = "; tick: more photos" if any(row[0] == OTHERS for row in table.rows) else ""
    about = f"{table.notes[0].split('. ')[0]}. Dots with 95 % intervals{tick}."
    drawn.text(0.15 / WIDE, 1 - 0.28 / high, table.title, fontsize=13, color=INK, weight="bold", va="center")
    drawn.text(0.15 / WIDE, 1 - 0.55 / high, about, fontsize=8, color=QUIET, va="center")
    return drawn


def panels_of(result: Result, makers: Sequence[tuple[Cell, ...]]) -> list[tuple[Dots, ...]]:
    table = result.table("fidelity")
    others = [row for row in table.rows if row[0] == OTHERS]

    def measure(column: int) -> Dots:
        name = table.columns[column].name
        cells = [row[column] for row in makers]
        ticks = [
            next((o[column] for o in others if o[1] == row[1] and counted(o[column]) == counted(row[column])), None)
            for row in makers
        ]
        return Dots(name, cells, ticks, share=name.startswith(("precision", "recall")))

    panels: list[tuple[Dots, ...]] = [(measure(2),), (measure(3),), (measure(4), measure(5))]
    for paths in (found for found in result.tables if found.name == "paths"):
        walked = {row[0]: row for row in paths.rows}
        full = [i for i in (1, 3) if any(isinstance(row[i], Measure) for row in paths.rows)]  # in z, and in w
        cells = ([walked[row[0]][i] if row[0] in walked else None for row in makers] for i in full)
        panels.append(
            tuple(Dots(paths.columns[i].name, column, ()) for i, column in zip(full, cells, strict=True)),
        )
    return panels


def draw_panel(axes: Axes, panel: Sequence[Dots], rows: int) -> None:
    """One measure, or two of one scale, one above the other."""
    values = [value for dots in panel for value in dots.values]
    logarithmic = bool(values) and not panel[0].share and min(values) > 0 and max(values) > FAR * min(values)
    if logarithmic:
        axes.set_xscale("log")
    for dots, colour, shift in zip(panel, COLOURS, (-0.13, 0.13) if len(panel) > 1 else (0.0,), strict=False):
        for row, cell in enumerate(dots.cells):
            draw_dot(axes, cell, row + shift, colour)
        for row, cell in enumerate(dots.ticks):
            if isinstance(cell, Measure):
                reach = 0.3 if len(panel) == 1 else 0.12
                axes.plot((cell.value,) * 2, (row + shift - reach, row + shift + reach), color=FLOOR, lw=1.6)
    for row in range(1, rows):
        axes.axhline(row - 0.5, color="#e6e8ec", lw=0.6, zorder=0)
    axes.set_ylim(rows - 0.5, -0.5)
    if panel[0].share:
        axes.set_xlim(-0.03, 1.03)
    elif not logarithmic:
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]) if min(values, default=0) < 0 else 0.0)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7.5, color=QUIET, labelcolor=QUIET)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    down = axes.figure.dpi_scale_trans + ScaledTranslation(0, 0.27, axes.figure.dpi_scale_trans)
    for dots, colour, place in zip(panel, COLOURS, (0.0, 0.54), strict=False):
        words = {"color": colour if len(panel) > 1 else INK, "fontsize": 8, "weight": "bold"}
        axes.text(place, 0, dots.name, transform=blended_transform_factory(axes.transAxes, down), **words)


def draw_dot(axes: Axes, cell: Cell, at: float, colour: str) -> None:
    """A value and its interval; nothing where it was not measured."""
    if not isinstance(cell, Measure):
        return
    if cell.low is not None and cell.high is not None:
        axes.plot((cell.low, cell.high), (at, at), color=colour, lw=1.4, alpha=0.55, solid_capstyle="butt")
    axes.plot((cell.value,), (at,), "o", color=colour, markersize=5)


def counted(cell: Cell) -> int | None:
    return cell.n if isinstance(cell, Measure) else None


def named(row: tuple[Cell, ...]) -> str:
    """A maker, what it is set against, and how many of each."""
    n = counted(row[2])
    return f"{row[0]}\n{row[1]}" + (f", n = {n:,}" if n else "")
