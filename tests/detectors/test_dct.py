"""DCT strengths against closed forms; the region on the JPEG grid; JPEG steps read from file or pixels."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from detectors.frequency.dct import DCT, ZERO, ZIGZAG, shape, strengths
from detectors.frequency.quantisation import coefficients, estimate
from detectors.frequency.region import LEAST, MOST, region, within
from detectors.structure.tables import libjpeg
from forensics import laundering
from forensics.face import largest_face
from forensics.photo import Photo
from forensics.view import LARGEST_FACE


def textured(rng, height: int = 200, width: int = 240) -> np.ndarray:
    """A soft picture with noise, (H, W, 3) uint8."""
    soft = cv2.resize(
        rng.uniform(60, 190, (6, 6, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return np.clip(soft + rng.normal(0, 8, (height, width, 1)), 0, 255).astype(np.uint8)


# ---- the numbers


def test_coefficients_are_jpegs_own(rng):
    picture = rng.integers(0, 256, (24, 16)).astype(np.uint8)
    found = coefficients(picture)
    assert found.shape == (6, 8, 8)
    for n, (y, x) in enumerate((y, x) for y in (0, 8, 16) for x in (0, 8)):
        expected = scipy.fft.dctn(picture[y : y + 8, x : x + 8].astype(float), norm="ortho")
        np.testing.assert_allclose(found[n], expected, atol=1e-3)


@pytest.mark.parametrize("place", [1, 8, 9, 63])
def test_one_coefficient_shows_in_its_place(place):
    dct = np.zeros((5, 8, 8))
    dct.reshape(5, -1)[:, [0, place]] = 900, 15.5
    found = strengths(dct)
    at = ZIGZAG.tolist().index(place)
    assert found[at] == pytest.approx(4)  # log2(15.5 + 0.5)
    np.testing.assert_allclose(np.delete(found, at), np.log2(ZERO))


def test_zigzag_goes_from_coarse_to_fine():
    assert sorted(ZIGZAG) == list(range(1, 64))
    assert ZIGZAG[:2].tolist() == [1, 8]
    assert ZIGZAG[-1] == 63
    assert (np.diff(ZIGZAG // 8 + ZIGZAG % 8) >= 0).all()


def test_shape_does_not_see_strength_and_strengths_do(rng):
    dct = rng.normal(0, 8, (200, 8, 8))
    np.testing.assert_allclose(shape(dct * 4), shape(dct), atol=1e-6)
    np.testing.assert_allclose(strengths(dct * 4) - strengths(dct), 2, atol=0.35)


def test_nothing_is_measured_on_flat_blocks(rng):
    flat = np.zeros((3, 8, 8))
    flat[:, 0, 0] = 700
    assert strengths(flat) is None
    assert shape(flat) is None
    mixed = np.concatenate([flat, rng.normal(0, 9, (4, 8, 8))])
    np.testing.assert_array_equal(strengths(mixed), strengths(mixed[3:]))


def test_upsampled_noise_is_weak_in_fine_coefficients(rng):
    sharp = rng.normal(128, 20, (128, 128)).clip(0, 255).astype(np.uint8)
    doubled = cv2.resize(sharp[:64, :64], (128, 128), interpolation=cv2.INTER_LINEAR)
    fine = slice(45, 63)
    assert strengths(coefficients(sharp))[fine].mean() - strengths(coefficients(doubled))[fine].mean() > 2


# ---- JPEG steps


@pytest.mark.parametrize("quality", [35, 50, 70, 85, 90, 93])
def test_steps_are_read_off_the_pixels(rng, quality):
    once = Photo.from_pixels(laundering.jpeg(textured(rng), quality))
    assert once.jpeg is None
    found = estimate(region(once).dct)
    np.testing.assert_allclose(found, libjpeg(quality)[0], rtol=0.06)  # some qualities share their coarse steps


def test_no_steps_where_there_are_none(rng):
    fresh = textured(rng)
    shrunk = laundering.resize(laundering.jpeg(fresh, 60), 0.8, "bicubic")
    for pixels in (fresh, shrunk, laundering.webp(fresh, 60), laundering.jpeg(fresh, 60)[3:, 2:]):
        assert estimate(region(Photo.from_pixels(pixels)).dct) is None
    assert (region(Photo.from_pixels(fresh)).steps == 0).all()
    assert estimate(np.zeros((9, 8, 8))) is None


def stored(pixels: np.ndarray, orientation: int, quality: int = 60) -> Photo:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, exif=exif)
    return Photo.open(buffer.getvalue())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_region_lies_on_the_grid_however_the_camera_was_held(rng, orientation):
    photo = stored(textured(rng, 203, 301), orientation)
    seen = region(photo)
    steps = seen.told
    assert (steps[0, 1], steps[1, 0]) == ((10, 9) if orientation >= 5 else (9, 10))
    large = np.abs(seen.dct[:, :3, :3]) > 4
    large[:, 0, 0] = False
    off = np.abs(seen.dct / steps - np.round(seen.dct / steps))[:, :3, :3] * steps[:3, :3]
    assert large.sum() > 100
    assert np.median(off[large]) < 0.6  # of steps of 9 to 13


def test_a_better_second_encoding_does_not_hide_the_first(rng):
    first = laundering.jpeg(textured(rng), 60)
    buffer = io.BytesIO()
    Image.fromarray(first).save(buffer, "JPEG", quality=97)
    seen = region(Photo.open(buffer.getvalue()))
    assert seen.told[0, 1] < libjpeg(60)[0][0, 1]
    np.testing.assert_allclose(2**seen.steps, libjpeg(60)[0], rtol=1e-5)


@given(st.integers(-300, 900), st.integers(-50, 700), st.integers(40, 900), st.integers(0, 7))
def test_a_region_is_inside_on_the_grid_and_bounded(low, size, length, phase):
    found = within(low, low + size, length, phase)
    if found is None:
        assert length - phase < LEAST + 7
        return
    a, b = found
    assert 0 <= a < b <= length
    assert (a - phase) % 8 == (b - phase) % 8 == 0
    assert LEAST <= b - a <= MOST


def test_a_large_face_is_seen_at_a_known_size(portrait_file):
    pixels = Photo.open(portrait_file).pixels
    large = Photo.from_pixels(cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    assert largest_face(large).height > LARGEST_FACE
    seen = region(large)
    assert seen.on_face
    assert LARGEST_FACE - 24 <= seen.luminance.shape[0] <= LARGEST_FACE + 8
    assert np.array_equal(seen.told, libjpeg(90)[0])
    assert seen is region(large)


def test_off_grid_values_share_the_mean_step(rng):
    seen = region(Photo.from_pixels(laundering.jpeg(textured(rng), 70)))
    steps = DCT.steps(seen)
    assert steps[0] == pytest.approx(np.log2(libjpeg(70)[0][0, 1]))
    assert steps[1] == pytest.approx(np.log2(libjpeg(70)[0][1, 0]))
    np.testing.assert_allclose(steps[63:], steps[:63].mean(), rtol=1e-5)
