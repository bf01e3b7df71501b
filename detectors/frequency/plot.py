"""The exhibit of a spectrum: one photo's line over the bands of camera photos and of generated ones.

Axes and bands are the same for every photo: Matplotlib draws them once, OpenCV adds the line.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

SIZE = (900, 500)  # px
REAL, FAKE, PHOTO = "#0072B2", "#D55E00", "#000000"  # Okabe & Ito: told apart by the colour-blind too
RANGE = (-10.0, 25.0)  # dB

Band = tuple[np.ndarray, np.ndarray, np.ndarray]  # mean, low, high: each (K,) dB


class Plot:
    """Draws levels (K,) dB at `frequencies` (K,) over two bands."""

    def __init__(self, frequencies: np.ndarray, real: Band, fake: Band):
        self.frequencies = frequencies
        self.real = real
        self.fake = fake

    def draw(self, levels: np.ndarray) -> np.ndarray:
        """(500, 900, 3) uint8."""
        background, left, right, top, bottom = self.background
        picture = background.copy()
        x = left + (right - left) * self.frequencies / 0.5
        share = (np.clip(levels, *RANGE) - RANGE[0]) / (RANGE[1] - RANGE[0])
        y = bottom - (bottom - top) * share
        line = (np.stack([x, y], 1) * 16).round().astype(np.int32)  # sixteenths of a pixel
        cv2.polylines(picture, [line], False, (0, 0, 0), 3, cv2.LINE_AA, shift=4)
        return picture

    @cached_property
    def background(self) -> tuple[np.ndarray, float, float, float, float]:
        """Axes, bands and legend, and where in it the axes lie: left, right, top, bottom in pixels."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100)
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.085, 0.125, 0.895, 0.79))
        for (mean, low, high), colour, what, dash in (
            (self.real, REAL, "camera photos", "-"),
            (self.fake, FAKE, "generated pictures", "--"),
        ):
            label = f"{what}: mean, and 8 of 10"
            axes.fill_between(self.frequencies, low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(self.frequencies, mean, dash, color=colour, linewidth=2.2, label=label)
        axes.plot([], [], color=PHOTO, linewidth=3, label="this photo")
        axes.set(xlim=(0, 0.5), ylim=RANGE, title="Power of noise and fine texture, by frequency")
        axes.set_xlabel("frequency, cycles per pixel (0.5 = finest)", fontsize=12)
        axes.set_ylabel("power, dB", fontsize=12)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left", fontsize=11)
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        box = axes.get_window_extent()  # from the bottom up, as Matplotlib counts
        return picture, box.x0, box.x1, SIZE[1] - box.y1, SIZE[1] - box.y0
