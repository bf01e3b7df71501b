"""KID: the distance of two sets of pictures as a kernel sees them, without bias at any number of pictures.

Bińkowski et al. 2018, section 4: the unbiased squared maximum mean discrepancy (Gretton et al. 2012, eq. 3) under
the kernel (x·y / D + 1)³; 0 = alike on average, so that samples of one source lie on either side of it.
"""

from __future__ import annotations

import numpy as np

from forensics.point_sets import blocks, two_sets


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
    m = len(x)
    return (kernel_sum(x, x, True) + kernel_sum(y, y, True)) / (m * (m - 1)) - 2 * kernel_sum(x, y) / m**2


def kernel_sum(x: np.ndarray, y: np.ndarray, apart: bool = False) -> float:
    """The kernel summed over all pairs; `apart`: of one set with itself, without the pairs of a row with itself."""
    total = sum(cubic(a @ b.T, x.shape[1]).sum() for a in blocks(x) for b in blocks(y))
    return float(total - (sum(cubic(np.square(a).sum(1), x.shape[1]).sum() for a in blocks(x)) if apart else 0))


def cubic(products: np.ndarray, dims: int) -> np.ndarray:
    return (products / dims + 1) ** 3
