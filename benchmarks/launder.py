"""The hands that both classes go through before a benchmark: `LAUNDERINGS` is all of them.

Each takes (H, W, 3) uint8 pixels and a generator that was seeded by the photo's hash, so that a photo's trip
depends on the photo and the benchmark's seed, never on its class. What a file went through before stays
underneath: one more encoding hides an older one from a detector of tables, not from every detector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forensics import laundering
from forensics.refusal import Refusal

QUALITY = 70, 96  # of the one JPEG
SIDE = 224  # px of the shorter side after shrinking: what most published detectors are shown
KERNELS = ("area", "bilinear", "bicubic", "lanczos")


@dataclass(frozen=True)
class Laundering:
    """One way to treat a photo: `apply(pixels, rng)` gives (h, w, 3) uint8."""

    name: str
    about: str
    apply: Callable[[np.ndarray, np.random.Generator], np.ndarray]


def as_is(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return pixels


def match(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Encoded once at its own size: JPEG 4:2:0 of a quality from 70 to 96."""
    return laundering.jpeg(pixels, int(rng.integers(QUALITY[0], QUALITY[1] + 1)))


def shrink(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Its shorter side brought down to 224 px by a drawn kernel, then encoded once. Never enlarged."""
    kernel = KERNELS[rng.integers(len(KERNELS))]
    return match(laundering.resize(pixels, min(1.0, SIDE / min(pixels.shape[:2])), kernel), rng)


LAUNDERINGS = (
    Laundering("native", "pixels as they are", as_is),
    Laundering("repost", "one random trip through a site", laundering.repost),
    Laundering("match", "encoded once, JPEG 70-96, at its own size", match),
    Laundering("shrink", "shorter side brought to 224 px, then encoded once", shrink),
)


def drawing(seed: int, sha256: str) -> np.random.Generator:
    """What a photo's trip is drawn from: the same in every benchmark, whatever was done to the picture before."""
    return np.random.default_rng((seed, int(sha256[:16], 16)))


def laundering_named(name: str) -> Laundering:
    """Raises Refusal for a name that none has."""
    found = next((each for each in LAUNDERINGS if each.name == name), None)
    if found is None:
        raise Refusal(f"--launder {name}: allowed are {', '.join(each.name for each in LAUNDERINGS)}")
    return found
