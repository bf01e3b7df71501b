"""Teeth: drawn rows of teeth whose middle gap is on the face's midline, or is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.asymmetry.teeth import INCISOR, WIDTH, Midline, gaps_of
from forensics.face import LIPS_INSIDE, Face
from forensics.photo import Photo
from tests.detectors.drawn_head import face, head

TOOTH = INCISOR * 84  # px of the drawn mouth, which is 84 px wide


def smiling(shift: float = 0.0, teeth: bool = True) -> np.ndarray:
    """A head whose open mouth shows teeth; `shift` moves them, in incisor widths."""
    pixels = head()
    inside = np.zeros(pixels.shape[:2], dtype=np.uint8)
    cv2.fillPoly(inside, [face().points[list(LIPS_INSIDE)].round().astype(np.int32)], 1)
    mouth = np.full_like(pixels, (70, 25, 25))
    if teeth:
        mouth[262:288] = (232, 226, 214)
        for number in range(-5, 6):
            x = round(200 + (number + shift) * TOOTH)
            cv2.line(mouth, (x, 262), (x, 288), (120, 95, 85), 2)
    return np.where(inside[..., None] > 0, mouth, pixels)


@pytest.fixture
def examined(monkeypatch):
    def examine(its=None, **how):
        monkeypatch.setattr("detectors.asymmetry.teeth.largest_face", lambda photo: its or face())
        return Midline().examine(Photo.from_pixels(smiling(**how)))

    return examine


def test_a_gap_on_the_midline_matches_and_a_tooth_there_does_not(examined):
    straight, half = examined(), examined(shift=0.5)
    assert straight.score < -0.6
    assert half.score > 0.1
    assert "edges between teeth" in straight.finding


def test_the_further_off_the_higher(examined):
    scores = [examined(shift=shift).score for shift in (0.0, 0.25, 0.5)]
    assert scores == sorted(scores)
    assert examined(shift=-0.25).score == pytest.approx(scores[1], abs=0.3)


def test_gaps_are_found_where_they_are():
    profile = np.full(WIDTH, 80.0)
    for x in (40, 65, 90, 115):
        profile[x - 1 : x + 2] -= 20
    profile[:20] = profile[140:] = np.nan
    np.testing.assert_allclose(gaps_of(profile), (40, 65, 90, 115), atol=1)
    assert len(gaps_of(np.full(WIDTH, 80.0))) == 0
    assert len(gaps_of(np.full(WIDTH, np.nan))) == 0


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"its": face(opening=4)}, "closed"),
        ({"its": Face(face().points * 0.3)}, "px wide"),
        ({"teeth": False}, "teeth cannot be seen"),
        ({"its": Face(face().points - np.float32((190, 0)))}, "cut off"),
    ],
)
def test_silent_with_a_reason(examined, how, why):
    evidence = examined(**how)
    assert evidence.score is None
    assert why in evidence.finding


def test_a_turned_head_is_not_judged(examined):
    points = face().points.copy()
    points[1] += (60, 0)
    assert "turned" in examined(its=Face(points)).finding


def test_no_face_is_silent():
    assert "No face" in Midline().examine(Photo.from_pixels(np.full((80, 80, 3), 9, np.uint8))).finding
