"""How near generated pictures are to photos: FID, KID, precision and recall, inception score, path length.

Functions of features, whatever space they come from: (N, D) floats, one row a picture; all sums in float64. In
InceptionV3's pool features the first is FID; in any other space it is "FID-like", and the space is named beside it
(`forensics.features`). All are biased by the number of pictures: compare at the same n, and say n.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forensics.refusal import Refusal

CHUNK = 1024  # rows of a distance matrix in memory at once


@dataclass(frozen=True)
class Cloud:
    """A set of features as a Gaussian. `mean`: (D,); `covariance`: (D, D), divided by N; `n` pictures."""

    mean: np.ndarray
    covariance: np.ndarray
    n: int

    @classmethod
    def of(cls, features: np.ndarray) -> Cloud:
        """Raises Refusal for fewer than 2 rows or a number that is not finite."""
        x = points(features)
        return cls(x.mean(0), np.atleast_2d(np.cov(x, rowvar=False, bias=True)), len(x))


def frechet(real: Cloud, generated: Cloud) -> float:
    """Fréchet distance between two Gaussians (Dowson & Landau 1982; FID: Heusel et al. 2017, eq. 6); 0 = the same.

    |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½). The trace of the root is that of (√C1 C2 √C1)^½, which is symmetric:
    its eigenvalues are real, and it does not break down where a covariance is singular.
    """
    if real.mean.shape != generated.mean.shape:
        raise Refusal(f"features of {len(real.mean)} and {len(generated.mean)} dimensions are of different spaces")
    apart = np.square(real.mean - generated.mean).sum()
    values, vectors = np.linalg.eigh(real.covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ generated.covariance @ root).clip(0)).sum()
    spread = np.trace(real.covariance) + np.trace(generated.covariance) - 2 * shared
    return float(max(0.0, apart + spread))


def fid(real: np.ndarray, generated: np.ndarray) -> float:
    """`frechet` of two sets of features."""
    return frechet(Cloud.of(real), Cloud.of(generated))


def kid(real: np.ndarray, generated: np.ndarray, subsets: int = 100, size: int = 1000, seed: int = 0) -> float:
    """Kernel distance (Bińkowski et al. 2018, section 4): unbiased squared MMD, kernel (x·y / D + 1)³; 0 = alike.

    The mean over random subsets of at most `size` rows of each; drawn by numpy's legacy generator, generated
    ones first, as published figures were.
    """
    real, generated = pair(real, generated)
    m = min(len(real), len(generated), size)
    rng = np.random.RandomState(seed)
    total = 0.0
    for _ in range(subsets):
        x = generated[rng.choice(len(generated), m, replace=False)]
        y = real[rng.choice(len(real), m, replace=False)]
        within = cubic(x, x) + cubic(y, y)
        total += (within.sum() - np.trace(within)) / (m - 1) - 2 * cubic(x, y).sum() / m
    return float(total / subsets / m)


def cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def precision_recall(real: np.ndarray, generated: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall, in [0, 1] (Kynkäänniemi et al. 2019, eq. 1 and 2).

    Precision: the share of generated pictures inside the manifold of real ones; recall: the other way round.
    A manifold is the union of balls around its points, each as large as the distance to its k-th neighbour.
    """
    real, generated = pair(real, generated)
    if min(len(real), len(generated)) <= k:
        raise Refusal(f"{min(len(real), len(generated))} pictures: more than {k} are needed for {k} neighbours")
    return covered(generated, real, k), covered(real, generated, k)


def covered(points: np.ndarray, manifold: np.ndarray, k: int) -> float:
    """The share of `points` inside at least one ball of the manifold."""
    # the k + 1 nearest include the point itself
    radii = np.concatenate([np.partition(rows, k, axis=1)[:, k] for rows in distances(manifold, manifold)])
    return float(np.concatenate([(rows <= radii).any(1) for rows in distances(points, manifold)]).mean())


def distances(a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distances of rows of `a` to all rows of `b`, a chunk of rows at a time."""
    centre = b.mean(0)  # near the origin fewer digits cancel
    a, b = a - centre, b - centre
    square = np.square(b).sum(1)
    for start in range(0, len(a), CHUNK):
        rows = a[start : start + CHUNK]
        yield (np.square(rows).sum(1)[:, None] + square - 2 * rows @ b.T).clip(0)


def inception_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """(mean, standard deviation) over splits of exp E KL(p(y|x) || p(y)) (Salimans et al. 2016, section 4); 1 to K.

    `probabilities`: (N, K), rows that sum to 1. Zeros are allowed.
    """
    p = points(probabilities)
    if not 1 <= splits <= len(p):
        raise Refusal(f"{splits} splits of {len(p)} pictures: give 1 to {len(p)}")
    scores = []
    for part in (p[i * len(p) // splits : (i + 1) * len(p) // splits] for i in range(splits)):
        ratio = np.divide(part, part.mean(0), out=np.ones_like(part), where=part > 0)
        scores.append(np.exp((part * np.log(ratio)).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def path_length(before: np.ndarray, after: np.ndarray, epsilon: float = 1e-4) -> float:
    """Perceptual path length (Karras et al. 2019, section 4.1): the trimmed mean of |f(t+ε) - f(t)|² / ε².

    `before` and `after`: features of pictures whose latents are ε apart on a path.
    """
    before, after = pair(before, after)
    if len(before) != len(after):
        raise Refusal(f"{len(before)} pictures before and {len(after)} after a step: give one of each a path")
    return trimmed_mean(np.square(after - before).sum(1) / epsilon**2)


def trimmed_mean(values: np.ndarray, low: float = 1, high: float = 99) -> float:
    """Mean of what lies between two percentiles, both ends (the next value outwards) included."""
    values = np.asarray(values, dtype=float)
    first = np.percentile(values, low, method="lower")
    last = np.percentile(values, high, method="higher")
    return float(values[(values >= first) & (values <= last)].mean())


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


def pair(real: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    real, generated = points(real), points(generated)
    if real.shape[1] != generated.shape[1]:
        raise Refusal(f"features of {real.shape[1]} and {generated.shape[1]} dimensions are of different spaces")
    return real, generated


def points(features: np.ndarray) -> np.ndarray:
    x = np.asarray(features, dtype=float)
    if x.ndim != 2 or len(x) < 2:
        raise Refusal(f"features of shape {x.shape}: rows of at least 2 pictures are needed")
    if not np.isfinite(x).all():
        odd = int((~np.isfinite(x).all(1)).sum())
        raise Refusal(f"features of {odd} of {len(x)} pictures are not finite numbers")
    return x
