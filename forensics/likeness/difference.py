"""What is left when a second picture lies on the first: numbers, and a map around mid grey."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

MID = 128
SEEN = 8  # grey levels: a difference that one may see on a flat part
GAINS = (32, 16, 8, 4, 2, 1)
CLIPPED = 0.05  # of the pixels that the gain may drive out of the map's range: an edit may stand out
STRUCTURE = 96  # px of the longer side at which the two are correlated


@dataclass(frozen=True, eq=False)
class Difference:
    """Second minus first, where both are. Grey levels of 0 to 255; shares of the pixels in common."""

    covered: float  # share of the first picture on which the second lies
    rms: float
    largest: int
    differing: float  # share in which any channel differs at all
    visibly: float  # share in which any channel differs by more than `SEEN` levels
    correlation: float | None  # of the coarse structure; None: one of them is flat
    map: np.ndarray = field(repr=False)  # (H, W, 4) uint8: 128 + gain × difference; transparent where one is missing
    gain: int

    @property
    def psnr(self) -> float | None:
        """Peak signal to noise ratio, dB; None: there is no difference."""
        return 20 * math.log10(255 / self.rms) if self.rms else None

    @classmethod
    def of(cls, one: np.ndarray, laid: np.ndarray, covered: np.ndarray) -> Difference | None:
        """Of (H, W, 3) uint8 pictures where `covered` (H, W); None where that is nowhere."""
        if not covered.any():
            return None
        values = laid.astype(np.int16) - one
        common = values[covered]
        furthest = np.abs(common).max(1)
        gain = next((g for g in GAINS if (furthest * g > MID - 1).mean() <= CLIPPED), GAINS[-1])
        drawn = np.clip(MID + gain * values, 0, 255).astype(np.uint8)
        return cls(
            covered=float(covered.mean()),
            rms=float(np.sqrt(np.square(common, dtype=np.int32).mean())),
            largest=int(furthest.max()),
            differing=float((furthest > 0).mean()),
            visibly=float((furthest > SEEN).mean()),
            correlation=correlation(one, laid, covered),
            map=np.dstack([drawn, covered.astype(np.uint8) * 255]),
            gain=gain,
        )


def correlation(one: np.ndarray, laid: np.ndarray, covered: np.ndarray) -> float | None:
    """Pearson's, of the luminances where both are, shrunk: noise and re-encoding hardly touch it."""
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    scale = min(1.0, STRUCTURE / max(covered[box].shape))
    size = [max(1, round(side * scale)) for side in reversed(covered[box].shape)]
    inside = cv2.resize(covered[box].astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    a, b = (
        cv2.resize(cv2.cvtColor(p[box], cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)[inside].astype(float)
        for p in (one, laid)
    )
    if a.size < 2 or a.std() < 0.5 or b.std() < 0.5:
        return None
    return float(np.corrcoef(a, b)[0, 1])
