"""What likelihood ratios are worth: against the best that their order allows, and at any prior.

log10_lr: (N,) float, higher = more like a fake. fake: (N,) bool. A prior is the share of generated pictures among
all, in (0, 1); posterior odds = LR · prior / (1 - prior). All raise Refusal on one class only.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import isotonic_regression

from forensics.metrics import Metric, both_classes, cllr


def at_best(log10_lr: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """(N,) log10 LR, as good as the order of these allows, ±inf where a class is alone.

    Pool adjacent violators (Brümmer & du Preez 2006, section 5), both classes of the same weight. They are fitted
    to the photos that they are measured on: a bound, and no calibration to use.
    """
    fake = both_classes(fake)
    _, at = np.unique(np.asarray(log10_lr, dtype=float), return_inverse=True)
    fakes, reals = np.bincount(at, fake / fake.sum()), np.bincount(at, ~fake / (~fake).sum())
    posterior = isotonic_regression(fakes / (fakes + reals), weights=fakes + reals).x
    with np.errstate(divide="ignore"):
        return np.log10(posterior / (1 - posterior))[at]


def cllr_min(log10_lr: np.ndarray, fake: np.ndarray) -> float:
    """Cllr in bits that would be left if calibration were perfect: what the order of the scores loses."""
    return cllr(at_best(log10_lr, fake), fake)


def cllr_cal(log10_lr: np.ndarray, fake: np.ndarray) -> float:
    """Bits of Cllr that calibration loses: Cllr - Cllr_min, at least 0."""
    return cllr(log10_lr, fake) - cllr_min(log10_lr, fake)


def errors_at(prior: float) -> Metric:
    """Wrong calls per 1000 photos when "generated" is said where the posterior is over 1/2; at 1/2, of half."""
    threshold = math.log10((1 - prior) / prior)

    def errors(log10_lr: np.ndarray, fake: np.ndarray) -> float:
        fake = both_classes(fake)
        said = np.sign(np.asarray(log10_lr, dtype=float) - threshold) / 2 + 0.5
        return float(1000 * (prior * (1 - said[fake]).mean() + (1 - prior) * said[~fake].mean()))

    return errors


def fewest_errors_at(prior: float) -> Metric:
    """The same at the threshold that is best for these photos."""
    errors = errors_at(prior)

    def fewest(log10_lr: np.ndarray, fake: np.ndarray) -> float:
        return errors(at_best(log10_lr, fake), fake)

    return fewest


def cross_entropy_at(prior: float) -> Metric:
    """Bits a photo that the posterior leaves open (Ramos & Gonzalez-Rodriguez 2013); at 1/2, Cllr."""
    natural_odds = math.log(prior / (1 - prior))

    def cross_entropy(log10_lr: np.ndarray, fake: np.ndarray) -> float:
        fake = both_classes(fake)
        odds = np.asarray(log10_lr, dtype=float) * math.log(10) + natural_odds
        missed, accused = np.logaddexp(0, -odds[fake]).mean(), np.logaddexp(0, odds[~fake]).mean()
        return float((prior * missed + (1 - prior) * accused) / math.log(2))

    return cross_entropy


def ece_at(prior: float, bins: int = 10) -> Metric:
    """Expected calibration error of the posterior, in [0, 1], photos weighted to the prior; at 1/2, metrics.ece."""

    def gap(log10_lr: np.ndarray, fake: np.ndarray) -> float:
        fake = both_classes(fake)
        weight = np.where(fake, prior / fake.sum(), (1 - prior) / (~fake).sum())
        posterior = 1 / (1 + 10 ** -(np.asarray(log10_lr, dtype=float) + math.log10(prior / (1 - prior))))
        bin_of = np.minimum((posterior * bins).astype(int), bins - 1)
        return float(np.abs(np.bincount(bin_of, weight * (posterior - fake))).sum())

    return gap


def entropy(prior: float) -> float:
    """Bits a photo that are open before any evidence."""
    return -prior * math.log2(prior) - (1 - prior) * math.log2(1 - prior)
