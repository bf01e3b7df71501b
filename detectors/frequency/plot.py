"""The exhibit of a frequency cue: one photo's line over the bands of camera photos and of generated ones.

Axes and bands are the same for every photo: Matplotlib draws them once, OpenCV adds the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

SIZE = (900, 500)  # px
REAL, FAKE, PHOTO = "#0072B2", "#D55E00", "#000000"  # Okabe & Ito: told apart by the colour-blind too
MARGIN = 0.5  # of the bands' height, left free above and below

Band = tuple[np.ndarray, np.ndarray, np.ndarray]  # mean, low, high: each (K,) in the cue's units


@dataclass(frozen=True)
class Chart:
    """What a cue's picture shows: `shown` of its numbers at `x`, with `ticks` under them where x is no quantity."""

    title: str
    x_label: str
    y_label: str
    x: np.ndarray  # (S,), rising
    shown: np.ndarray  # (S,) int
    ticks: tuple[str, ...] = ()  # S of them, or none
    breaks: tuple[int, ...] = ()  # where a new group of numbers begins: the lines are not drawn across


class Plot:
    """Draws a photo's levels (K,) over two bands."""

    def __init__(self, chart: Chart, real: Band, fake: Band):
        self.chart = chart
        self.real, self.fake = (tuple(line[chart.shown] for line in band) for band in (real, fake))

    @cached_property
    def range(self) -> tuple[float, float]:
        """Of the vertical axis: both bands and half as much again on either side."""
        lines = np.concatenate([*self.real, *self.fake])
        margin = max(float(np.ptp(lines)) * MARGIN, 1e-3)
        return float(lines.min()) - margin, float(lines.max()) + margin

    @property
    def groups(self) -> list[slice]:
        ends = (*self.chart.breaks, len(self.chart.x))
        return [slice(a, b) for a, b in zip((0, *self.chart.breaks), ends, strict=True)]

    def draw(self, levels: np.ndarray) -> np.ndarray:
        """(500, 900, 3) uint8."""
        background, left, right, top, bottom = self.background
        picture = background.copy()
        first, last = self.span
        x = left + (right - left) * (self.chart.x - first) / (last - first)
        share = (np.clip(levels[self.chart.shown], *self.range) - self.range[0]) / (self.range[1] - self.range[0])
        line = (np.stack([x, bottom - (bottom - top) * share], 1) * 16).round().astype(np.int32)  # sixteenths of a px
        for group in self.groups:
            cv2.polylines(picture, [line[group]], False, (0, 0, 0), 3, cv2.LINE_AA, shift=4)
        return picture

    @property
    def span(self) -> tuple[float, float]:
        x = self.chart.x
        edge = (x[-1] - x[0]) / (2 * len(x))
        return float(x[0] - edge), float(x[-1] + edge)

    @cached_property
    def background(self) -> tuple[np.ndarray, float, float, float, float]:
        """Axes, bands and legend, and where in it the axes lie: left, right, top, bottom in pixels."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        chart = self.chart
        figure = Figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100)
        canvas = FigureCanvasAgg(figure)
        foot = 0.235 if any(len(tick) > 4 for tick in chart.ticks) else 0.125
        axes = figure.add_axes((0.085, foot, 0.895, 0.915 - foot))
        for (mean, low, high), colour, what, dash in (
            (self.real, REAL, "camera photos", "-"),
            (self.fake, FAKE, "generated pictures", "--"),
        ):
            for group in self.groups:
                axes.fill_between(chart.x[group], low[group], high[group], color=colour, alpha=0.18, linewidth=0)
                axes.plot(chart.x[group], mean[group], dash, color=colour, linewidth=2.2)
            axes.plot([], [], dash, color=colour, linewidth=2.2, label=f"{what}: mean, and 8 of 10")
        axes.plot([], [], color=PHOTO, linewidth=3, label="this photo")
        axes.set(xlim=self.span, ylim=self.range, title=chart.title)
        axes.set_xlabel(chart.x_label, fontsize=12)
        axes.set_ylabel(chart.y_label, fontsize=12)
        if chart.ticks:
            upright = any(len(tick) > 4 for tick in chart.ticks)
            axes.set_xticks(chart.x, chart.ticks, rotation=90 if upright else 0, fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(loc="best", fontsize=11)
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        box = axes.get_window_extent()  # from the bottom up, as Matplotlib counts
        return picture, box.x0, box.x1, SIZE[1] - box.y1, SIZE[1] - box.y0
