"""The contract that every member of the panel keeps."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from detectors import PANEL, load_calibration, load_examiners, load_panel
from forensics.evidence import Detector, Evidence
from forensics.photo import Photo
from forensics.places import DETECTOR_WEIGHTS as WEIGHTS
from forensics.refusal import Refusal

NAMES = [member.name for member in PANEL]


@pytest.fixture(scope="module")
def panel() -> dict[str, Detector]:
    return {detector.name: detector for detector in load_panel()}


@pytest.fixture(scope="module")
def portrait(portrait_file) -> Photo:
    return Photo.open(portrait_file)


@pytest.fixture(scope="module")
def told(panel, portrait) -> dict[str, Evidence]:
    """What each says of the portrait when it is first asked."""
    return {name: detector.examine(portrait) for name, detector in panel.items()}


@pytest.fixture(scope="module")
def odd_photos(scene_file) -> list[Photo]:
    noise = np.random.default_rng(0).integers(0, 255, (300, 200, 3), np.uint8)
    shapes = [(1, 1, 3), (2, 900, 3), (900, 2, 3), (30, 30, 3), (256, 256, 3)]
    blank = [np.full(shape, value, np.uint8) for shape in shapes for value in (0, 255)]
    return [Photo.from_pixels(pixels) for pixels in [*blank, noise]] + [Photo.open(scene_file)]


def same(a: Evidence, b: Evidence) -> bool:
    exhibits = (a.exhibit is None) == (b.exhibit is None) and (
        a.exhibit is None or np.array_equal(a.exhibit, b.exhibit)
    )
    fields = ("detector", "score", "finding", "marks", "claim", "caveats")
    return exhibits and all(getattr(a, name) == getattr(b, name) for name in fields)


@pytest.mark.parametrize("name", NAMES)
def test_it_introduces_itself(panel, name):
    detector = panel[name]
    assert isinstance(detector, Detector)
    assert re.fullmatch(r"[a-z][a-z_]*", name)
    assert detector.question.endswith("?")
    assert detector.weights is None or re.fullmatch(r"[0-9a-f]{64}", detector.weights)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_photo_gives_the_same_evidence(panel, told, portrait, portrait_file, name):
    first = told[name]
    assert first.detector == name
    assert same(first, panel[name].examine(portrait))
    assert same(first, panel[name].examine(Photo.open(portrait_file)))
    assert same(first, type(panel[name]).load(WEIGHTS).examine(Photo.open(portrait_file)))


@pytest.mark.parametrize("name", NAMES)
def test_what_it_shows_is_in_form(panel, told, portrait, odd_photos, name):
    for photo in [portrait, *odd_photos]:
        found = told[name] if photo is portrait else panel[name].examine(photo)
        assert found.finding
        assert "\n" not in found.finding
        assert found.score is None or np.isfinite(found.score)
        for mark in found.marks:
            assert mark.label
            assert 0 <= mark.left < mark.left + mark.width <= photo.width
            assert 0 <= mark.top < mark.top + mark.height <= photo.height
            assert all(type(n) is int for n in (mark.left, mark.top, mark.width, mark.height))
        if found.exhibit is not None:
            assert found.exhibit.dtype == np.uint8
            assert found.exhibit.ndim == 3
            assert found.exhibit.shape[2] == 3


@pytest.mark.parametrize("name", NAMES)
def test_it_is_silent_on_tiny_and_blank_photos(panel, odd_photos, name):
    for photo in odd_photos[:-2]:
        found = panel[name].examine(photo)
        assert found.score is None
        assert found.claim is None


@pytest.mark.parametrize("name", NAMES)
def test_only_members_that_score_are_weighed(panel, told, name):
    calibrated = name in load_calibration().lines
    assert calibrated == panel[name].scores
    if not panel[name].scores:
        assert told[name].score is None


def test_at_least_one_of_each_kind():
    kinds = {member.__module__.split(".")[1] for member in PANEL}
    assert kinds >= {"provenance", "structure", "frequency", "asymmetry", "classifier"}


def test_what_ships_belongs_together_and_nothing_else_is_weighed(tmp_path):
    panel, calibration = load_examiners()
    assert {d.name for d in panel if d.scores} == set(calibration.lines)
    for path in WEIGHTS.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    about = {**calibration.about, "weights": {**calibration.about["weights"], "classifier": "0" * 64}}
    replace(calibration, about=about).save(tmp_path / "calibration.json")
    with pytest.raises(Refusal, match="fitted to other weights of classifier"):
        load_examiners(tmp_path)
