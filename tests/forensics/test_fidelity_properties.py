"""What holds of distances between sets whatever the sets are, and what they are worth on known distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.fidelity import Cloud, fid, frechet, inception_score, kid, precision_recall
from forensics.kid import squared_mmd

seeds = st.integers(0, 10_000)


def two_sets(seed: int, dims: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(dims + 12, dims)), rng.normal(0.5, 1.5, size=(dims + 9, dims)), rng


def turned(rng: np.random.Generator, dims: int) -> np.ndarray:
    """An orthogonal matrix."""
    return np.linalg.qr(rng.normal(size=(dims, dims)))[0]


def test_fid_of_gaussian_samples_goes_to_the_closed_form(rng):
    """N(0, I) and N(m, diag(s²)): |m|² + Σ (1 - s)²; at 40,000 of each within 2 %."""
    mean, spread = np.array([0.5, -1.0, 0.0, 2.0]), np.array([0.5, 1.0, 2.0, 3.0])
    real, generated = rng.normal(size=(40_000, 4)), mean + spread * rng.normal(size=(40_000, 4))
    assert fid(real, generated) == pytest.approx((mean**2).sum() + ((1 - spread) ** 2).sum(), rel=0.02)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 5))
def test_frechet_where_covariances_commute(seed, dims):
    """With the same axes the root has a closed form: Σ (√a - √b)² over the axes, whichever way they point."""
    rng = np.random.default_rng(seed)
    axes = turned(rng, dims)
    a, b = rng.uniform(0, 4, (2, dims))
    a[0] = 0  # flat along one axis
    means = rng.normal(size=(2, dims))
    one, two = (Cloud(m, (axes * v) @ axes.T, 9) for m, v in zip(means, (a, b), strict=True))
    expected = np.square(means[0] - means[1]).sum() + np.square(np.sqrt(a) - np.sqrt(b)).sum()
    assert frechet(one, two) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 6), st.floats(0.1, 10))
def test_fid_does_not_see_where_the_axes_point(seed, dims, scale):
    """Nor where the origin is, nor which set is which; it grows with the square of the unit."""
    real, generated, rng = two_sets(seed, dims)
    axes, shift, found = turned(rng, dims), rng.normal(size=dims), fid(real, generated)
    assert fid(real @ axes + shift, generated @ axes + shift) == pytest.approx(found, rel=1e-6, abs=1e-7)
    assert fid(generated, real) == pytest.approx(found, rel=1e-6, abs=1e-7)
    assert fid(scale * real, scale * generated) == pytest.approx(scale**2 * found, rel=1e-6, abs=1e-6)
    assert fid(real, real[::-1] + shift) == pytest.approx(shift @ shift, rel=1e-6, abs=1e-6)


def moments(mean: float, spread: float) -> tuple[float, float, float]:
    """E x, E x², E x³ of a Gaussian."""
    return mean, mean**2 + spread**2, mean**3 + 3 * mean * spread**2


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (0.5, 1.0), (0.0, 1.6), (-0.7, 0.5)])
def test_kid_of_gaussian_samples_is_right_on_average(rng, mean, spread):
    """On a line the kernel is (xy + 1)³, so the distance is Σ c (E xᵏ - E yᵏ)² with c = 3, 3, 1."""
    gaps = np.subtract(moments(0, 1), moments(mean, spread))
    expected = 3 * gaps[0] ** 2 + 3 * gaps[1] ** 2 + gaps[2] ** 2
    found = [squared_mmd(rng.normal(mean, spread, (25, 1)), rng.normal(size=(25, 1))) for _ in range(1500)]
    assert abs(np.mean(found) - expected) < 4 * np.std(found) / math.sqrt(len(found))


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 6))
def test_kid_does_not_see_where_the_axes_point(seed, dims):
    real, generated, rng = two_sets(seed, dims)
    axes = turned(rng, dims)
    found = kid(real, generated, subsets=4, size=8)
    assert kid(real @ axes, generated @ axes, subsets=4, size=8) == pytest.approx(found, rel=1e-9, abs=1e-9)
    assert kid(real, generated, subsets=4, size=8) == found  # the seed is fixed
    whole = kid(real[: len(generated)], generated, subsets=1)
    assert kid(generated, real[: len(generated)], subsets=1) == pytest.approx(whole, rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 5), st.floats(0.1, 10), st.integers(1, 4))
def test_precision_and_recall_see_only_which_distances_are_smaller(seed, dims, scale, k):
    real, generated, rng = two_sets(seed, dims)
    axes, shift = turned(rng, dims), rng.normal(size=dims)
    found = precision_recall(real, generated, k)
    assert precision_recall(scale * real @ axes + shift, scale * generated @ axes + shift, k) == found
    assert precision_recall(generated, real, k) == found[::-1]
    wider = precision_recall(real, generated, k + 1)
    assert all(w >= f for w, f in zip(wider, found, strict=True))


def test_precision_and_recall_of_squares_that_overlap(rng):
    """Photos fill a square, pictures one twice as wide that holds it: a quarter is good, hardly any kind missing."""
    precision, recall = precision_recall(rng.uniform(0, 1, (1500, 2)), rng.uniform(0, 2, (1500, 2)))
    assert precision == pytest.approx(0.25, abs=0.04)
    assert recall > 0.95  # but at the edges


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(1, 12), st.floats(0, 1))
def test_inception_score_of_sure_and_of_unsure_guesses(classes, copies, sure):
    """Each class as often as the others, each guess `sure` of its class and even about the rest: exp KL, by hand."""
    other = (1 - sure) / classes
    guesses = np.tile(np.eye(classes) * sure + other, (copies, 1))
    terms = [(sure + other, 1), (other, classes - 1)]
    expected = math.exp(sum(n * p * math.log(p * classes) for p, n in terms if p > 0))
    mean, spread = inception_score(guesses, splits=1)
    assert (mean, spread) == (pytest.approx(expected), 0)
    assert 1 - 1e-9 <= mean <= classes + 1e-9
