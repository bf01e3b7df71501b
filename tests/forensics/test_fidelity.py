"""Distances between sets of pictures: closed forms, brute force, and the developers' reference numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from forensics import point_sets
from forensics.fidelity import (
    Cloud,
    fid,
    frechet,
    inception_score,
    kid,
    path_length,
    precision_recall,
    slerp,
    trimmed_mean,
)
from forensics.half_sampling import spread
from forensics.kid import squared_mmd
from forensics.path_length import trimmed_mean_interval
from forensics.refusal import Refusal


@pytest.fixture(scope="module")
def truth(shared):
    """(numbers, arrays) of the reference; see the fixtures' own README."""
    folder = shared / "parity"
    if not (folder / "index.json").exists():
        pytest.skip(f"reference numbers not found at {folder}: this check did NOT run")
    return json.loads((folder / "metrics.json").read_text()), np.load(folder / "metrics.npz", allow_pickle=False)


def test_fid_equals_the_reference(truth):
    numbers, arrays = truth
    assert fid(arrays["features_real"], arrays["features_gen"]) == pytest.approx(numbers["fid"], rel=1e-6)
    real, generated = (Cloud(arrays[f"mu_{s}"], arrays[f"sigma_{s}"], 0) for s in ("real", "gen"))
    assert frechet(real, generated) == pytest.approx(numbers["fid"], rel=1e-10)
    np.testing.assert_allclose(Cloud.of(arrays["features_real"]).covariance, real.covariance, atol=1e-12)


def test_kid_equals_the_reference(truth):
    numbers, arrays = truth
    sets = arrays["features_real"], arrays["features_gen"]
    assert kid(*sets, subsets=10, size=100) == pytest.approx(numbers["kid_numpy_seed0_subsets10_max100"], rel=1e-5)
    assert kid(*sets, subsets=1, size=350) == pytest.approx(numbers["kid_full_subsets1_size350"], rel=1e-5)


def test_precision_and_recall_equal_the_reference(truth):
    numbers, arrays = truth
    found = precision_recall(arrays["features_real"], arrays["features_gen"], k=3)
    assert found == (numbers["pr_k3_float64"]["precision"], pytest.approx(numbers["pr_k3_float64"]["recall"]))


def test_inception_score_path_length_and_slerp_equal_the_reference(truth):
    numbers, arrays = truth
    assert inception_score(arrays["probs"], splits=4) == pytest.approx(numbers["is_200_splits4"], rel=1e-5)
    assert trimmed_mean(arrays["ppl/dist"]) == pytest.approx(numbers["ppl_from_dist"], rel=1e-12)
    found = slerp(arrays["slerp/a"], arrays["slerp/b"], arrays["slerp/t"])
    np.testing.assert_allclose(found, arrays["slerp/y"], rtol=1e-12, atol=1e-14)


def test_frechet_of_gaussians_on_a_line():
    """|m1 - m2|² + (s1 - s2)², in one dimension; sums over axes where covariances are diagonal."""
    a, b = Cloud(np.zeros(2), np.diag([4.0, 9.0]), 5), Cloud(np.array([3.0, 0.0]), np.diag([1.0, 25.0]), 5)
    assert frechet(a, b) == pytest.approx(9 + (2 - 1) ** 2 + (3 - 5) ** 2)
    assert frechet(a, a) == pytest.approx(0, abs=1e-12)


def test_frechet_with_full_and_with_singular_covariances(rng):
    a, b = rng.normal(size=(40, 5)), rng.normal(1, 2, size=(30, 5)) @ rng.normal(size=(5, 5))
    one, two = Cloud.of(a), Cloud.of(b)
    root = sqrtm(one.covariance @ two.covariance).real
    expected = np.square(one.mean - two.mean).sum() + np.trace(one.covariance + two.covariance - 2 * root)
    assert frechet(one, two) == pytest.approx(expected, rel=1e-10)
    assert frechet(one, two) == pytest.approx(frechet(two, one), rel=1e-9)
    few = rng.normal(size=(3, 5))  # rank 2 in 5 dimensions
    assert fid(few, few + 1) == pytest.approx(5, rel=1e-6)


def test_kid_by_its_definition(rng):
    x, y = rng.normal(size=(6, 4)), rng.normal(1, size=(6, 4))

    def k(a, b):
        return (a @ b / 4 + 1) ** 3

    n = range(6)
    within = sum(k(s[i], s[j]) for s in (x, y) for i in n for j in n if i != j) / 30
    across = sum(k(x[i], y[j]) for i in n for j in n) / 36
    assert kid(x, y, subsets=1) == pytest.approx(within - 2 * across)


