"""Co-occurrence: which high-pass residuals stand side by side.

Of the hand-made features those that carry best to generators they were not fitted to: the third-order
member of the Spatial Rich Model (Fridrich & Kodovský 2012, "Rich Models for Steganalysis of Digital Images",
section II), alone, as in Cozzolino et al. 2014, "Image Forgery Detection through Residual-based Local
Descriptors", section 2.

    r     = x(i-1) − 3·x(i) + 3·x(i+1) − x(i+2)       along rows, and along columns
    k     = round(r / q), within ±2                   q = 4 grey levels, and q = the photo's own mean |r|
    value = root of the share of each pattern of four k in line: along r's direction, and across it

A pattern, its mirror image and its negative are one: 625 patterns become 169. With its own mean as q, the
structure of noise is seen and not its strength.
"""

from __future__ import annotations

from itertools import product
from typing import ClassVar

import numpy as np

from detectors.frequency.cue import Cue
from detectors.frequency.plot import Chart
from detectors.frequency.region import Region

LARGEST = 2  # T: residuals are cut off at ±2 steps
STEP = 4.0  # grey levels
FINEST = 0.5  # grey levels: the least step, where there is hardly any noise
VALUES = 2 * LARGEST + 1
ORDER = 4  # residuals in a pattern


def _patterns() -> tuple[tuple[tuple[int, ...], ...], np.ndarray]:
    """The 169 patterns, each by its least member, and which of them each of the 625 is."""
    found: dict[tuple[int, ...], int] = {}
    of = []
    for k in product(range(-LARGEST, LARGEST + 1), repeat=ORDER):
        alike = (k, k[::-1], tuple(-n for n in k), tuple(-n for n in k[::-1]))
        of.append(found.setdefault(min(alike), len(found)))
    return tuple(found), np.array(of)


PATTERNS, PATTERN_OF = _patterns()
SMALL = tuple(n for n, pattern in enumerate(PATTERNS) if max(map(abs, pattern)) <= 1)  # what the chart shows
STILL = PATTERNS.index((0,) * ORDER)  # what the finding speaks of


def residual(levels: np.ndarray) -> np.ndarray:
    """(H, W) int → (H, W - 3): the third-order difference along rows."""
    return levels[:, 3:] - 3 * (levels[:, 2:-1] - levels[:, 1:-2]) - levels[:, :-3]


def quantised(rest: np.ndarray, step: float) -> np.ndarray:
    """round(rest / step) within ±2, counted from 0: int16 in 0-4."""
    return (np.clip(np.rint(rest * np.float32(1 / step)), -LARGEST, LARGEST) + LARGEST).astype(np.int16)


def count(k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) of 0-4 → counts of the 169 patterns along rows, and along columns."""
    found = []
    for line in (k, k.T):
        code = ((line[:, :-3] * VALUES + line[:, 1:-2]) * VALUES + line[:, 2:-1]) * VALUES + line[:, 3:]
        every = np.bincount(code.ravel(), minlength=VALUES**ORDER)
        found.append(np.bincount(PATTERN_OF, every, len(PATTERNS)))
    return found[0], found[1]


def shares(rests: tuple[np.ndarray, np.ndarray], step: float) -> np.ndarray:
    """Residuals along rows and (transposed) along columns → (338,): roots of shares along, then across."""
    counts = [count(quantised(rest, step)) for rest in rests]
    return np.concatenate(
        [np.sqrt(total / total.sum()) for total in (sum(c[0] for c in counts), sum(c[1] for c in counts))]
    )


class Cooccurrence(Cue):
    """Compares the patterns of a face's high-pass residual with those of camera photos and generated ones."""

    name: ClassVar[str] = "cooccurrence"
    question: ClassVar[str] = "Do residuals follow each other as in a camera's noise?"
    size: ClassVar[int] = 4 * len(PATTERNS)
    method: ClassVar[str] = (
        "roots of the shares of 169 patterns of four third-order residuals, along and across, "
        "at steps of 4 grey levels and of the photo's own mean residual"
    )
    chart: ClassVar[Chart] = Chart(
        "Patterns of four high-pass residuals in line, JPEG steps allowed for",
        "pattern, in steps of 4 grey levels",
        "root of its share",
        np.arange(len(SMALL)),
        np.array(SMALL),
        tuple(" ".join(f"{n:d}" for n in PATTERNS[k]) for k in SMALL),
    )

    @staticmethod
    def values(region: Region) -> np.ndarray:
        levels = region.luminance.astype(np.int16)
        rests = residual(levels), residual(np.ascontiguousarray(levels.T))
        own = max(float(np.mean([np.abs(rest).mean() for rest in rests])), FINEST)
        return np.concatenate([shares(rests, STEP), shares(rests, own)])

    def finding(self, levels: np.ndarray, where: str) -> str:
        """The share of still patterns, as the chart shows its root."""
        own, low, high = (
            min(max(float(line[STILL]), 0), 1) ** 2 for line in (levels, self.model.real_low, self.model.real_high)
        )
        return (
            f"In {where}, four neighbouring high-pass residuals are all near 0 in {own:.0%} of places once its JPEG "
            f"steps are allowed for; in 8 of 10 camera photos in {low:.0%} to {high:.0%}."
        )
