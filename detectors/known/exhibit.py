"""The picture of a projection: the face, the nearest picture, what differs, and how the search descended."""

from __future__ import annotations

import cv2
import numpy as np

from detectors.asymmetry.two_sides import beside
from detectors.frequency.plot import FAKE, REAL
from detectors.known.projection import Projection
from detectors.known.reference import Reference
from forensics.tensors import to_pictures

GAIN = 3  # of the difference, around mid grey
HEIGHT = 260  # px of the curve


def draw(seen: np.ndarray, found: Projection, reference: Reference, name: str) -> np.ndarray:
    """(580, 888, 3) uint8. `seen`: what was projected, (S, S, 3) uint8."""
    nearest = to_pictures(found.picture[None])[0]
    differs = np.clip(128 + GAIN * (seen.astype(int) - nearest.astype(int)), 0, 255).astype(np.uint8)
    panels = beside((seen, nearest, differs), ("the photo's face", f"nearest by {name}", f"difference, x{GAIN}"))
    return np.vstack([panels, curve(found, reference, name, panels.shape[1])])


def curve(found: Projection, reference: Reference, name: str, width: int) -> np.ndarray:
    """(260, width, 3) uint8: distance after each step, over the two ranges of the reference."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 100, HEIGHT / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.085, 0.2, 0.895, 0.75))
    for distances, colour, what in ((reference.far, REAL, "photos"), (reference.near, FAKE, f"pictures by {name}")):
        axes.axhspan(min(distances), max(distances), color=colour, alpha=0.25, linewidth=0)
        axes.plot([], [], color=colour, alpha=0.4, linewidth=8, label=f"where {what} end (n = {len(distances)})")
    axes.plot(range(len(found.curve)), found.curve, color="#000000", linewidth=2, label="this photo")
    axes.set(xlim=(0, max(len(found.curve) - 1, 1)), yscale="log", xlabel="steps", ylabel="distance")
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="best", fontsize=9)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3]
    return cv2.resize(picture, (width, HEIGHT)) if picture.shape[:2] != (HEIGHT, width) else picture.copy()
