"""Metrics against closed forms and naive counts."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

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


@settings(max_examples=25, deadline=None)
@given(scored())
def test_auc_and_ap_are_scikit_learns(case):
    scores, fake = case
    assert metrics.auc(scores, fake) == pytest.approx(roc_auc_score(fake, scores), abs=1e-12)
    assert metrics.ap(scores, fake) == pytest.approx(average_precision_score(fake, scores), abs=1e-12)


def points(scores, fake):
    """(false alarm rate, hit rate) at every threshold, by counting; the strictest first."""
    for threshold in [math.inf, *sorted(set(scores), reverse=True)]:
        yield np.mean(scores[~fake] >= threshold), np.mean(scores[fake] >= threshold)


@settings(max_examples=50, deadline=None)
@given(scored())
def test_ap_is_the_precision_at_each_step_of_recall(case):
    scores, fake = case
    steps, before = [], 0.0
    for threshold in sorted(set(scores), reverse=True):
        flagged = scores >= threshold
        recall = np.mean(flagged[fake])
        steps.append((recall - before) * np.mean(fake[flagged]))
        before = recall
    assert metrics.ap(scores, fake) == pytest.approx(sum(steps))


def crossing(one, other):
    """The rate at which the line between two points of the curve has as many misses as false alarms, if it has."""
    (x, y), (u, v) = one, other
    gaps = x + y - 1, u + v - 1
    if not gaps[0] <= 0 <= gaps[1] or gaps[0] == gaps[1]:
        return None
    return x + (u - x) * gaps[0] / (gaps[0] - gaps[1])


@settings(max_examples=50, deadline=None)
@given(scored())
def test_eer_is_where_the_curve_crosses_and_no_better_than_its_hull(case):
    scores, fake = case
    curve = list(points(scores, fake))
    rates = [rate for pair in pairwise(curve) if (rate := crossing(*pair)) is not None]
    found = metrics.eer(scores, fake)
    assert rates == [pytest.approx(found)] * len(rates)
    assert rates
    chords = [rate for a in curve for b in curve if (rate := crossing(a, b)) is not None]
    assert min(chords) <= found + 1e-12  # a mixture of two thresholds may do better, never worse
    assert min(chords) <= 0.5 + 1e-12


@settings(max_examples=50, deadline=None)
@given(scored(), st.one_of(st.floats(0, 1), st.integers(0, 8).map(lambda k: k / 8)))
def test_tpr_is_the_best_of_all_thresholds_within_the_limit(case, limit):
    scores, fake = case
    best = max(tpr for fpr, tpr in points(scores, fake) if fpr <= limit)
    assert metrics.tpr_at(limit)(scores, fake) == pytest.approx(best)


RANKED = (metrics.auc, metrics.ap, metrics.eer, metrics.tpr_at(0.1), metrics.tpr_at(0.5))


@settings(max_examples=25, deadline=None)
@given(scored(), st.sampled_from([np.exp, np.arctan, lambda x: x**3 + x, lambda x: 1e6 * x - 3]), st.randoms())
def test_ranks_alone_count_for_what_is_no_likelihood_ratio(case, rising, random):
    """Nor does the order of the photos."""
    scores, fake = case
    order = random.sample(range(len(scores)), len(scores))
    for metric in RANKED:
        assert metric(rising(scores), fake) == metric(scores, fake)
        assert metric(scores[order], fake[order]) == pytest.approx(metric(scores, fake))


@settings(max_examples=25, deadline=None)
@given(scored())
def test_real_and_fake_swapped_with_the_sign(case):
    scores, fake = case
    for metric in (metrics.auc, metrics.eer, metrics.cllr, metrics.ece):
        assert metric(-scores, ~fake) == pytest.approx(metric(scores, fake), abs=1e-12)
    assert metrics.auc(-scores, fake) == pytest.approx(1 - metrics.auc(scores, fake))


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


@given(scored())
def test_cllr_by_its_definition(case):
    log10_lr, fake = case
    fakes, reals = ([10.0**x for x in log10_lr[side]] for side in (fake, ~fake))
    missed = sum(math.log2(1 + 1 / lr) for lr in fakes) / len(fakes)
    accused = sum(math.log2(1 + lr) for lr in reals) / len(reals)
    assert metrics.cllr(log10_lr, fake) == pytest.approx((missed + accused) / 2)


@st.composite
def calibrated(draw):
    """Two signals, each with the likelihood ratio that it has: (log10 LR, fake, how frequent, their ratios)."""
    n, m = draw(st.integers(2, 30)), draw(st.integers(2, 30))
    hits, alarms = draw(st.integers(1, n - 1)), draw(st.integers(1, m - 1))
    on, off = (hits / n) / (alarms / m), (1 - hits / n) / (1 - alarms / m)
    log10_lr = np.log10([on] * hits + [off] * (n - hits) + [on] * alarms + [off] * (m - alarms))
    weights = (hits / n + alarms / m) / 2, (2 - hits / n - alarms / m) / 2
    return log10_lr, np.arange(n + m) < n, weights, (on, off)


@given(calibrated())
def test_what_is_calibrated_costs_the_entropy_that_is_left_and_has_no_error(case):
    log10_lr, fake, weights, odds = case
    left = 0.0
    for weight, lr in zip(weights, odds, strict=True):
        p = lr / (1 + lr)
        left -= weight * (p * math.log2(p) + (1 - p) * math.log2(1 - p))
    assert metrics.cllr(log10_lr, fake) == pytest.approx(left)
    assert metrics.ece(log10_lr, fake) == pytest.approx(0, abs=1e-12)


@given(calibrated(), st.floats(1.5, 5))
def test_no_other_ratios_cost_less_than_calibrated_ones(case, factor):
    log10_lr, fake, _, _ = case
    assume(np.ptp(log10_lr) > 1e-3)
    for worse in (log10_lr * factor, log10_lr / factor, log10_lr + math.log10(factor)):
        assert metrics.cllr(worse, fake) > metrics.cllr(log10_lr, fake)


@given(st.floats(-5, 5), st.integers(1, 20), st.integers(1, 20))
def test_ece_of_one_answer_for_all(log10_lr, n, m):
    """A posterior p for everything is |p - 1/2| off, at even odds, however many of each there are."""
    expected = abs(1 / (1 + 10**-log10_lr) - 0.5)
    assert metrics.ece(np.full(n + m, log10_lr), np.arange(n + m) < n) == pytest.approx(expected, abs=1e-12)


@given(scored(), st.integers(1, 20))
def test_ece_by_hand(case, bins):
    log10_lr, fake = case
    log10_lr = log10_lr * 0.37 + 0.011  # so that none lies on the edge of a bin
    error = 0.0
    for b in range(bins):
        off = 0.0
        for x, is_fake in zip(log10_lr, fake, strict=True):
            p = 1 / (1 + 10**-x)
            if b / bins <= p < (b + 1) / bins:
                off += (p - is_fake) / (2 * (fake if is_fake else ~fake).sum())
        error += abs(off)
    assert metrics.ece(log10_lr, fake, bins) == pytest.approx(error, abs=1e-12)


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


def test_interval_of_a_difference_of_means_is_as_wide_as_known(rng):
    """Bootstrapped within each class: ± 1.96 √(s²/n + t²/m), about."""
    scores = np.concatenate([rng.normal(0, 1, 400), rng.normal(2, 3, 100)])
    fake = np.arange(500) >= 400

    def apart(scores, fake):
        return scores[fake].mean() - scores[~fake].mean()

    value, low, high = metrics.interval(apart, scores, fake)
    half = 1.96 * math.sqrt(scores[~fake].var() / 400 + scores[fake].var() / 100)
    assert (low, high) == (pytest.approx(value - half, abs=0.2 * half), pytest.approx(value + half, abs=0.2 * half))
    assert metrics.interval(apart, scores, fake) == (value, low, high)
    assert metrics.interval(apart, scores, fake, seed=1) != (value, low, high)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000), st.data())
def test_share_solves_wilsons_equation(n, data):
    """(p - hits/n)² = z² p (1 - p) / n, whose roots are the ends."""
    hits, z2 = data.draw(st.integers(0, n)), 1.959964**2
    found = np.sort(np.roots([1 + z2 / n, -2 * hits / n - z2 / n, (hits / n) ** 2]).real)
    value, low, high = metrics.share(hits, n)
    assert value == hits / n
    assert (low, high) == (pytest.approx(found[0], abs=1e-7), pytest.approx(found[1], abs=1e-7))
    assert 0 <= low <= value <= high <= 1
    other = metrics.share(n - hits, n)
    assert other[1:] == (pytest.approx(1 - high, abs=1e-12), pytest.approx(1 - low, abs=1e-12))


@pytest.mark.parametrize("n", [10, 30, 100])
def test_share_covers_95_in_100_on_average(n):
    """Counted exactly: the probability of all outcomes whose interval holds the truth, over a grid of truths."""
    ends = [metrics.share(hits, n)[1:] for hits in range(n + 1)]
    covers = [
        sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k, (low, high) in enumerate(ends) if low <= p <= high)
        for p in np.linspace(0.01, 0.99, 99)
    ]
    assert np.mean(covers) == pytest.approx(0.95, abs=0.01)
    assert min(covers) > 0.83


def test_share_of_nothing_is_anything():
    value, low, high = metrics.share(0, 0)
    assert math.isnan(value)
    assert (low, high) == (0, 1)


def test_share_is_wilsons():
    value, low, high = metrics.share(0, 100)
    assert (value, low) == (0, 0)
    assert high == pytest.approx(0.0370, abs=1e-4)


@pytest.mark.parametrize("metric", [*RANKED, metrics.cllr, metrics.ece])
def test_one_class_is_refused(metric):
    with pytest.raises(Refusal, match="3 real, 0 fake"):
        metric(np.arange(3.0), np.zeros(3, dtype=bool))
    with pytest.raises(Refusal, match="0 real, 3 fake"):
        metric(np.arange(3.0), np.ones(3, dtype=bool))
