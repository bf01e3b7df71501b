"""Pixel maps: they show edits that were planted, bear whatever a photo may be, and can never weigh in a verdict."""

from __future__ import annotations

import dataclasses
import io
import time

import numpy as np
import pytest
from PIL import Image

import detectors
from detectors.maps import MAPS
from detectors.maps.clones import groups
from detectors.maps.error_level import error
from detectors.maps.ghost import BLOCK, QUALITIES, ghosts
from detectors.maps.map import Drawing
from detectors.maps.noise import strength
from detectors.maps.planes import planes
from detectors.maps.reach import LONGEST, MOST, within
from detectors.maps.wavelet import sigma
from forensics.calibration import Calibration, Domain
from forensics.evidence import Detector
from forensics.inspection import inspect
from forensics.laundering import jpeg
from forensics.photo import Photo

EACH = pytest.mark.parametrize("kind", MAPS, ids=lambda kind: kind.name)
PATCH = np.s_[96:224, 160:320]  # on the grid of 16 px blocks
CALIBRATION = Calibration({}, Domain(1, 0), 900, 900, conflict=9)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """Pixels without a JPEG past: the scene, halved, which takes its blocks away."""
    from sklearn.datasets import load_sample_image

    return np.asarray(Image.fromarray(load_sample_image("china.jpg")).resize((416, 288), Image.Resampling.BOX))


