"""Framing: a fact about where the eyes sit, and never a score."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.asymmetry.framing import EXPECTED, Framing
from forensics.face import EYE, Face
from forensics.photo import Photo


@pytest.fixture
def placed(monkeypatch):
    """Evidence about a photo whose eyes lie at shares of its sides."""

    def examine(eyes, shape=(200, 200)):
        points = np.zeros((478, 2), dtype=np.float32)
        for side, (x, y) in zip(("left", "right"), eyes, strict=True):
            points[list(EYE[side])] = np.array((x * shape[1], y * shape[0]))
        monkeypatch.setattr("detectors.asymmetry.framing.largest_face", lambda photo: Face(points))
        return Framing().examine(Photo.from_pixels(np.full((*shape, 3), 128, np.uint8)))

    return examine


def test_the_rule_s_place_is_told_with_its_worth_and_without_a_score(placed):
    evidence = placed(EXPECTED + 0.005)
    assert evidence.score is None
    assert not Framing.scores
    assert "within 0.007" in evidence.finding
    assert "every photo aligned by FFHQ's rule does" in evidence.finding
    assert any("no evidence of a generator" in caveat for caveat in evidence.caveats)


@pytest.mark.parametrize("shift", [(0.05, 0.0), (0.0, -0.05), (-0.2, 0.1)])
def test_elsewhere_says_nothing(placed, shift):
    evidence = placed(EXPECTED + shift)
    assert evidence.score is None
    assert "says nothing" in evidence.finding


def test_a_frame_that_is_not_square_is_not_theirs(placed):
    assert "not square" in placed(EXPECTED, (300, 200)).finding


def test_no_face_is_silent_and_the_exhibit_is_small(placed):
    assert "No face" in Framing().examine(Photo.from_pixels(np.full((90, 90, 3), 128, np.uint8))).finding
    shown = placed(EXPECTED, (600, 600)).exhibit
    assert shown.shape == (480, 480, 3)
    crosses = np.argwhere(shown[..., 0].astype(int) - shown[..., 1] > 60)
    assert abs(crosses[:, 1].mean() / 480 - 0.5) < 0.02
    assert abs(crosses[:, 0].mean() / 480 - 0.47) < 0.02


def test_published_stylegan_faces_sit_there_and_unaligned_photos_do_not(shared):
    """What the finding claims, on a few pictures of each."""

    def share(folder: str) -> float:
        paths = sorted((shared / "data" / "faces" / folder).iterdir())[::30][:12]
        return float(np.mean(["within" in Framing().examine(Photo.open(path)).finding for path in paths]))

    assert share("stylegan_256") > 0.8
    assert share("official_portraits") == 0
