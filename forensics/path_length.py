"""Perceptual path length: how fast pictures change along a path through a generator's latent space.

Karras et al. 2019, section 4.1. Published figures measure change by LPIPS, weighted features of VGG-16.
"""

from __future__ import annotations

import math

import numpy as np

from forensics.point_sets import two_sets
from forensics.refusal import Refusal


def path_length(before: np.ndarray, after: np.ndarray, epsilon: float = 1e-4) -> float:
    """The trimmed mean of |f(t+ε) - f(t)|² / ε².

    `before` and `after`: (N, D) features of pictures whose latents are ε apart on N paths. Raises Refusal for
    unequal numbers of them, and as `two_sets` does.
    """
    before, after = two_sets(before, after)
    if len(before) != len(after):
        raise Refusal(f"{len(before)} pictures before and {len(after)} after a step: give one of each a path")
    return trimmed_mean(steepness(before, after, epsilon))


def steepness(before: np.ndarray, after: np.ndarray, epsilon: float = 1e-4) -> np.ndarray:
    """|f(t+ε) - f(t)|² / ε² of each path: two of (N, D) → (N,) float64."""
    return np.square(np.asarray(after, dtype=float) - before).sum(1) / epsilon**2


def trimmed_mean(values: np.ndarray, low: float = 1, high: float = 99) -> float:
    """Mean of what lies between two percentiles, both ends (the next value outwards) included."""
    values = np.asarray(values, dtype=float)
    first = np.percentile(values, low, method="lower")
    last = np.percentile(values, high, method="higher")
    return float(values[(values >= first) & (values <= last)].mean())


def trimmed_mean_interval(values: np.ndarray, rounds: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of `trimmed_mean`, bootstrapped over paths."""
    values, rng = np.asarray(values, dtype=float), np.random.default_rng(seed)
    first, last = math.floor(0.01 * (len(values) - 1)), math.ceil(0.99 * (len(values) - 1))
    drawn = (np.sort(rng.choice(values, len(values))) for _ in range(rounds))
    low, high = np.percentile([row[first : last + 1].mean() for row in drawn], [2.5, 97.5])
    return float(low), float(high)


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(N, D) points at (N, 1) shares `t` of the way from a to b along the unit sphere (Shoemake 1985).

    Ends are normalised first. Where a and b point the same way, all of the path is a.
    """
    a, b = unit(a), unit(b)
    cosine = (a * b).sum(-1, keepdims=True).clip(-1, 1)
    angle = t * np.arccos(cosine)
    return unit(a * np.cos(angle) + unit(b - cosine * a) * np.sin(angle))


def unit(x: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.divide(x, length, out=np.zeros_like(x, dtype=float), where=length > 0)