def contrast(level: np.ndarray, block: int = 1) -> float:
    """The mean inside the planted patch, less the mean outside."""
    inside = np.zeros(level.shape[:2], bool)
    inside[tuple(slice(s.start // block, s.stop // block) for s in PATCH)] = True
    return float(level[inside].mean() - level[~inside].mean())


@EACH
def test_no_map_is_a_detector(kind):
    drawn = kind()
    assert not isinstance(drawn, Detector)
    assert not any(hasattr(drawn, name) for name in ("examine", "question", "scores", "score", "weights", "load"))
    assert kind not in detectors.PANEL
    assert kind.name not in {member.name for member in detectors.PANEL}


@EACH
def test_an_inspection_refuses_a_map(kind):
    with pytest.raises(AttributeError):
        inspect(Photo.from_pixels(np.zeros((4, 4, 3), np.uint8)), [kind()], CALIBRATION)


def test_a_drawing_holds_a_picture_and_words_and_nothing_to_weigh():
    assert [field.name for field in dataclasses.fields(Drawing)] == ["picture", "words"]


def test_nothing_that_weighs_imports_a_map():
    for path in [*detectors.Path(detectors.__file__).parent.rglob("*.py")]:
        if path.parent.name != "maps":
            assert "detectors.maps" not in path.read_text(), path


@EACH
def test_each_says_whose_it_is_what_it_shows_and_what_not(kind):
    assert kind.title
    assert any(year in kind.source for year in map(str, range(1990, 2027)))
    assert len(kind.shows) > 60
    assert len(kind.misses) > 60


@EACH
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (15, 17), (33, 31), (1, 9000), (9000, 1), (16, 2000), (64, 64)])
def test_no_shape_is_too_odd(kind, shape, rng):
    pixels = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    for shot in (pixels, np.zeros_like(pixels), np.full_like(pixels, 255)):
        drawing = kind().draw(Photo.from_pixels(shot))
        assert drawing.picture.dtype == np.uint8
        assert drawing.picture.ndim == 3
        assert drawing.picture.shape[2] == 3
        assert max(drawing.picture.shape[:2]) <= LONGEST
        assert drawing.words.endswith(".")


@EACH
@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_no_mode_is_too_odd(kind, mode, rng):
    buffer = io.BytesIO()
    grey = Image.fromarray(rng.integers(0, 256, (40, 50), dtype=np.uint8))
    grey.convert("I" if mode == "I;16" else mode).save(buffer, "TIFF")
    assert kind().draw(Photo.open(buffer.getvalue())).picture.size


@EACH
def test_the_same_photo_gives_the_same_drawing(kind, scene):
    one, other = (kind().draw(Photo.from_pixels(scene)) for _ in range(2))
    assert np.array_equal(one.picture, other.picture)
    assert one.words == other.words


@EACH
def test_large_photos_are_bounded_and_say_so(kind, scene):
    large = np.tile(scene, (12, 12, 1))  # 17 megapixels
    assert large[..., 0].size > MOST
    photo, before = Photo.from_pixels(large), time.process_time()
    drawing = kind().draw(photo)
    assert time.process_time() - before < 20
    assert max(drawing.picture.shape) <= LONGEST
    if kind.name in ("wavelet", "clones", "gradient"):
        assert "was shrunk from 4,992×3,456" in drawing.words
    if kind.name == "ghost":
        assert "every 3×3 blocks" in drawing.words


def test_few_pixels_are_left_as_they_are(scene):
    pixels, said = within(scene)
    assert pixels is scene
    assert said == ""


@pytest.mark.parametrize("quality", [50, 65])
def test_a_part_of_another_jpeg_quality_lights_up_as_a_ghost(scene, quality):
    spliced = scene.copy()
    spliced[PATCH] = jpeg(scene, quality, "4:4:4")[PATCH]
    levels = ghosts(jpeg(spliced, 95, "4:4:4"))
    at = [contrast(level, BLOCK) for level in levels]
    assert QUALITIES[int(np.argmax(at))] == quality
    assert max(at) > 0.3
    untouched = [contrast(level, BLOCK) for level in ghosts(jpeg(scene, 95, "4:4:4"))]
    assert max(map(abs, untouched)) < max(at) / 2


def test_a_part_that_was_never_saved_changes_more_at_the_next_save(scene):
    saved = jpeg(scene, 90)
    spliced = saved.copy()
    spliced[PATCH] = scene[PATCH]
    assert contrast(error(spliced).astype(float)) > contrast(error(saved).astype(float)) + 1


def test_a_smoothed_part_is_dark_and_a_grainy_part_bright_in_both_maps_of_noise(rng):
    plain = np.clip(128 + rng.normal(0, 4, (288, 416, 1)), 0, 255).repeat(3, 2)
    grainy, smooth = plain.copy(), plain.copy()
    grainy[PATCH] += rng.normal(0, 8, (128, 160, 1))
    smooth[PATCH] = 128
    for pixels, sign in ((grainy, 1), (smooth, -1)):
        pixels = np.clip(pixels, 0, 255).astype(np.uint8)
        assert sign * contrast(strength(pixels)) > 1
        assert sign * contrast(sigma(pixels[..., 0]), 16) > 3


def test_the_noise_map_is_in_grey_levels(rng):
    level = sigma(np.clip(128 + rng.normal(0, 6, (256, 256)), 0, 255).astype(np.uint8))
    assert level.mean() == pytest.approx(6, rel=0.1)


@pytest.mark.parametrize("copies", [1, 2])
def test_a_copied_part_is_found_where_it_was_taken_and_put(scene, copies):
    spliced = scene.copy()
    part = scene[120:220, 100:180]
    for i in range(copies):
        spliced[10:110, 150 + 130 * i : 230 + 130 * i] = part
    found = groups(np.asarray(Image.fromarray(jpeg(spliced, 90)).convert("L")))
    assert found
    moves = {tuple(np.median(g.there - g.here, axis=0).round().astype(int)) for g in found}
    assert any(abs(x - 50) <= 2 and abs(y + 110) <= 2 for x, y in moves), moves
    assert not groups(np.asarray(Image.fromarray(jpeg(scene, 90)).convert("L")))


def test_planes_are_jpegs_own():
    y, cb, cr = planes(np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert [int(plane[0, 0]) for plane in (y, cb, cr)] == pytest.approx([76, 85, 255], abs=1)
    assert all((plane == 128).all() for plane in planes(np.full((2, 2, 3), 90, np.uint8))[1:])


def test_a_gradient_points_where_it_gets_lighter():
    gradient = next(kind for kind in MAPS if kind.name == "gradient")()
    ramp = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (60, 1))
    right = gradient.draw(Photo.from_pixels(np.repeat(ramp[..., None], 3, 2))).picture[30, 30]
    down = gradient.draw(Photo.from_pixels(np.repeat(ramp.T[..., None], 3, 2))).picture[30, 30]
    assert right[0] > 150
    assert right[1] == 128
    assert down[1] > 150
    assert down[0] == 128
