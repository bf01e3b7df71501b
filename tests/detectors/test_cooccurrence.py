"""Co-occurrences against counting by hand; what they must not see: side, sign, strength."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.frequency.cooccurrence import (
    PATTERN_OF,
    PATTERNS,
    SMALL,
    STILL,
    Cooccurrence,
    count,
    quantised,
    residual,
    shares,
)
from detectors.frequency.region import region
from forensics.photo import Photo

HALF = 2 * len(PATTERNS)  # values at 4 grey levels, then as many at the photo's own step


def values(grey: np.ndarray) -> np.ndarray:
    return Cooccurrence.values(region(Photo.from_pixels(grey.astype(np.uint8)[..., None].repeat(3, 2))))


def test_625_patterns_become_169():
    assert len(PATTERNS) == 169  # Fridrich & Kodovský 2012, section II
    assert sorted(set(PATTERN_OF)) == list(range(169))
    assert PATTERNS[STILL] == (0, 0, 0, 0)
    assert STILL in SMALL


@given(st.lists(st.integers(-2, 2), min_size=4, max_size=4))
def test_mirrored_and_negative_patterns_are_one(pattern):
    def of(k):
        return PATTERN_OF[sum((n + 2) * 5 ** (3 - i) for i, n in enumerate(k))]

    assert of(pattern) == of(pattern[::-1]) == of([-n for n in pattern])
    assert PATTERNS[of(pattern)] in {tuple(s * n for n in k) for s in (1, -1) for k in (pattern, pattern[::-1])}


def test_the_residual_is_the_third_difference(rng):
    levels = rng.integers(0, 256, (9, 40)).astype(np.int16)
    np.testing.assert_array_equal(residual(levels), np.diff(levels, 3, axis=1))
    i = np.arange(40)
    assert (residual((2 * i * i + 3 * i)[None]) == 0).all()


def test_patterns_are_counted_as_by_hand(rng):
    k = rng.integers(0, 5, (7, 9))
    along, across = count(k.astype(np.int16))
    for found, grid in ((along, k), (across, k.T)):
        by_hand = Counter(
            PATTERN_OF[int("".join(map(str, row[x : x + 4])), 5)] for row in grid for x in range(len(row) - 3)
        )
        assert dict(enumerate(found)) == {n: by_hand.get(n, 0) for n in range(169)}


def test_quantised_rounds_and_cuts_off():
    rest = np.array([[-100, -7, -6, -3, -1, 0, 1, 3, 5, 7, 100]], dtype=np.int16)
    assert (quantised(rest, 4.0) - 2).tolist() == [[-2, -2, -2, -1, 0, 0, 0, 1, 1, 2, 2]]


def test_shares_are_roots_of_shares(rng):
    rests = (rng.normal(0, 6, (80, 90)).astype(np.int16), rng.normal(0, 6, (90, 80)).astype(np.int16))
    found = shares(rests, 4.0)
    assert found.shape == (HALF,)
    assert (found[:169] ** 2).sum() == pytest.approx(1)
    assert (found[169:] ** 2).sum() == pytest.approx(1)


def test_side_and_sign_do_not_matter(rng):
    grey = rng.integers(90, 150, (96, 96))
    expected = values(grey)
    for other in (grey[:, ::-1], grey[::-1], grey.T, np.rot90(grey), 255 - grey, grey + 40):
        np.testing.assert_allclose(values(np.ascontiguousarray(other)), expected, atol=1e-6)


def test_the_second_half_does_not_see_strength(rng):
    noise = rng.normal(0, 1, (160, 160))
    weak, strong = (values(np.rint(128 + scale * noise)) for scale in (2, 8))
    assert np.abs(weak[HALF:] - strong[HALF:]).max() < 0.06
    assert np.abs(weak[:HALF] - strong[:HALF]).max() > 0.2


def test_smooth_pictures_are_still(rng):
    x = np.linspace(0, 4, 128)
    assert values(128 + 90 * np.sin(x)[None] * np.cos(x)[:, None])[STILL] > 0.99
    assert values(rng.integers(0, 256, (128, 128)))[STILL] < 0.1
