"""Metrics against closed forms and naive counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics import metrics
from forensics.refusal import Refusal

FAKE = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)


@st.composite
def scored(draw):
    n = draw(st.integers(4, 40))
    fake = np.array([True, False, *draw(st.lists(st.booleans(), min_size=n - 2, max_size=n - 2))])
    scores = np.array(draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n)), dtype=float)
    return scores, fake


@given(scored())
def test_auc_counts_pairs(case):
    scores, fake = case
    pairs = [(f > r) + (f == r) / 2 for f in scores[fake] for r in scores[~fake]]
    assert metrics.auc(scores, fake) == pytest.approx(np.mean(pairs))


def test_eer_of_two_gaussians(rng):
    """d' = 2 gives EER = Phi(-1) = 0.1587."""
    scores = np.concatenate([rng.normal(0, 1, 50_000), rng.normal(2, 1, 50_000)])
    assert metrics.eer(scores, np.arange(100_000) >= 50_000) == pytest.approx(0.1587, abs=0.003)


def test_eer_at_the_ends():
    assert metrics.eer(FAKE.astype(float), FAKE) == 0
    assert metrics.eer(1 - FAKE.astype(float), FAKE) == 1


def test_tpr_at_fpr():
    scores = np.array([0, 1, 2, 9, 3, 4, 10, 11], dtype=float)
    assert metrics.tpr_at(0.01)(scores, FAKE) == 0.5
    assert metrics.tpr_at(0.25)(scores, FAKE) == 1


def test_cllr_by_hand():
    assert metrics.cllr(np.zeros(8), FAKE) == pytest.approx(1)  # no information: 1 bit
    assert metrics.cllr(np.where(FAKE, 9.0, -9.0), FAKE) == pytest.approx(0, abs=1e-8)
    assert metrics.cllr(np.where(FAKE, np.log10(3), -np.log10(3)), FAKE) == pytest.approx(np.log2(4 / 3))


def test_ece_of_calibrated_and_boastful(rng):
    natural = rng.normal(0, 1, 200_000) * 2 + np.where(np.arange(200_000) % 2, 2, -2)  # ln LR of d' = 2
    fake = np.arange(200_000) % 2 == 1
    assert metrics.ece(natural / np.log(10), fake) < 0.01
    assert metrics.ece(natural / np.log(10) * 5, fake) > 0.05
    assert metrics.ece(np.where(FAKE, -9.0, 9.0), FAKE) == pytest.approx(1)


def test_interval_holds_the_truth_about_95_times_in_100():
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scores = np.concatenate([rng.normal(0, 1, 150), rng.normal(1, 1, 150)])
        _, low, high = metrics.interval(metrics.auc, scores, np.arange(300) >= 150, rounds=200, seed=seed)
        held += low <= 0.7602 <= high  # Phi(1 / sqrt 2)
    assert held >= 51  # below this has probability 1e-4 if the cover is 95 %


def test_share_is_wilsons():
    value, low, high = metrics.share(0, 100)
    assert (value, low) == (0, 0)
    assert high == pytest.approx(0.0370, abs=1e-4)


def test_one_class_is_refused():
    with pytest.raises(Refusal, match="0 fake"):
        metrics.cllr(np.zeros(3), np.zeros(3, dtype=bool))
