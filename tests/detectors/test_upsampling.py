"""Periods in noise: closed forms of the autocorrelation, peaks in their places, JPEG's own period left out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.frequency.region import region
from detectors.frequency.upsampling import (
    ASLANT,
    ELSEWHERE,
    LAGS,
    PLACES,
    Upsampling,
    autocorrelation,
    denoised_away,
    peaks,
    power,
)
from forensics.photo import Photo

SIDE = 256
HIGHEST = len(PLACES) + 1  # among the numbers of `peaks`: the mean of the 8 highest elsewhere


def white(rng, side: int = SIDE) -> np.ndarray:
    return rng.normal(0, 10, (side, side)).astype(np.float32)


def doubled(noise: np.ndarray, kernel: int = cv2.INTER_NEAREST) -> np.ndarray:
    return cv2.resize(noise[: len(noise) // 2, : len(noise) // 2], noise.shape, interpolation=kernel)


def test_power_is_relative(rng):
    noise = white(rng)
    assert power(noise).sum() == pytest.approx(64 * 64)
    np.testing.assert_allclose(power(noise * 7), power(noise), rtol=1e-4)
    assert power(np.full((128, 64), 3.0, np.float32)) is None


def test_white_noise_is_like_itself_nowhere(rng):
    found = autocorrelation(power(white(rng)))
    assert found.shape == (2 * LAGS + ASLANT**2,)
    assert np.abs(found).max() < 0.06


def test_repeated_pixels_are_half_like_their_neighbours(rng):
    """Doubled by repetition: of pairs 1 px apart half lie within a cell, of pairs 2 px apart none."""
    found = autocorrelation(power(doubled(white(rng))))
    across, down, aslant = found[:LAGS], found[LAGS : 2 * LAGS], found[2 * LAGS :].reshape(ASLANT, ASLANT)
    for line in (across, down):
        assert line[0] == pytest.approx(0.5, abs=0.05)
        assert np.abs(line[1:]).max() < 0.08
    assert aslant[0, 0] == pytest.approx(0.25, abs=0.05)


def test_a_wave_down_is_seen_down(rng):
    y = np.arange(SIDE)[:, None]
    found = autocorrelation(power(np.cos(2 * np.pi * y / 4) * np.ones(SIDE) * 10 + white(rng) * 0.1))
    np.testing.assert_allclose(found[LAGS : LAGS + 4], [0, -1, 0, 1], atol=0.1)
    np.testing.assert_allclose(found[:4], [1, 1, 1, 1], atol=0.1)


@pytest.mark.parametrize("place", range(len(PLACES)))
def test_a_periodic_pattern_peaks_in_its_place_only(rng, place):
    y, x = np.mgrid[:SIDE, :SIDE]
    down, across = PLACES[place]
    pattern = 3 * np.cos(2 * np.pi * (y * down + x * across) / 64)
    plain, marked = peaks(power(white(rng))), peaks(power(white(rng) + pattern.astype(np.float32)))
    assert marked[place] > plain[place] + 2
    others = np.delete(np.arange(len(PLACES)), place)
    assert np.abs(marked[others] - plain[others]).max() < 1.5


def test_jpegs_period_is_no_generators_and_others_are(rng):
    noise = white(rng)
    grid, other = (noise + 12 * (np.arange(SIDE) % period == 0).astype(np.float32) for period in (8, 7))
    usual = peaks(power(noise))[HIGHEST]
    assert abs(peaks(power(grid))[HIGHEST] - usual) < 0.5
    assert peaks(power(other))[HIGHEST] > usual + 0.5
    assert not ELSEWHERE[::8, ::8].any()
    assert not ELSEWHERE[1::8, 7::8].any()
    assert ELSEWHERE[10, 10]
    assert not ELSEWHERE[0, 0]


def test_the_filter_leaves_noise_and_holds_edges_down(rng):
    flat = np.full((128, 128), 120.0)
    step = np.where(np.arange(128) < 64, 60.0, 180.0) * np.ones((128, 1))
    noise = rng.normal(0, 2, flat.shape)
    kept = denoised_away(np.rint(flat + noise).astype(np.uint8))
    edge = denoised_away(np.rint(step + noise).astype(np.uint8))
    assert kept.std() > 0.6
    assert np.abs(edge).max() < 4  # of 60 grey levels


def test_a_doubled_photo_is_told_from_a_sharp_one(rng):
    def values(noise: np.ndarray) -> np.ndarray:
        pixels = np.clip(128 + noise, 0, 255).astype(np.uint8)[..., None].repeat(3, 2)
        return Upsampling.values(region(Photo.from_pixels(pixels)))

    sharp, soft = values(white(rng)), values(doubled(white(rng), cv2.INTER_LINEAR))
    assert sharp.shape == (Upsampling.size,)
    assert soft[0] - sharp[0] > 0.2  # 1 px across
