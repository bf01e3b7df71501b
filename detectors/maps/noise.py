"""Noise residual: what a small median filter takes away.

Lukáš, Fridrich & Goljan, "Digital Camera Identification from Sensor Pattern Noise", 2006, look at a photo less its
denoised self; here the denoising is a 3 × 3 median, and the eye looks for parts with more or less grain.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from detectors.maps.map import Drawing
from detectors.maps.reach import LONGEST, bright, scale_to, strips
from forensics.photo import Photo

GAIN = 14.0  # times


def residual(grey: np.ndarray) -> np.ndarray:
    """(H, W) uint8: how far each pixel of (H, W) uint8 lies from the median of its 3 × 3 neighbours."""
    return cv2.absdiff(grey, cv2.medianBlur(grey, 3))


def strength(pixels: np.ndarray) -> np.ndarray:
    """(h, w) float32 at a drawing's size: root mean square of the residual, so that shrinking keeps grain."""
    height, width = pixels.shape[:2]
    squared = np.empty((height, width), np.float32)
    for rows in strips(pixels):
        top, end = max(0, rows.start - 1), min(height, rows.stop + 1)
        grey = cv2.cvtColor(np.ascontiguousarray(pixels[top:end]), cv2.COLOR_RGB2GRAY)
        left = residual(grey)[rows.start - top : rows.stop - top].astype(np.float32)
        squared[rows] = left * left
    scale = scale_to(squared.shape, LONGEST)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.sqrt(cv2.resize(squared, size, interpolation=cv2.INTER_AREA))


class Noise:
    name: ClassVar[str] = "noise"
    title: ClassVar[str] = "Noise residual"
    source: ClassVar[str] = (
        "Lukáš, Fridrich & Goljan, “Digital Camera Identification from Sensor Pattern Noise”, IEEE TIFS 2006"
    )
    shows: ClassVar[str] = (
        "The grain that is left when a 3×3 median is taken away. A part that was pasted, painted or smoothed may "
        "have more or less grain than like surfaces elsewhere."
    )
    misses: ClassVar[str] = (
        "Fine texture is bright as well, and dark or over-exposed parts have little grain in any photo. Portrait "
        "modes and noise reduction smooth parts of untouched photos; re-posting takes grain away everywhere."
    )

    def draw(self, photo: Photo) -> Drawing:
        words = f"Distance from the median of 3×3 pixels, amplified {GAIN:.0f} times."
        return Drawing(bright(strength(photo.pixels), GAIN), words)
