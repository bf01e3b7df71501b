"""JPEG quantisation tables: libjpeg's at every quality, and the one that a file's tables are nearest to.

Sources: ITU-T T.81 Annex K, tables K.1 and K.2 (the standard's examples); libjpeg jcparam.c,
`jpeg_quality_scaling` and `jpeg_add_quant_table`. Tables are (8, 8), row-major frequencies, as in
`forensics.photo.JpegFacts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
CHROMINANCE = np.full((8, 8), 99)
CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


@dataclass(frozen=True)
class Fit:
    """The libjpeg quality that a file's tables are nearest to.

    `luminance`, `chrominance`: mean of |step - libjpeg's step| / libjpeg's step, 0 = equal;
    `chrominance` is None for grey pictures.
    """

    quality: int  # 1-100
    luminance: float
    chrominance: float | None

    @property
    def exact(self) -> bool:
        return self.luminance == 0 and not self.chrominance


@cache
def libjpeg(quality: int) -> tuple[np.ndarray, np.ndarray]:
    """(luminance, chrominance) of libjpeg at quality 1-100, with baseline's limit of 255."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return tuple(np.clip((base * scale + 50) // 100, 1, 255) for base in (LUMINANCE, CHROMINANCE))


@cache
def all_luminance() -> np.ndarray:
    """(100, 8, 8): row q - 1 is quality q."""
    return np.stack([libjpeg(quality)[0] for quality in range(1, 101)])


def nearest(tables: Sequence[np.ndarray]) -> Fit:
    """Fit by the luminance table; of qualities that fit it alike, the one whose chrominance fits best."""
    own = tables[0].astype(np.float64)
    distances = (np.abs(own - all_luminance()) / all_luminance()).mean(axis=(1, 2))
    best = np.flatnonzero(distances == distances.min()) + 1
    fits = [Fit(int(q), float(distances[q - 1]), chrominance_distance(tables[1:], int(q))) for q in best]
    return min(fits, key=lambda fit: (fit.chrominance or 0, -fit.quality))


def chrominance_distance(tables: Sequence[np.ndarray], quality: int) -> float | None:
    """The largest of the chrominance tables' distances (some encoders write one each for Cb and Cr)."""
    theirs = libjpeg(quality)[1]
    own = [float((np.abs(table.astype(np.float64) - theirs) / theirs).mean()) for table in tables]
    return max(own, default=None)
