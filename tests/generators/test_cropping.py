"""Each way of cutting keeps what it says, at any size, and refuses what would contradict itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.face import IRIS, largest_face
from forensics.photo import Photo
from forensics.refusal import Refusal
from generators.cropping import Cut, LeftOut, fitted, size_of, wide_on_black


def ramp(height: int, width: int) -> Photo:
    """Row numbers in red, column numbers in green."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.mgrid[:height, :width]
    return Photo.from_pixels(pixels)


def test_sizes():
    assert [size_of(text) for text in ("64", "128x96", "32x32", "native")] == [64, (128, 96), 32, None]
    for bad in ("", "big", "12x", "x12", "1x2x3", "-8", "8.5", "٣٢"):
        with pytest.raises(Refusal, match="--size"):
            size_of(bad)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 24), st.integers(1, 24))
def test_fitted_is_the_largest_middle_part_of_the_shape(height, width, high, wide):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.mgrid[:height, :width]
    made = fitted(pixels, (high, wide))
    assert made.shape == (high, wide, 3)
    unit = min(height / high, width / wide)
    if unit >= 1:  # where it shrinks, corners are means near the edge of the part
        for axis, (whole, part) in enumerate(((height, high * unit), (width, wide * unit))):
            values = made[..., axis].astype(float)
            assert values.min() == pytest.approx((whole - part) / 2 + unit / 2 - 0.5, abs=1.5)
            assert values.max() == pytest.approx((whole + part) / 2 - unit / 2 - 0.5, abs=1.5)


def test_fitted_shrinks_by_area_and_keeps_single_channels():
    pixels = np.zeros((8, 12, 1), np.uint8)
    pixels[:, 2:10:2] = 200  # columns of the middle alternate
    assert np.array_equal(fitted(pixels, (4, 4)), np.full((4, 4, 1), 100))
    assert np.array_equal(fitted(pixels, (8, 8)), pixels[:, 2:10])


def test_none_keeps_all_of_a_photo_or_leaves_it_out():
    made = Cut((20, 30), crop="none").made(ramp(40, 60))
    assert made.shape == (20, 30, 3)
    assert (made[0, 0, :2] <= 1).all()
    assert np.allclose(made[-1, -1, :2], [38.5, 58.5], atol=1)
    assert Cut((33, 50), crop="none").made(ramp(40, 60)).shape == (33, 50, 3)  # within a pixel
    for size in (20, (30, 20), (21, 30)):
        with pytest.raises(LeftOut, match="60 wide and 40 high"):
            Cut(size, crop="none").made(ramp(40, 60))


def test_wide_is_a_strip_on_black():
    made = wide_on_black(ramp(64, 64).pixels, (16, 32))
    assert made.shape == (32, 32, 3)
    assert not made[:8].any()
    assert not made[24:].any()
    assert np.allclose(made[8, 0], [16.5, 0.5, 0], atol=1)  # 32 of 64 rows: the middle, proportions kept
    assert np.allclose(made[23, 31], [46.5, 62.5, 0], atol=1)
    with pytest.raises(LeftOut, match="too small"):
        wide_on_black(ramp(64, 31).pixels, (16, 32))


def test_face_stays_inside_the_photo_and_is_not_turned(portrait_file, scene_file):
    photo = Photo.open(portrait_file)
    for size in (64, (64, 48), (48, 64)):
        made = Cut(size, crop="face").made(photo)
        assert made.shape[:2] == Cut(size).shape
        face = largest_face(Photo.from_pixels(np.repeat(np.repeat(made, 4, 0), 4, 1)))
        assert np.allclose(face.points[list(IRIS["left"])].mean(0) / (256, 256), (0.4, 0.5), atol=0.25)
    left, top, right, bottom = largest_face(photo).box
    tight = Photo.from_pixels(photo.pixels[top:bottom, left:right])  # FFHQ's frame would leave it
    side = min(tight.width, tight.height)
    assert np.array_equal(Cut(side, crop="face").made(tight).shape, (side, side, 3))
    far, near = (Cut(256, crop="face", framing=framing).made(photo) for framing in (1.0, 0.7))
    assert largest_face(Photo.from_pixels(near)).height > 1.2 * largest_face(Photo.from_pixels(far)).height
    with pytest.raises(LeftOut, match="no face found"):
        Cut(64, crop="face").made(Photo.open(scene_file))


def test_an_aligned_face_of_another_shape_is_the_middle_of_ffhqs_square(portrait_file):
    photo = Photo.open(portrait_file)
    square = Cut(128, align_faces=True).made(photo)
    assert np.array_equal(Cut((128, 96), align_faces=True).made(photo), square[:, 16:112])
    assert np.array_equal(Cut(128, align_faces=True, crop="face").made(photo), square)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": 64, "crop": "middle"}, "--crop middle: must be one of center, face, none, wide"),
        ({"size": 64, "align_faces": True, "crop": "center"}, "leave --crop center away"),
        ({"size": 64, "align_faces": True, "crop": "none"}, "leave --crop none away"),
        ({"size": 64, "framing": 0.6}, "add --align-faces or --crop face"),
        ({"size": 64, "framing": 9, "crop": "face"}, "must be 0.3 to 3"),
        ({"size": None, "crop": "center"}, "native keeps files as they are"),
        ({"size": None, "align_faces": True}, "faces cannot be aligned"),
        ({"size": (64, 5)}, "--size 64x5: must be 8 to 4096"),
        ({"size": 64, "crop": "wide"}, "must be wider than high"),
    ],
)
def test_contradictions_are_refused_in_one_line(options, says):
    with pytest.raises(Refusal, match=says) as refusal:
        Cut(**options)
    assert len(str(refusal.value).splitlines()) == 1
