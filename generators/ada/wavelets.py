"""The two wavelets of the augmentation pipeline (Daubechies 1992, tables 6.1 and 6.3).

SYM6 keeps geometric transformations sharp and free of aliasing; SYM2 splits pictures into bands.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

ROOT3 = 3**0.5
SYM2 = np.array([1 - ROOT3, 3 - ROOT3, 3 + ROOT3, 1 + ROOT3]) / (4 * 2**0.5)
SYM6 = np.array(
    [
        0.015404109327027373,
        0.0034907120842174702,
        -0.11799011114819057,
        -0.048311742585633,
        0.4910559419267466,
        0.787641141030194,
        0.3379294217276218,
        -0.07263752278646252,
        -0.021060292512300564,
        0.04472490177066578,
        0.0017677118642428036,
        -0.007800708325034148,
    ]
)  # low-pass, orthonormal: unit energy, sum √2


@cache
def bands() -> NDArray[np.float64]:
    """(4, 43): filters of the bands up to π/8, π/4, π/2 and π of the highest frequency; they sum to the identity.

    Each is symmetric: a low- or high-pass filter and its mirror image, one octave after the other (appendix B).
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high_taps = SYM2 * (-1) ** np.arange(4)
    high = np.convolve(high_taps, high_taps[::-1]) / 2
    found, below = [], np.ones(1)
    for octave in range(3):
        found.append(np.convolve(below, stretched(high, 2**octave)))
        below = np.convolve(below, stretched(low, 2**octave))
    found.append(below)
    size = len(below)
    centred = [np.pad(band, (size - len(band)) // 2) for band in reversed(found)]
    return np.stack(centred)


def stretched(taps: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    """A filter for a picture `by` times as large: zeros between the taps."""
    wide = np.zeros((len(taps) - 1) * by + 1)
    wide[::by] = taps
    return wide
