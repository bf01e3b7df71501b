"""KID: the distance of two sets of pictures as a kernel sees them, without bias at any number of pictures.

Bińkowski et al. 2018, section 4: the unbiased squared maximum mean discrepancy (Gretton et al. 2012, eq. 3) under
the kernel (x·y / D + 1)³; 0 = alike on average, so that samples of one source lie on either side of it.
"""

from __future__ import annotations

import numpy as np

from forensics.point_sets import two_sets


def kid(real: np.ndarray, generated: np.ndarray, subsets: int = 100, size: int = 1000, seed: int = 0) -> float:
    """The mean over random subsets of at most `size` rows of each set, (N, D) and (M, D).

    Subsets are drawn by numpy's legacy generator, generated ones first, as published figures were. Raises Refusal
    for sets of different spaces, of fewer than 2 rows, or with numbers that are not finite.
    """
    real, generated = two_sets(real, generated)
    m = min(len(real), len(generated), size)
    rng = np.random.RandomState(seed)
    total = 0.0
    for _ in range(subsets):
        x = generated[rng.choice(len(generated), m, replace=False)]
        y = real[rng.choice(len(real), m, replace=False)]
        total += squared_mmd(x, y)
    return float(total / subsets)


def squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased squared MMD of two sets of m rows each: pairs of a row with itself do not count."""
    x, y, m = np.asarray(x, dtype=float), np.asarray(y, dtype=float), len(x)
    within = cubic(x, x) + cubic(y, y)
    return float(((within.sum() - np.trace(within)) / (m - 1) - 2 * cubic(x, y).sum() / m) / m)


def cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3
