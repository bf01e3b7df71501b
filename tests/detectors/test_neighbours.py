"""Neighbouring pixels: shares and correlations of pictures whose differences are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.frequency.neighbours import SIZES, Neighbours, along, cells, correlation, shares
from detectors.frequency.region import region
from forensics.photo import Photo

PARITY, MIDDLE, ONWARD = 0, 1, 5  # among the numbers of `along`


def noise(rng, side: int = 128) -> np.ndarray:
    return rng.integers(80, 170, (side, side)).astype(np.int16)


def repeated(rng, side: int = 128) -> np.ndarray:
    return noise(rng, side // 2).repeat(2, 0).repeat(2, 1)


@given(st.lists(st.integers(-255, 255), min_size=1, max_size=300))
def test_shares_are_shares_and_know_no_sign(values):
    found = shares(np.array(values))
    assert (2**found).sum() == pytest.approx(1)
    np.testing.assert_array_equal(found, shares(-np.array(values)))


@pytest.mark.parametrize(
    ("size", "at"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (9, 5), (16, 5), (17, 6), (255, 6)]
)
def test_each_size_has_its_share(size, at):
    found = shares(np.full(10_000, size))
    assert np.argmax(found) == at
    assert found[at] == pytest.approx(0, abs=0.01)
    assert len(SIZES) == len(found)


def test_correlation_of_what_is_known(rng):
    x = rng.normal(size=(50, 60)).astype(np.float32)
    assert correlation(x, 3 * x) == pytest.approx(1, abs=1e-4)
    assert correlation(x, -x) == pytest.approx(-1, abs=1e-4)
    assert abs(correlation(x, rng.normal(size=x.shape).astype(np.float32))) < 0.1
    assert correlation(0 * x, x) == 0


def test_repeated_pixels_are_equal_within_their_cells(rng):
    levels = repeated(rng)
    found = cells(levels).reshape(-1)
    assert (2 ** found[[0, 7, 14]] > 0.99).all()  # across, down, aslant
    shifted = cells(levels[1:-1, 1:-1])
    assert (2 ** shifted[[0, 7, 14]] < 0.1).all()


def test_even_and_odd_pairs_differ_where_pixels_were_repeated(rng):
    levels = repeated(rng)
    difference = np.diff(levels, axis=1)
    plain = along(np.diff(noise(rng), axis=1))
    assert along(difference)[PARITY] < -3  # pairs 0-1, 2-3, … are equal, the others are not
    assert along(np.diff(levels[:, 1:-7], axis=1))[PARITY] > 3
    assert abs(plain[PARITY]) < 0.1
    assert abs(plain[ONWARD]) < 0.05


def test_white_noise_correlates_by_minus_a_half_with_the_next_difference(rng):
    one, two, three = along(np.diff(noise(rng), axis=1))[2:5]
    assert one == pytest.approx(-0.5, abs=0.03)
    assert abs(two) < 0.05
    assert abs(three) < 0.05


def test_edges_of_jpeg_blocks_are_no_even_pairs(rng):
    """Each 8×8 block brighter or darker as a whole: only pairs across its edges change, and these are left out."""
    levels = noise(rng)
    offsets = rng.integers(-60, 60, (16, 16)).astype(np.int16).repeat(8, 0).repeat(8, 1)
    plain, blocky = (along(np.diff(picture, axis=1)) for picture in (levels, levels + offsets))
    assert blocky[PARITY] == pytest.approx(plain[PARITY])
    assert blocky[MIDDLE] == pytest.approx(plain[MIDDLE])


def test_rows_become_columns_when_the_picture_is_turned(rng):
    """Transposed, what was across is down."""
    pixels = rng.integers(60, 200, (96, 96, 1)).astype(np.uint8).repeat(3, 2)
    pixels[:, 1::2] = pixels[:, ::2]  # repeated across only
    here, turned = (
        Neighbours.values(region(Photo.from_pixels(np.ascontiguousarray(p))))
        for p in (pixels, pixels.transpose(1, 0, 2))
    )
    np.testing.assert_allclose(here[:7], turned[7:14])
    np.testing.assert_allclose(here[26:34], turned[34:42], atol=1e-5)
    assert here[26] < -3
