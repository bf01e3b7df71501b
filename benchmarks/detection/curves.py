"""All that is read off one detector's scores: AUC, AP, EER, TPR at an FPR, accuracy at a threshold, the ROC curve.

Values are those of `forensics.metrics`, intervals the middle 95 % of bootstrap samples drawn within each class
(bootstrap.py); all of them from the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.bootstrap import Roc, roc, with_interval
from benchmarks.table import Measure

NEEDED = 5  # photos a class, below which no curve is drawn
STRICT, STRICTEST = 0.01, 0.001  # false alarms at which fakes found are counted
GRID = np.logspace(-3, 0, 181)  # FPRs at which a curve is drawn


@dataclass(frozen=True, eq=False)
class Curve:
    """What a detector is worth on the photos that it scored: shares in [0, 1]; not a number where they are few."""

    auc: Measure
    ap: Measure
    eer: Measure
    strict: Measure  # TPR at 1 % FPR
    strictest: Measure  # TPR at 0.1 % FPR
    accuracy: Measure | None  # balanced, at the threshold; None without one
    drawn: np.ndarray | None = field(default=None, repr=False)  # (3, G) TPR over GRID: value, low, high

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, bool]], threshold: float | None, rounds: int, seed: int) -> Curve:
        """pairs: score, higher = more like a fake, and whether it is one. Over `threshold` it is called one."""
        scores = np.array([score for score, _ in pairs], dtype=float)
        fake = np.array([label for _, label in pairs], dtype=bool)
        if min(fake.sum(), (~fake).sum()) < NEEDED:
            nothing = Measure(math.nan, n=len(pairs))
            return cls(*[nothing] * 5, None if threshold is None else nothing)
        found = roc(scores, fake, rounds, seed)

        def measured(samples: np.ndarray) -> Measure:
            return Measure(*with_interval(samples), n=len(pairs))

        return cls(
            measured(found.auc()),
            measured(ap(found, int(fake.sum()), int((~fake).sum()))),
            measured(eer(found)),
            measured(found.tpr_at(STRICT)),
            measured(found.tpr_at(STRICTEST)),
            None if threshold is None else measured(balanced_accuracy(found, scores, threshold)),
            band(found),
        )


def ap(found: Roc, fakes: int, reals: int) -> np.ndarray:
    """(1 + rounds,) average precisions, in [0, 1]: recall's steps, each weighted by the precision there."""
    right, wrong = found.tpr[:, 1:] * fakes, found.fpr[:, 1:] * reals
    precision = right / np.maximum(right + wrong, 1e-12)
    return (np.diff(found.tpr) * precision).sum(1)


def eer(found: Roc) -> np.ndarray:
    """(1 + rounds,) equal error rates, in [0, 1]: where false alarms are as frequent as misses, interpolated."""
    gap = found.fpr + found.tpr - 1
    after = np.argmax(gap >= 0, axis=1)[:, None]  # never the first point, where nothing is flagged
    sides = after - 1, after
    (x0, x1), (g0, g1) = ([np.take_along_axis(of, at, 1)[:, 0] for at in sides] for of in (found.fpr, gap))
    return x0 - g0 / (g1 - g0) * (x1 - x0)


def balanced_accuracy(found: Roc, scores: np.ndarray, threshold: float) -> np.ndarray:
    """(1 + rounds,) means of the shares of fakes over the threshold and of reals not over it, in [0, 1]."""
    at = int((np.unique(scores) > threshold).sum())  # of the curve's points: one a score, falling
    return (1 + found.tpr[:, at] - found.fpr[:, at]) / 2


def band(found: Roc) -> np.ndarray:
    """(3, G): the largest TPR at most at each FPR of GRID, and its interval."""
    at = np.stack([np.searchsorted(fpr, GRID, side="right") - 1 for fpr in found.fpr])
    tpr = np.take_along_axis(found.tpr, at, 1)
    return np.stack([tpr[0], *np.percentile(tpr[1:], [2.5, 97.5], axis=0)])
