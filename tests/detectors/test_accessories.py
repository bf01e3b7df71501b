"""Accessories: drawn collars alike and unlike on the two sides."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.asymmetry.accessories import Accessories, colour_distance, texture_distance
from forensics.face import Face
from forensics.photo import Photo
from tests.detectors.drawn_head import face, head


def dressed(left=(30, 60, 160), right=(30, 60, 160), stripes=(0, 0)) -> np.ndarray:
    """A head over two shoulders of these colours; stripes: "/" on the left mirrored on the right, by width."""
    pixels = head()
    for colour, stripe, sign in ((left, stripes[0], -1), (right, stripes[1], 1)):
        shoulder = np.array([(200, 330), (200 + 190 * sign, 345), (200 + 190 * sign, 400), (200, 400)])
        cv2.fillPoly(pixels, [shoulder], colour)
        cv2.line(pixels, (200 + 40 * sign, 330), (200 + 100 * sign, 400), (20, 25, 40), 3)  # a lapel
        for step in range(0, 240, 14) if stripe else ():
            start = (200 + step * sign, 330)
            cv2.line(pixels, start, (start[0] + 40 * sign, 400), (240, 240, 240), stripe)
    return pixels


@pytest.fixture
def examined(monkeypatch):
    def examine(its=None, **how):
        monkeypatch.setattr("detectors.asymmetry.accessories.largest_face", lambda photo: its or face())
        return Accessories().examine(Photo.from_pixels(dressed(**how)))

    return examine


def test_one_dress_matches_and_two_do_not(examined):
    alike, colours, stripes = (
        examined(),
        examined(right=(170, 40, 40)),
        examined(stripes=(4, 0)),
    )
    assert alike.score < -0.7
    assert colours.score > 0
    assert stripes.score > alike.score + 0.3
    assert examined(stripes=(4, 4)).score < stripes.score


def test_swapping_the_sides_changes_nothing(examined):
    one, other = examined(left=(90, 20, 20), stripes=(4, 0)), examined(right=(90, 20, 20), stripes=(0, 4))
    assert one.score == pytest.approx(other.score, abs=0.1)


def test_distances_are_zero_for_the_same_side_and_ignore_where_colours_lie(rng):
    side = rng.integers(0, 255, (96, 96, 3), np.uint8)
    assert colour_distance(side, side) == 0
    assert texture_distance(side, side) == pytest.approx(0, abs=1e-9)
    blocks = np.zeros((96, 96, 3), np.uint8)
    blocks[:48] = (200, 30, 30)
    assert colour_distance(blocks, np.ascontiguousarray(blocks[::-1])) == pytest.approx(0, abs=1e-6)
    assert colour_distance(blocks, blocks[..., ::-1]) > 20


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda points: points * 0.3, "px wide"),
        (lambda points: points + np.float32((0, 90)), "out of the photo"),
        (
            lambda points: np.where(np.arange(478)[:, None] == 1, points + np.float32((80, 0)), points),
            "turned too far",
        ),
    ],
)
def test_silent_with_a_reason(examined, change, why):
    evidence = examined(its=Face(change(face().points).astype(np.float32)))
    assert evidence.score is None
    assert why in evidence.finding


def test_nothing_to_see_is_silent(monkeypatch):
    monkeypatch.setattr("detectors.asymmetry.accessories.largest_face", lambda photo: face())
    evidence = Accessories().examine(Photo.from_pixels(np.full((400, 400, 3), 90, np.uint8)))
    assert evidence.score is None
    assert "plain" in evidence.finding
    assert evidence.exhibit.shape == (320, 588, 3)