def test_kid_is_unbiased(rng):
    sets = [kid(rng.normal(size=(20, 3)), rng.normal(size=(20, 3)), subsets=1) for _ in range(400)]
    assert abs(np.mean(sets)) < 3 * np.std(sets) / math.sqrt(len(sets))


def brute(points, manifold, k):
    inside = 0
    for p in points:
        for q in manifold:
            radius = sorted(math.dist(q, other) for other in manifold)[k]
            if math.dist(p, q) <= radius:
                inside += 1
                break
    return inside / len(points)


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 12), st.integers(5, 12), st.integers(1, 3), st.integers(0, 1000))
def test_precision_and_recall_by_brute_force(n, m, k, seed):
    rng = np.random.default_rng(seed)
    real, generated = rng.normal(size=(n, 3)), rng.normal(0.5, 1.5, size=(m, 3)) + 1000
    real += 1000  # far from the origin: no digits may be lost
    assert precision_recall(real, generated, k) == (brute(generated, real, k), brute(real, generated, k))


def test_precision_and_recall_tell_quality_from_variety():
    line = np.arange(20.0)[:, None]
    assert precision_recall(line, line[:8]) == (1.0, pytest.approx(11 / 20))  # good pictures, modes missing
    wide = np.concatenate([line, line + 1000])
    assert precision_recall(line, wide) == (0.5, 1.0)  # everything is there, half is rubbish


def test_precision_and_recall_of_equal_and_of_disjoint_sets(rng):
    points = rng.normal(size=(30, 4))
    assert precision_recall(points, points[::-1]) == (1.0, 1.0)
    assert precision_recall(points, points + 100) == (0.0, 0.0)


@settings(max_examples=10, deadline=None)
@given(st.integers(10, 40), st.integers(1, 4), st.integers(0, 1000))
def test_precision_and_recall_by_scikit_learn(n, k, seed):
    rng = np.random.default_rng(seed)
    real, generated = rng.normal(size=(n, 3)), rng.normal(0.5, 1.5, size=(n + 5, 3))

    def share(points, manifold):
        radii = NearestNeighbors(n_neighbors=k + 1).fit(manifold).kneighbors(manifold)[0][:, -1]
        apart, at = NearestNeighbors(n_neighbors=len(manifold)).fit(manifold).kneighbors(points)
        return (apart <= radii[at]).any(1).mean()

    found = share(generated, real), share(real, generated)
    assert precision_recall(real, generated, k) == pytest.approx(found)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 20), st.integers(1, 6), st.integers(0, 1000))
def test_kid_by_scikit_learn(n, dims, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, dims)), rng.normal(1, size=(n, dims))
    within = [polynomial_kernel(s, degree=3, gamma=1 / dims, coef0=1) for s in (x, y)]
    across = polynomial_kernel(x, y, degree=3, gamma=1 / dims, coef0=1)
    expected = sum((k.sum() - np.trace(k)) / (n * (n - 1)) for k in within) - 2 * across.mean()
    assert squared_mmd(x, y) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert kid(x, y, subsets=3) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_kid_of_one_source_is_about_zero_and_of_another_is_not(rng):
    points = rng.normal(size=(600, 8))
    assert abs(kid(points[:300], points[300:], subsets=3, size=250)) < 0.05
    assert kid(points[:300], points[300:] + 1, subsets=3, size=250) > 1


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 5), st.integers(0, 1000))
def test_fid_of_samples_with_given_moments(dims, seed):
    """Sets whose means and covariances are known exactly, against the closed form."""
    rng = np.random.default_rng(seed)
    means, roots, sets = rng.normal(size=(2, dims)), [], []
    for mean in means:
        x = rng.normal(size=(dims + 20, dims))
        x -= x.mean(0)
        x = x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / len(x))).T  # mean 0, covariance 1
        roots.append(rng.normal(size=(dims, dims)) + 2 * np.eye(dims))
        sets.append(x @ roots[-1] + mean)
    one, two = (root.T @ root for root in roots)
    expected = np.square(means[0] - means[1]).sum() + np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert fid(*sets) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_fid_of_fewer_pictures_than_dimensions(rng):
    real, generated = rng.normal(size=(9, 30)), rng.normal(0.5, 2, size=(12, 30))
    assert fid(real, generated) == pytest.approx(frechet(Cloud.of(real), Cloud.of(generated)), rel=1e-6)
    assert fid(real, real[::-1]) == pytest.approx(0, abs=1e-9)


