"""Logistic regression on any description of pictures: (N, K) numbers, standardised, both classes alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detectors.probes.probe import Lesson, Scorer

STRENGTH = 0.1  # scikit-learn's C: stiff, since some makers have some sixty pictures
LIMIT = 6.0  # standard deviations: further out is not further


def fit_line(describe: Callable[[np.ndarray], np.ndarray], lesson: Lesson) -> Scorer:
    """describe: (N, S, S, 3) uint8 → (N, K) float. Scores are log-odds of "generated" on the lesson's mix."""
    from sklearn.linear_model import LogisticRegression

    rows = describe(lesson.pixels)
    mean = np.average(rows, axis=0, weights=lesson.weight)
    scale = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=lesson.weight)) + 1e-6

    def standard(values: np.ndarray) -> np.ndarray:
        return np.clip((values - mean) / scale, -LIMIT, LIMIT)

    line = LogisticRegression(C=STRENGTH, max_iter=2000).fit(standard(rows), lesson.fake, sample_weight=lesson.weight)
    return lambda pixels: line.decision_function(standard(describe(pixels)))
