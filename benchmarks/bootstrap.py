"""ROC curves of many bootstrap samples at once, and what is read off them.

The samples are those that `forensics.metrics.interval` draws, so that value and interval are the same, two orders
of magnitude sooner. Photos are drawn within their class; the same seed draws the same photos, so that two curves
of the same photos may be subtracted sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from forensics.metrics import both_classes


@dataclass(frozen=True)
class Roc:
    """`fpr` and `tpr`: (1 + rounds, G) in [0, 1], ascending from 0 to 1. Row 0 is of the photos as they are."""

    fpr: np.ndarray
    tpr: np.ndarray

    def auc(self) -> np.ndarray:
        """(1 + rounds,) areas under the curves."""
        return (np.diff(self.fpr) * (self.tpr[:, 1:] + self.tpr[:, :-1]) / 2).sum(1)

    def tpr_at(self, limit: float) -> np.ndarray:
        """(1 + rounds,) largest shares of fakes found while at most `limit` of the reals are flagged."""
        return np.where(self.fpr <= limit, self.tpr, 0.0).max(1)


def roc(scores: np.ndarray, fake: np.ndarray, rounds: int, seed: int) -> Roc:
    """scores: (N,) float, higher = more like a fake. fake: (N,) bool. Raises Refusal on one class only."""
    fake = both_classes(fake)
    scores = np.asarray(scores, dtype=float)
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # of those with the same score

    def found(members: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """How many of a class are flagged, as the threshold falls."""
        spread = np.zeros((len(counts), len(fake)), dtype=np.int32)
        spread[:, members] = counts
        risen = spread[:, order].cumsum(1)[:, last]
        return np.concatenate([np.zeros((len(counts), 1)), risen], 1) / counts.sum(1, keepdims=True)

    of_fakes, of_reals = drawn(int(fake.sum()), int((~fake).sum()), rounds, seed)
    return Roc(found(~fake, of_reals), found(fake, of_fakes))


@lru_cache(maxsize=8)
def drawn(fakes: int, reals: int, rounds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each fake and each real is in a sample: (1 + rounds, fakes) and (1 + rounds, reals) int32."""
    rng = np.random.default_rng(seed)
    counts = [np.ones((1 + rounds, n), dtype=np.int32) for n in (fakes, reals)]
    for i in range(1, 1 + rounds):
        for n, into in zip((fakes, reals), counts, strict=True):
            into[i] = np.bincount(rng.choice(n, n), minlength=n)
    return counts[0], counts[1]


def with_interval(samples: np.ndarray) -> tuple[float, float, float]:
    """(value, low, high): the first of the samples, and the middle 95 % of the others."""
    low, high = np.percentile(samples[1:], [2.5, 97.5])
    return float(samples[0]), float(low), float(high)
