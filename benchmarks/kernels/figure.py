"""Operations drawn: how much of copy bandwidth each reaches, a bar a type, a panel a layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.kernels.aims import SHARE, Row, share
from benchmarks.kernels.attempts import Failed
from benchmarks.kernels.correctness import LAYOUTS
from benchmarks.kernels.op_times import Copied, Timed
from benchmarks.kernels.tables import NO_GPU

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, QUIET = "#1d2330", "#6a7282"
COLOURS = ("#0072b2", "#56b4e9", "#e69f00")  # a type; Okabe & Ito 2008: told by all eyes
BAR, WIDE, HIGH, HEAD = 0.26, 4.2, 0.36, 1.3  # a bar's height in rows; inches: a panel, a row, what stands around


def draw(rows: Sequence[Row], machine: str, gpu: bool) -> Figure | None:
    """Of the largest tensors. None where no share was measured."""
    from matplotlib.figure import Figure

    copied = next((row.rate for row in rows if isinstance(row, Copied)), Failed("not measured"))
    found = [row for row in rows if isinstance(row, Timed)]
    largest = max((row.size for row in found), default=0)
    found = [row for row in found if row.size == largest]
    shares = {(row.layout, row.case.name, row.dtype): share(row, copied) for row in found}
    if all(isinstance(part, Failed) for part in shares.values()):
        return None
    cases = {row.case.name: row.case.alone for row in found}
    names, types = list(cases), list(dict.fromkeys(row.dtype for row in found))
    size = (WIDE * len(LAYOUTS) + 2.4, HIGH * len(names) + HEAD)
    figure = Figure(figsize=size, dpi=110, facecolor="white", layout="constrained")
    grid = figure.subplots(1, len(LAYOUTS), sharey=True, squeeze=False)[0]
    for axes, layout in zip(grid, LAYOUTS, strict=True):
        for i, dtype in enumerate(types):
            parts = [shares.get((layout, name, dtype), Failed("not measured")) for name in names]
            drawn = [(y, part) for y, part in enumerate(parts) if not isinstance(part, Failed)]
            places = [y + (i - (len(types) - 1) / 2) * BAR for y, _ in drawn]
            axes.barh(places, [100 * part for _, part in drawn], BAR * 0.9, color=COLOURS[i], label=dtype)
        axes.axvline(100 * SHARE, color=INK, lw=0.9, ls=(0, (3, 2)))
        axes.set_title(layout, fontsize=9, loc="left", color=INK)
        axes.set_xlabel(f"% of copy bandwidth; aim: {100 * SHARE:g}", fontsize=8, color=QUIET)
        axes.tick_params(colors=QUIET, length=2, labelsize=8)
        axes.spines[["top", "right", "left"]].set_visible(False)
    grid[0].set_yticks(range(len(names)), [name if alone else f"{name} *" for name, alone in cases.items()])
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(types), frameon=False, fontsize=8)
    what = "Kernels" if gpu else f"No kernel ran: {NO_GPU}"
    title = f"{what}, tensors of {largest / 2**20:g} MiB, {machine} (*: with sums by PyTorch, no aim)"
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
    return figure
