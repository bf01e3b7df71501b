"""Improved precision and recall: are the pictures good, and are all kinds of photos among them?

Kynkäänniemi et al. 2019, eq. 1 and 2. Published figures are in a space of VGG-16's, k = 3, 50,000 of each.
"""

from __future__ import annotations

import numpy as np

from forensics import point_sets
from forensics.point_sets import blocks, two_sets
from forensics.refusal import Refusal


def precision_recall(real: np.ndarray, generated: np.ndarray, k: int = 3) -> tuple[float, float]:
    """(precision, recall), each in [0, 1], of sets (N, D) and (M, D).

    Precision: the share of generated pictures inside the manifold of real ones; recall: the other way round.
    A manifold is the union of balls around its points, each as large as the distance to its k-th neighbour.
    Raises Refusal where a set has no k neighbours, and as `two_sets` does.
    """
    real, generated = two_sets(real, generated)
    fewest = min(len(real), len(generated))
    if k < 1 or fewest <= k:
        raise Refusal(
            f"{fewest} pictures, {k} neighbours: more than {k} pictures and at least 1 neighbour are needed"
        )
    return covered(generated, real, k), covered(real, generated, k)


def covered(points: np.ndarray, manifold: np.ndarray, k: int) -> float:
    """The share of `points` inside at least one ball of the manifold."""
    middle = point_sets.centre(manifold)  # near the origin fewer digits cancel
    radii = squared_radii(manifold, k, middle)
    hits = 0
    for rows in blocks(points):
        inside = np.zeros(len(rows), bool)
        start = 0
        for others in blocks(manifold):
            inside |= (squared_distances(rows - middle, others - middle) <= radii[start : start + len(others)]).any(1)
            start += len(others)
        hits += int(inside.sum())
    return hits / len(points)


def squared_radii(manifold: np.ndarray, k: int, middle: np.ndarray) -> np.ndarray:
    """(N,): of each point, the squared distance to its k-th neighbour."""
    radii = []
    for rows in blocks(manifold):
        nearest = np.empty((len(rows), 0))
        for others in blocks(manifold):
            nearest = np.hstack([nearest, squared_distances(rows - middle, others - middle)])
            if nearest.shape[1] > k:
                nearest = np.partition(nearest, k, axis=1)[:, : k + 1]
        radii.append(nearest[:, k])  # the k + 1 nearest include the point itself
    return np.concatenate(radii)


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, D), (M, D) → (N, M)."""
    return (np.square(a).sum(1)[:, None] + np.square(b).sum(1) - 2 * a @ b.T).clip(0)
