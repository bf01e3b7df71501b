"""Luminance gradient: which way, and how steeply, it gets lighter.

Krawetz, "A Picture's Worth...", Black Hat 2007.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from detectors.maps.map import Drawing
from detectors.maps.reach import shrunk, within
from forensics.photo import Photo

STEEP = 96.0  # a Sobel slope, in levels, at which colours are full


def slopes(grey: np.ndarray) -> np.ndarray:
    """(H, W, 2) float32: how much lighter it gets to the right and downwards."""
    return np.stack([cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)], axis=2)


class Gradient:
    name: ClassVar[str] = "gradient"
    title: ClassVar[str] = "Luminance gradient"
    source: ClassVar[str] = 'Krawetz, "A Picture\'s Worth... Digital Image Analysis and Forensics", Black Hat 2007'
    shows: ClassVar[str] = (
        "Slopes of lightness: red = lighter to the right, green = lighter downwards, blue = steep. Under one light, "
        "like surfaces have like colours; an even face in a grainy photo was smoothed or drawn."
    )
    misses: ClassVar[str] = (
        "Several lamps, reflections and curved surfaces break the rule in untouched photos, and a good composite or "
        "generator keeps it."
    )

    def draw(self, photo: Photo) -> Drawing:
        pixels, said = within(photo.pixels)
        slope = slopes(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY))
        steep = np.linalg.norm(slope, axis=2)
        sides = 128 + slope / STEEP * 127
        colours = np.dstack([sides[..., 0], sides[..., 1], steep / STEEP * 255])
        return Drawing(shrunk(np.clip(colours, 0, 255).round().astype(np.uint8)), f"Slopes of the luminance.{said}")
