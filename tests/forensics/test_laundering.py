"""Laundering changes what it says and nothing else; the same seed gives the same picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from forensics import laundering


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((160, 120), Image.BICUBIC))


def test_jpeg_matches_another_encoder_of_the_same_tables(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=60, subsampling="4:4:4")
    other = np.asarray(Image.open(buffer)).astype(int)
    ours = laundering.jpeg(picture, 60, "4:4:4").astype(int)
    assert np.abs(ours - other).mean() < 1  # same tables; colour conversion rounds differently


def test_lower_quality_costs_more(picture):
    errors = [np.abs(laundering.jpeg(picture, q).astype(int) - picture).mean() for q in (95, 60, 20)]
    assert errors[0] < errors[1] < errors[2]
    assert np.abs(laundering.webp(picture, 80).astype(int) - picture).mean() < 20


@pytest.mark.parametrize("kernel", laundering.KERNELS)
def test_resize_keeps_colour_and_ratio(picture, kernel):
    smaller = laundering.resize(picture, 0.5, kernel)
    assert smaller.shape == (60, 80, 3)
    assert np.allclose(smaller.mean((0, 1)), picture.mean((0, 1)), atol=3)
    assert laundering.resize(picture, 1.0, kernel) is picture


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40))
def test_history_is_repeatable_and_keeps_the_form(seed, height, width):
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    first, second = (laundering.history(pixels, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == np.uint8
    assert first.ndim == 3
    assert first.shape[0] <= height
    assert first.shape[1] <= width


def test_crop_is_inside(picture, rng):
    assert laundering.crop(picture, 0.5, rng).shape == (60, 80, 3)
    assert laundering.crop(picture, 1.0, rng).shape == picture.shape


def test_noise_has_the_stated_strength(rng):
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert laundering.noise(grey, 5, rng).std() == pytest.approx(5, rel=0.02)
