"""Neighbours: how pixels of one 2×2 cell differ, and whether odd and even neighbours differ alike.

The last doubling of a generator makes the four pixels of a cell out of one value, and their differences
keep its traces (Tan et al. 2024, "Rethinking the Up-Sampling Operations in CNN-based Generative Network",
NPR: x − nearest-up(down(x)); they feed it to a network, here its statistics are measured).

    cell  a b      differences from its first pixel: b − a, c − a, d − a
          c d
    value = log2 share of differences of 0, 1, 2, 3-4, 5-8, 9-16, more grey levels, in the three directions;
            correlations of differences within a cell and along rows and columns; their strength and peakedness;
            difference between even and odd pairs, without pairs across the edges of JPEG blocks
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detectors.frequency.cue import Cue
from detectors.frequency.plot import Chart
from detectors.frequency.quantisation import SIDE
from detectors.frequency.region import Region

LARGEST = (0, 1, 2, 4, 8, 16)  # grey levels: the last of each share but the last
SIZES = ("0", "1", "2", "3-4", "5-8", "9-16", "17+")
_SHARE_OF = np.searchsorted(np.array(LARGEST), np.arange(256))  # |difference| → which share
_LOG = np.log2(np.arange(256) + 0.5).astype(np.float32)  # |difference| → its strength
TINY = 1e-6
SOFT = 0.1  # grey levels, added before logarithms


def shares(difference: np.ndarray) -> np.ndarray:
    """Integer differences of any shape → (7,) log2 of the share of each size."""
    count = np.bincount(_SHARE_OF[np.abs(difference).ravel()], minlength=len(SIZES)) + 1.0
    return np.log2(count / count.sum())


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of two arrays of differences of one shape, about 0: in [-1, 1]."""
    return float((one * other).mean() / np.sqrt((one * one).mean() * (other * other).mean() + TINY))


def cells(levels: np.ndarray) -> np.ndarray:
    """(H, W) int, even sides → (26,): shares in three directions, then five correlations within the cells."""
    a, b, c, d = levels[::2, ::2], levels[::2, 1::2], levels[1::2, ::2], levels[1::2, 1::2]
    across, down, aslant = b - a, c - a, d - a
    x, y, xy, below, beside = (part.astype(np.float32) for part in (across, down, aslant, d - c, d - b))
    within = [correlation(*pair) for pair in ((x, below), (y, beside), (x, y), (x, xy), (y, xy))]
    return np.concatenate([shares(across), shares(down), shares(aslant), within])


def along(difference: np.ndarray) -> list[float]:
    """(H, W - 1) int differences across → 8 numbers on how they go on along a row."""
    strength = _LOG[np.abs(difference)].mean(0)
    difference = difference.astype(np.float32)
    by_place = np.array([strength[place::SIDE].mean() for place in range(SIDE - 1)])  # 7: across an edge of blocks
    even, odd = difference[:, 0:-1:2], difference[:, 1::2]  # within cells; between them
    width = min(even.shape[1], odd.shape[1])
    onward, back = correlation(even[:, :width], odd[:, :width]), correlation(even[:, 1:], odd[:, : even.shape[1] - 1])
    mean = float(np.log2(np.abs(difference).mean() + SOFT))
    return [
        float(by_place[::2].mean() - by_place[1::2].mean()),
        float(by_place[3] - by_place[[2, 4]].mean()),
        *(correlation(difference[:, lag:], difference[:, :-lag]) for lag in (1, 2, 3)),
        onward - back,
        mean,
        float(np.log2((difference**2).mean() + SOFT)) - 2 * mean,
    ]


class Neighbours(Cue):
    """Compares the differences of neighbouring pixels with those of camera photos and generated ones."""

    name: ClassVar[str] = "neighbours"
    question: ClassVar[str] = "Do neighbouring pixels differ as a camera's do?"
    size: ClassVar[int] = 3 * len(SIZES) + 5 + 2 * 8
    method: ClassVar[str] = (
        "42 statistics of differences within 2×2 cells and along rows and columns of the luminance: shares by size, "
        "correlations, strengths, even against odd pairs"
    )
    chart: ClassVar[Chart] = Chart(
        "How much pixels of a 2×2 cell differ, JPEG steps allowed for",
        "difference in grey levels: across | down | aslant",
        "log2 of the share of pixels",
        np.arange(3 * len(SIZES)),
        np.arange(3 * len(SIZES)),
        SIZES * 3,
        (len(SIZES), 2 * len(SIZES)),
    )

    @staticmethod
    def values(region: Region) -> np.ndarray:
        levels = region.luminance.astype(np.int16)
        across, down = (np.diff(turned, axis=1) for turned in (levels, levels.T))
        return np.concatenate([cells(levels), along(across), along(down)])

    def finding(self, levels: np.ndarray, where: str) -> str:
        """Equal neighbours across and down, as the chart shows them."""
        equal = np.array([0, len(SIZES)])
        own, low, high = (
            min(float((2 ** line[equal]).mean()), 1) for line in (levels, self.model.real_low, self.model.real_high)
        )
        return (
            f"In {where}, {own:.0%} of neighbouring pixels are equal once its JPEG steps are allowed for; "
            f"in 8 of 10 camera photos {low:.0%} to {high:.0%}."
        )
