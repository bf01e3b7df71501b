"""Wavelet, high band: how strong the noise is, place by place.

Mahdian & Saic, "Using noise inconsistencies for blind image forensics", 2009: in the diagonal band of a wavelet
transform the median of absolute values / 0.6745 estimates the noise of a block. Here: Haar, in
blocks of 16 px.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from detectors.maps.map import Drawing
from detectors.maps.reach import LONGEST, heat, shrunk, within
from forensics.photo import Photo

BLOCK = 8  # coefficients a side: 16 px of the photo
MEDIAN = 0.6745  # of |x| for x of a standard normal distribution


def diagonal(grey: np.ndarray) -> np.ndarray:
    """(H/2, W/2) float32: the diagonal band of one Haar step; a missing row or column is repeated."""
    grey = np.pad(grey, ((0, grey.shape[0] % 2), (0, grey.shape[1] % 2)), mode="edge").astype(np.float32)
    return (grey[::2, ::2] - grey[::2, 1::2] - grey[1::2, ::2] + grey[1::2, 1::2]) / 2


def sigma(grey: np.ndarray) -> np.ndarray:
    """(rows, columns) float32: the noise of each block of 16 px, in grey levels."""
    band = np.abs(diagonal(grey))
    band = np.pad(band, ((0, -band.shape[0] % BLOCK), (0, -band.shape[1] % BLOCK)), mode="symmetric")
    rows, columns = band.shape[0] // BLOCK, band.shape[1] // BLOCK
    cut = band.reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    return np.median(cut, axis=2) / MEDIAN


class Wavelet:
    name: ClassVar[str] = "wavelet"
    title: ClassVar[str] = "Wavelet, high band"
    source: ClassVar[str] = (
        "Mahdian & Saic, “Using noise inconsistencies for blind image forensics”, Image and Vision Computing 2009"
    )
    shows: ClassVar[str] = (
        "How strong the noise is in each block of 16 px, read from the diagonal band of a Haar wavelet: dark blue = "
        "little, yellow = much. A part from another picture may have another level."
    )
    misses: ClassVar[str] = (
        "Hair, grass and cloth pass for noise. Cameras themselves leave more noise in shadows and less where they "
        "smooth; JPEG sets many blocks to nothing at all."
    )

    def draw(self, photo: Photo) -> Drawing:
        pixels, said = within(photo.pixels)
        level = sigma(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY))
        top = max(1.0, float(np.percentile(level, 99)))
        height, width = shrunk(pixels, LONGEST).shape[:2]
        blocks = cv2.resize(heat(level / top), (width, height), interpolation=cv2.INTER_NEAREST)
        return Drawing(blocks, f"Yellow is a noise of {top:.1f} grey levels or more.{said}")
