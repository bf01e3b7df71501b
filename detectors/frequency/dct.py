"""DCT: how strong the coefficients of 8×8 blocks are, on the photo's JPEG grid and off it.

Upsampling leaves generated pictures with other strengths of fine coefficients than camera photos (Frank et
al. 2020, "Leveraging Frequency Analysis for Deep Fake Image Recognition", sections 3-4: mean log |DCT|).
JPEG sets most of them to 0; each value on the grid is therefore held against what its own step leaves of
photos (`cue.py`), and the blocks are looked at once more off the grid, where no step rounds them directly.

    on the grid:   mean over blocks of log2(|c| + 1/2)                     c: a coefficient in grey levels
    off the grid:  mean over blocks of log2(|c| / e + 1/20)                e: the block's mean square root over c;
                                                                           the shape of its texture, not its strength
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detectors.frequency.cue import Cue
from detectors.frequency.plot import Chart
from detectors.frequency.quantisation import SIDE, coefficients
from detectors.frequency.region import Region

OFF = SIDE // 2  # px by which the second grid is moved, across and down
ZERO, WEAK = 0.5, 0.05  # added before the logarithm: half a grey level; a twentieth of the block's strength
FLAT = 0.5  # grey levels: blocks of less texture say nothing about its shape
# 63 of 64, from the coarsest to the finest, all but the mean; in `ravel` order they are row (down), column (across).
ZIGZAG = np.array(sorted(range(1, SIDE * SIDE), key=lambda k: (k // SIDE + k % SIDE, k)))
FINE = np.flatnonzero(ZIGZAG // SIDE + ZIGZAG % SIDE >= 8)  # what the finding speaks of: the finer half


def strengths(dct: np.ndarray) -> np.ndarray | None:
    """(N, 8, 8) coefficients → (63,) mean of log2(|c| + 1/2) over blocks that are not flat, in zigzag order."""
    size = np.abs(dct.reshape(len(dct), -1)[:, ZIGZAG])
    size = size[size.max(1) > ZERO]
    return np.log2(size + ZERO).mean(0) if len(size) else None


def shape(dct: np.ndarray) -> np.ndarray | None:
    """(N, 8, 8) coefficients → (63,) mean of log2(|c| / e + 1/20) over blocks with texture, in zigzag order."""
    size = np.abs(dct.reshape(len(dct), -1)[:, ZIGZAG])
    strength = np.sqrt((size**2).mean(1))
    textured = strength > FLAT
    return np.log2(size[textured] / strength[textured, None] + WEAK).mean(0) if textured.any() else None


class DCT(Cue):
    """Compares the strengths of a face's 8×8 DCT coefficients with those of camera photos of the same JPEG steps."""

    name: ClassVar[str] = "dct"
    question: ClassVar[str] = "Are fine 8×8 coefficients as strong as a camera's, for these JPEG tables?"
    size: ClassVar[int] = 2 * len(ZIGZAG)
    method: ClassVar[str] = (
        "63 mean log |8×8 DCT| of the luminance on the JPEG grid, each against its own step, and 63 off the grid, "
        "relative to each block's strength"
    )
    chart: ClassVar[Chart] = Chart(
        "Strength of 8×8 DCT coefficients, JPEG steps allowed for",
        "coefficient, in zigzag order (1 = coarsest, 63 = finest)",
        "mean log2 strength",
        np.arange(1, len(ZIGZAG) + 1),
        np.arange(len(ZIGZAG)),
    )

    @staticmethod
    def values(region: Region) -> np.ndarray | None:
        on = strengths(region.dct)
        off = shape(coefficients(region.luminance[OFF : OFF - SIDE, OFF : OFF - SIDE]))
        return None if on is None or off is None else np.concatenate([on, off])

    @classmethod
    def steps(cls, region: Region) -> np.ndarray:
        """On the grid each coefficient's own step; off it all of them bear on each."""
        own = region.steps.ravel()[ZIGZAG]
        return np.concatenate([own, np.full(len(own), own.mean())])

    def finding(self, levels: np.ndarray, where: str) -> str:
        usual = self.model.real_mean[FINE].mean()
        times, low, high = (
            2 ** float(line[FINE].mean() - usual) for line in (levels, self.model.real_low, self.model.real_high)
        )
        return (
            f"The finer half of the 8×8 coefficients of {where} is {times:.2f} times as strong as in the average "
            f"camera photo of the same JPEG steps (8 of 10 lie between {low:.2f} and {high:.2f})."
        )
