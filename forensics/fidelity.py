"""How near generated pictures are to photos: FID, KID, precision and recall, inception score, path length.

Functions of features, whatever space they come from: (N, D) floats, one row a picture; all sums in float64. In
InceptionV3's pool features the first is FID; in any other space it is "FID-like", and the space is named beside it
(`forensics.features`). All but KID are biased by the number of pictures: compare at the same n, and say n.

FID and the inception score are here; the others have files of their own, and their names here too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forensics.kid import kid
from forensics.path_length import path_length, slerp, trimmed_mean
from forensics.point_sets import blocks, centre, point_set, two_sets
from forensics.precision_recall import precision_recall
from forensics.refusal import Refusal

__all__ = [
    "Cloud",
    "fid",
    "frechet",
    "inception_score",
    "kid",
    "path_length",
    "precision_recall",
    "slerp",
    "trimmed_mean",
]


@dataclass(frozen=True)
class Cloud:
    """A set of features as a Gaussian. `mean`: (D,); `covariance`: (D, D), divided by N; `n` pictures."""

    mean: np.ndarray
    covariance: np.ndarray
    n: int

    @classmethod
    def of(cls, features: np.ndarray) -> Cloud:
        """Raises Refusal for fewer than 2 rows or a number that is not finite."""
        x = point_set(features)
        mean = centre(x)  # first, so that no digits cancel in the squares
        squares = sum((rows - mean).T @ (rows - mean) for rows in blocks(x))
        return cls(mean, squares / len(x), len(x))


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
    """`frechet` of two sets of features.

    Where there are fewer pictures than dimensions, the same by another way, several times as fast: with the centred
    sets as matrices X and Y, the trace of the root is the sum of the singular values of X Yᵀ / √(N1 N2).
    """
    real, generated = two_sets(real, generated)
    if max(len(real), len(generated)) >= real.shape[1]:
        return frechet(Cloud.of(real), Cloud.of(generated))
    x, y = (np.asarray(s, dtype=float) for s in (real, generated))
    apart = np.square(x.mean(0) - y.mean(0)).sum()
    x, y = ((s - s.mean(0)) / np.sqrt(len(s)) for s in (x, y))
    shared = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return float(max(0.0, apart + np.square(x).sum() + np.square(y).sum() - 2 * shared))


def inception_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """(mean, standard deviation) over splits of exp E KL(p(y|x) || p(y)) (Salimans et al. 2016, section 4); 1 to K.

    `probabilities`: (N, K), rows that sum to 1. Zeros are allowed.
    """
    p = np.asarray(point_set(probabilities), dtype=float)
    if not 1 <= splits <= len(p):
        raise Refusal(f"{splits} splits of {len(p)} pictures: give 1 to {len(p)}")
    scores = []
    for part in (p[i * len(p) // splits : (i + 1) * len(p) // splits] for i in range(splits)):
        ratio = np.divide(part, part.mean(0), out=np.ones_like(part), where=part > 0)
        scores.append(np.exp((part * np.log(ratio)).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))
