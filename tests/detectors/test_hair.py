"""Hair: outlines blurred by known amounts over a face that stays sharp."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.asymmetry.hair import Hair, widths
from forensics.face import Face
from forensics.photo import Photo
from tests.detectors.drawn_head import face, head


def haired(softness: float = 0.0, everywhere: float = 0.0, ground=(200, 205, 215)) -> np.ndarray:
    """A head under dark hair whose outline is blurred; `everywhere` blurs the whole picture."""
    pixels = np.full((400, 400, 3), ground, dtype=np.uint8)
    cv2.ellipse(pixels, (200, 205), (125, 140), 0, 0, 360, (40, 30, 25), -1)
    if softness:
        pixels = cv2.GaussianBlur(pixels, (0, 0), softness)
    own = head(ground=(40, 30, 25))
    inner = np.zeros((400, 400), np.uint8)
    cv2.ellipse(inner, (200, 225), (86, 105), 0, 0, 360, 1, -1)
    for x in (150, 250):
        cv2.ellipse(own, (x, 155), (24, 4), 0, 0, 360, (60, 40, 30), -1)
    pixels = np.where(inner[..., None] > 0, own, pixels)
    return cv2.GaussianBlur(pixels, (0, 0), everywhere) if everywhere else pixels


@pytest.fixture
def examined(monkeypatch):
    def examine(its=None, **how):
        points = (its or face()).points.copy()
        brows = [70, 63, 105, 66, 107, 336, 296, 334, 293, 300]
        if its is None:
            points[brows] = [(x, 159) for x in (130, 140, 150, 160, 170, 230, 240, 250, 260, 270)]
        monkeypatch.setattr("detectors.asymmetry.hair.largest_face", lambda photo: Face(points))
        monkeypatch.setattr("detectors.asymmetry.hair.at_known_size", lambda photo: photo)
        return Hair().examine(Photo.from_pixels(haired(**how)))

    return examine


def test_the_softer_the_outline_the_higher(examined):
    scores = [examined(softness=softness).score for softness in (0, 1.5, 3)]
    assert scores == sorted(scores)
    assert scores[2] > scores[0] + 2


def test_a_blur_of_everything_is_no_sign(examined):
    assert abs(examined(everywhere=1.5).score - examined().score) < 1.2


def test_a_known_edge_has_its_width():
    ramp = np.tile(np.interp(np.arange(60), (27, 33), (20, 80)).astype(np.float32), (40, 1))
    found, places = widths(ramp, np.array([(30.0, 20.0)]), np.array([(1.0, 0.0)]), 10)
    assert found == pytest.approx([6], rel=0.1)
    np.testing.assert_allclose(places, [(30, 20)])
    assert len(widths(ramp * 0.1, np.array([(30.0, 20.0)]), np.array([(1.0, 0.0)]), 10)[0]) == 0


def test_hair_that_is_not_told_from_the_ground_is_silent(examined):
    evidence = examined(ground=(42, 31, 26))
    assert evidence.score is None
    assert "rays meet a clear edge" in evidence.finding


def test_small_faces_are_silent(examined):
    assert "px high" in examined(its=Face(face().points * 0.3)).finding


def test_no_face_is_silent():
    assert "No face" in Hair.load(None).examine(Photo.from_pixels(np.full((80, 80, 3), 9, np.uint8))).finding


def test_what_is_shown(examined):
    evidence = examined()
    assert evidence.exhibit.shape == (320, 3 * 288 + 24, 3)
    assert evidence.marks[0].label == "edge of the hair"
