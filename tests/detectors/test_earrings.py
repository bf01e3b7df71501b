"""Earrings: drawn heads with earrings on one side, both or none; lobes that nobody can see."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.asymmetry.earrings import Earrings
from forensics.face import Face
from forensics.photo import Photo
from tests.detectors.drawn_head import face, head


@pytest.fixture
def examined(monkeypatch):
    def examine(left=None, right=None, its=None, **how):
        pixels = head(**how)
        for colour, x in ((left, 104), (right, 296)):
            if colour:
                cv2.circle(pixels, (x, 258), 6, colour, -1)
                cv2.circle(pixels, (x - 1, 256), 2, (255, 255, 255), -1)
        monkeypatch.setattr("detectors.asymmetry.earrings.largest_face", lambda photo: its or face())
        return Earrings().examine(Photo.from_pixels(pixels))

    return examine


GOLD, RED = (240, 190, 40), (220, 30, 40)


def test_none_and_a_pair_match_and_one_alone_does_not(examined):
    none, pair, one = examined(), examined(GOLD, GOLD), examined(GOLD)
    assert max(none.score, pair.score) < -0.5
    assert one.score > 0.3
    assert "Neither" in none.finding
    assert "Both lobes" in pair.finding
    assert "left lobe only" in one.finding
    assert examined(None, GOLD).score == pytest.approx(one.score, abs=0.1)


def test_two_unlike_earrings_differ_in_colour(examined):
    assert examined(GOLD, RED).score > examined(GOLD, GOLD).score + 0.5


def test_hidden_lobes_are_silent(examined):
    evidence = examined(GOLD, lobes=(True, False))
    assert evidence.score is None
    assert "right lobe is hidden" in evidence.finding


def test_dark_skin_in_the_dark_is_silent(examined):
    evidence = examined(skin=(50, 36, 30), ground=(30, 26, 24))
    assert evidence.score is None
    assert "too dark" in evidence.finding


def test_dark_skin_in_good_light_is_compared(examined):
    none, one = (examined(left, skin=(110, 75, 58)) for left in (None, GOLD))
    assert none.score < 0 < one.score


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda points: points * 0.25, "px wide"),
        (lambda points: points + np.float32((-150, 0)), "left lobe is cut off"),
        (
            lambda points: np.where(np.arange(478)[:, None] == 1, points + np.float32((60, 0)), points),
            "turned too far",
        ),
    ],
)
def test_silent_with_a_reason(examined, change, why):
    evidence = examined(its=Face(change(face().points).astype(np.float32)))
    assert evidence.score is None
    assert why in evidence.finding


def test_what_is_shown_lies_inside(examined):
    evidence = examined(GOLD)
    assert [mark.label for mark in evidence.marks] == ["left lobe", "right lobe"]
    assert evidence.exhibit.shape == (320, 588, 3)
    for mark in evidence.marks:
        assert 0 <= mark.left < mark.left + mark.width <= 400


def test_no_face_is_silent():
    assert "No face" in Earrings().examine(Photo.from_pixels(np.full((80, 80, 3), 9, np.uint8))).finding
