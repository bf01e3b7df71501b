"""Colour planes: the photo as JPEG stores it, Y, Cb and Cr apart. ITU-T T.871 (JFIF), 2011."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from detectors.maps.map import Drawing
from detectors.maps.panels import sheet
from detectors.maps.reach import shrunk
from forensics.photo import Photo

GAIN = 3.0  # of the two colour planes about their middle, 128


def planes(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Y, Cb, Cr, each (H, W) uint8."""
    y, cr, cb = cv2.split(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2YCrCb))
    return y, cb, cr


def stretched(plane: np.ndarray) -> np.ndarray:
    return np.clip((plane.astype(np.float32) - 128) * GAIN + 128, 0, 255).round().astype(np.uint8)


class Planes:
    name: ClassVar[str] = "planes"
    title: ClassVar[str] = "Colour planes"
    source: ClassVar[str] = "ITU-T T.871, “JPEG File Interchange Format”, 2011"
    shows: ClassVar[str] = (
        "Lightness (Y) and the two colour differences (Cb, Cr) apart. Recoloured or pasted parts, and halos about "
        "them, may show in Cb or Cr where the photo itself hides them."
    )
    misses: ClassVar[str] = (
        "Cameras and JPEG store colour coarsely, so blocks in Cb and Cr are usual. Mixed light tints "
        "parts of any photo."
    )

    def draw(self, photo: Photo) -> Drawing:
        y, cb, cr = planes(shrunk(photo.pixels))
        pictures = [("Y", y), ("Cb", stretched(cb)), ("Cr", stretched(cr))]
        wide = photo.width > photo.height
        shown = [(title, np.repeat(plane[..., None], 3, axis=2)) for title, plane in pictures]
        return Drawing(sheet(shown, 1 if wide and photo.width > 2 * photo.height else 3), said(photo))


def said(photo: Photo) -> str:
    stored = f" The file stores its colours as {photo.jpeg.subsampling}." if photo.jpeg else ""
    return f"Cb and Cr are stretched {GAIN:.0f} times about their middle.{stored}"
