"""The README's picture, drawn from a real inspection: `python -m app.picture PHOTO OUT.png`."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from app.cli import run
from detectors import load_examiners
from forensics.inspection import inspect
from forensics.photo import Photo
from forensics.report import Report
from forensics.shown import signed, strongest_first
from forensics.verdict import CONCLUSIVE

INK, QUIET = "#1d2330", "#6a7282"
CAMERA, GENERATOR, BAND = "#0067a3", "#d55e00", "#e9e4d4"
LABEL = "#ffd23f"
END = 4.0  # log10 LR at the ends of the scale


def draw(report: Report) -> Figure:
    """The photo with its marks, the strongest evidence beside it, the verdict on its scale below."""
    figure = Figure(figsize=(12, 7.2), dpi=110, facecolor="white")
    grid = figure.add_gridspec(2, 3, height_ratios=(5, 1.1), width_ratios=(1, 1, 1.25), hspace=0.62, wspace=0.08)
    figure.subplots_adjust(left=0.02, right=0.98, top=0.91, bottom=0.09)
    draw_photo(figure.add_subplot(grid[0, 0]), report)
    shown = [w for w in strongest_first(report.verdict.weighed) if w.evidence.exhibit is not None]
    for column, weighed in enumerate(shown[:2], start=1):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(weighed.evidence.exhibit)
        axes.set_axis_off()
        part = "not weighed" if weighed.log10_lr is None else f"log10 LR {signed(weighed.log10_lr)}"
        axes.set_title(f"{report.questions[weighed.evidence.detector]}\n{part}", fontsize=10, color=INK)
        finding = textwrap.fill(weighed.evidence.finding, 52)
        axes.text(0.5, -0.04, finding, transform=axes.transAxes, ha="center", va="top", fontsize=8.5, color=QUIET)
    draw_scale(figure.add_subplot(grid[1, :]), report)
    return figure


def draw_photo(axes: Axes, report: Report) -> None:
    """Where those looked whose evidence was weighed; each place once, by its first name: more would hide the face."""
    axes.imshow(report.photo.pixels)
    axes.set_axis_off()
    axes.set_title("the photo, and where to look", fontsize=10, color=INK)
    weighed = [w for w in strongest_first(report.verdict.weighed) if w.log10_lr is not None]
    places = {(m.left, m.top, m.width, m.height): m.label for w in reversed(weighed) for m in w.evidence.marks}
    for box, label in places.items():
        axes.add_patch(Rectangle(box[:2], *box[2:], fill=False, edgecolor=LABEL, lw=1.4))
        face = {"facecolor": LABEL, "edgecolor": "none", "pad": 1.0}
        axes.annotate(label, (box[0], box[1] - 4), fontsize=6.5, color=INK, bbox=face)


def draw_scale(axes: Axes, report: Report) -> None:
    verdict = report.verdict
    axes.axhline(0, color=QUIET, lw=1.2, zorder=1)
    axes.axvspan(-CONCLUSIVE, CONCLUSIVE, color=BAND, zorder=0)
    axes.text(0, -0.75, "inconclusive", ha="center", fontsize=9, color=QUIET)
    axes.text(-END, -0.75, "camera", ha="left", fontsize=9, color=CAMERA)
    axes.text(END, -0.75, "generator", ha="right", fontsize=9, color=GENERATOR)
    if verdict.log10_lr is not None:
        axes.plot(verdict.log10_lr, 0, "o", ms=13, color=CAMERA if verdict.log10_lr < 0 else GENERATOR, zorder=2)
        axes.annotate(signed(verdict.log10_lr), (verdict.log10_lr, 0.35), ha="center", fontsize=11, color=INK)
    axes.set(xlim=(-END - 0.05, END + 0.05), ylim=(-1, 1), yticks=[], xlabel="log10 likelihood ratio")
    axes.set_title(textwrap.fill(verdict.words, 120), fontsize=11, color=INK, weight="bold")
    axes.spines[:].set_visible(False)


def main() -> None:
    photo = Photo.open(Path(sys.argv[1]))
    figure = draw(inspect(photo, *load_examiners()))
    FigureCanvasAgg(figure).print_figure(sys.argv[2])


if __name__ == "__main__":
    run(main)