def test_blocks_change_nothing(rng, monkeypatch, tmp_path):
    """Nor does it matter that the features are float32, on disk."""
    sets = [rng.normal(size=(n, 4)).astype(np.float32) for n in (50, 60)]
    whole = precision_recall(*sets), fid(*sets), kid(*sets, subsets=2)
    monkeypatch.setattr(point_sets, "BLOCK", 7)
    for number, points in enumerate(sets):
        np.save(tmp_path / f"{number}.npy", points)
    sets = [np.load(tmp_path / f"{number}.npy", mmap_mode="r") for number in (0, 1)]
    assert precision_recall(*sets) == whole[0]
    assert (fid(*sets), kid(*sets, subsets=2)) == pytest.approx(whole[1:], rel=1e-9)


def test_halves_vary_as_wholes_do(rng):
    """Of a mean it is known: s / √n."""
    real, generated = rng.normal(0, 3, size=(200, 1)), rng.normal(5, 2, size=(100, 1))
    found = spread(lambda x, y: (x.mean(), y.mean(), y.mean() - x.mean()), real, generated, rounds=500)
    expected = [real.std() / math.sqrt(200), generated.std() / math.sqrt(100)]
    assert found == pytest.approx([*expected, math.hypot(*expected)], rel=0.12)


@pytest.mark.slow
def test_halves_vary_as_fresh_pictures_do(rng):
    """Of all four measures: a little more, never much less."""

    def draw():
        return rng.normal(size=(200, 8)), rng.normal(0.4, 0.9, size=(200, 8))

    def metrics(x, y):
        return fid(x, y), squared_mmd(x, y), *precision_recall(x, y)

    fresh = np.std([metrics(*draw()) for _ in range(200)], axis=0)
    halves = np.mean([spread(metrics, *draw(), rounds=30) for _ in range(20)], axis=0)
    assert ((halves > 0.85 * fresh) & (halves < 1.8 * fresh)).all()


def test_inception_score_between_its_bounds():
    assert inception_score(np.full((8, 4), 0.25), splits=2) == (pytest.approx(1), pytest.approx(0))
    assert inception_score(np.tile(np.eye(4), (5, 1)), splits=1)[0] == pytest.approx(4)


def test_path_length_of_a_straight_path():
    before = np.zeros((200, 3))
    after = before + 1e-4 * np.array([1.0, 2.0, 2.0])
    assert path_length(before, after) == pytest.approx(9)
    after[0] = 1e9  # one jump does not count
    assert path_length(before, after) == pytest.approx(9)


def test_interval_of_a_trimmed_mean(rng):
    values = rng.exponential(size=1000)
    low, high = trimmed_mean_interval(values, rounds=300)
    assert low < trimmed_mean(values) < high
    assert high - low == pytest.approx(4 * values.std() / math.sqrt(1000), rel=0.3)
    assert trimmed_mean_interval(values, rounds=300) == (low, high)


def test_slerp_goes_along_the_sphere():
    a, b = np.array([[2.0, 0.0]]), np.array([[0.0, 5.0]])
    np.testing.assert_allclose(slerp(a, b, np.array([[1 / 3]])), [[math.cos(math.pi / 6), 0.5]])
    np.testing.assert_allclose(slerp(a, a, np.array([[0.5]])), [[1.0, 0.0]])
    np.testing.assert_allclose(slerp(a, b, np.array([[1.0]])), [[0.0, 1.0]], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fid(np.zeros((1, 3)), np.zeros((5, 3))), "at least 2"),
        (lambda: fid(np.zeros((5, 3)), np.zeros((5, 4))), "different spaces"),
        (lambda: kid(np.zeros((5, 3)), np.full((5, 3), np.nan)), "5 of 5 pictures are not finite"),
        (lambda: precision_recall(np.zeros((3, 3)), np.zeros((9, 3))), "more than 3"),
        (lambda: precision_recall(np.zeros((9, 3)), np.zeros((9, 3)), k=0), "at least 1 neighbour"),
        (lambda: inception_score(np.ones((4, 2)) / 2, splits=5), "1 to 4"),
        (lambda: path_length(np.zeros((4, 2)), np.zeros((5, 2))), "one of each"),
    ],
)
def test_what_makes_no_sense_is_refused(call, said):
    with pytest.raises(Refusal, match=said):
        call()
