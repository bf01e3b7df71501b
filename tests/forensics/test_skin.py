"""The typology angle of patches whose CIELAB colour is known, and the silence where there is none."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.face import Face, largest_face
from forensics.photo import Photo
from forensics.skin import PARTS, Tone, part_colour, skin_tone

CENTRES = {"left cheek": (60, 120), "right cheek": (180, 120), "forehead": (120, 40)}
SIZE = 240


def face() -> Face:
    """Landmarks of each part on a circle of 24 px radius."""
    points = np.zeros((478, 2), np.float32)
    for name, members in PARTS.items():
        turn = np.linspace(0, 2 * math.pi, len(members), endpoint=False)
        points[list(members)] = np.stack([np.cos(turn), np.sin(turn)], 1) * 24 + CENTRES[name]
    return Face(points)


def of_lab(*lab: float) -> np.ndarray:
    """(3,) uint8 sRGB."""
    rgb = cv2.cvtColor(np.float32(lab).reshape(1, 1, 3), cv2.COLOR_Lab2RGB)[0, 0]
    return (rgb * 255).round().clip(0, 255).astype(np.uint8)


def painted(colour, **parts) -> Photo:
    pixels = np.full((SIZE, SIZE, 3), 120, np.uint8)
    pixels[:] = colour
    for name, other in parts.items():
        x, y = CENTRES[name.replace("_", " ")]
        pixels[y - 26 : y + 26, x - 26 : x + 26] = other
    return Photo.from_pixels(pixels)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # two patches of the ColorChecker: published sRGB and (D50) CIELAB values
        ((115, 82, 68), (37.99, 13.56, 14.06)),
        ((194, 150, 130), (65.71, 18.13, 17.81)),
    ],
)
def test_published_patches(rgb, lab):
    tone = skin_tone(painted(rgb), face())
    assert (tone.lightness, tone.b) == pytest.approx((lab[0], lab[2]), abs=2)
    assert tone.ita == pytest.approx(math.degrees(math.atan2(lab[0] - 50, lab[2])), abs=4)


@settings(max_examples=30, deadline=None)
@given(st.floats(25, 80), st.floats(4, 18), st.floats(8, 22))
def test_the_angle_of_a_painted_colour(lightness, a, b):
    tone = skin_tone(painted(of_lab(lightness, a, b)), face())
    assert tone.ita == pytest.approx(math.degrees(math.atan((lightness - 50) / b)), abs=3)


@pytest.mark.parametrize(
    ("ita", "category"),
    [
        (60, "very light"),
        (50, "light"),
        (30, "intermediate"),
        (11, "tan"),
        (10, "brown"),
        (-29, "brown"),
        (-30, "dark"),
    ],
)
def test_categories_of_chardon(ita, category):
    b = 15.0
    assert Tone(50 + b * math.tan(math.radians(ita)) - 1e-6, 8.0, b).category == category


def test_one_part_alone_does_not_decide():
    skin = of_lab(62, 12, 16)
    plain = skin_tone(painted(skin), face())
    for odd in ((20, 14, 10), (250, 250, 250), (0, 0, 0)):  # a fringe, a lamp, a shadow
        assert skin_tone(painted(skin, forehead=odd), face()).ita == pytest.approx(plain.ita, abs=0.5)


def test_highlights_are_left_out():
    photo = painted(of_lab(40, 12, 14))
    plain = part_colour(photo.pixels, face(), "left cheek")
    shining = photo.pixels.copy()
    shining[98:120, 30:90] = of_lab(75, 6, 8)  # some 45 % of the part, not clipped
    seen = part_colour(shining, face(), "left cheek")
    assert np.allclose(seen, plain, atol=0.5)


def test_what_cannot_be_told_is_not_guessed():
    assert skin_tone(painted((128, 128, 128)), face()) is None  # no colour
    assert skin_tone(painted(of_lab(60, 8, -10)), face()) is None  # a blue cast
    assert skin_tone(painted((255, 240, 230)), face()) is None  # overexposed
    away = Face(face().points + 1000)
    assert skin_tone(painted(of_lab(60, 12, 16)), away) is None
    tiny = Face(face().points / 24)
    assert skin_tone(painted(of_lab(60, 12, 16)), tiny) is None


def test_a_real_portrait(portrait_file):
    photo = Photo.open(portrait_file)
    tone = skin_tone(photo, largest_face(photo))
    assert 10 < tone.ita < 55  # in warm light
    blank = Photo.from_pixels(np.repeat(photo.pixels[..., 1:2], 3, 2))
    assert skin_tone(blank, largest_face(photo)) is None
