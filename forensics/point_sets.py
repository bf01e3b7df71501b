"""Sets of points, one row a picture: checked as they come, and read a block of rows at a time.

Float32 arrays, also on disk, stay as they are; only a block is float64. So a set of 50,000 pictures takes what
its float32 features take, and no matrix of all pairs is ever whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forensics.refusal import Refusal

BLOCK = 1024  # rows


def point_set(features: np.ndarray) -> np.ndarray:
    """(N, D) floats, unchanged. Raises Refusal for fewer than 2 rows or a number that is not finite."""
    x = np.asarray(features)
    if x.ndim != 2 or len(x) < 2:
        raise Refusal(f"features of shape {x.shape}: rows of at least 2 pictures are needed")
    odd = sum(int((~np.isfinite(rows).all(1)).sum()) for rows in blocks(x))
    if odd:
        raise Refusal(f"features of {odd} of {len(x)} pictures are not finite numbers")
    return x


def two_sets(real: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of one space. Raises Refusal as `point_set` does, or when their dimensions differ."""
    real, generated = point_set(real), point_set(generated)
    if real.shape[1] != generated.shape[1]:
        raise Refusal(f"features of {real.shape[1]} and {generated.shape[1]} dimensions are of different spaces")
    return real, generated


def blocks(points: np.ndarray, size: int | None = None) -> Iterator[np.ndarray]:
    """All rows as float64, at most `size` (`BLOCK`) at a time."""
    size = size or BLOCK
    for start in range(0, len(points), size):
        yield np.asarray(points[start : start + size], dtype=float)


def centre(points: np.ndarray) -> np.ndarray:
    """The mean, (D,) float64."""
    return sum(rows.sum(0) for rows in blocks(points)) / len(points)
