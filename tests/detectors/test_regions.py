"""Regions: an enlarged part is found where it is, untouched photos are not accused, and little data says nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.structure import regions_fitting
from detectors.structure.regions import ENOUGH, FEW, MARGIN, Regions, Untouched, regions
from detectors.structure.residue import CELL, MOST, TILE, residue, runs, starts
from forensics import laundering
from forensics.corpus import Corpus
from forensics.photo import Photo
from forensics.places import DETECTOR_WEIGHTS as WEIGHTS
from forensics.refusal import Refusal

SIZE = 320, 400
BOX = slice(80, 240), slice(160, 320)


def scene(rng: np.random.Generator, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Texture at all scales, with a sensor's noise on it: (H, W, 3) uint8."""
    levels = np.full(size, 120.0)
    for octave in range(1, 7):
        small = rng.normal(0, 4 + 2 * octave, (size[0] // 2**octave + 2, size[1] // 2**octave + 2))
        levels += cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)
    levels += rng.normal(0, 4, size)
    return np.clip(levels, 5, 249).round().astype(np.uint8)[..., None].repeat(3, 2)


def filled_in(pixels: np.ndarray, factor: float = 2.5) -> np.ndarray:
    """Part of the picture replaced by another part that was shrunk and enlarged, as inpainting networks do."""
    other = np.ascontiguousarray(np.roll(pixels, (90, 70), (0, 1)))
    small = laundering.resize(other, 1 / factor)
    edited = pixels.copy()
    edited[BOX] = cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)[BOX]
    return edited


def ranked(*strengths: float, cells: int = 10_000) -> Regions:
    return Regions(Untouched(np.full(len(strengths), cells, float), np.array(strengths, float)))


@pytest.mark.parametrize("again", [lambda p: p, lambda p: laundering.jpeg(p, 90)], ids=["as is", "re-encoded"])
def test_an_enlarged_part_is_found_where_it_is(rng, again):
    untouched = scene(rng)
    before, after = (residue(again(p)) for p in (untouched, filled_in(untouched)))
    inside = np.zeros(after.map.shape, bool)
    inside[tuple(slice(s.start // CELL, s.stop // CELL) for s in BOX)] = True
    assert np.median(after.map[inside]) < -1
    assert abs(np.median(after.map[~inside])) < 0.3
    assert abs(np.median(before.map[inside])) < 0.3
    first = regions(after)[0]
    middle = (first.box[0] + first.box[2]) / 2, (first.box[1] + first.box[3]) / 2
    assert abs(middle[0] - 240) < 24
    assert abs(middle[1] - 160) < 24
    assert first.ratio < 0.9
    assert first.strength > 3 * max((r.strength for r in regions(before)), default=0.0)


def test_it_looks_at_detail_and_not_at_brightness_or_contrast(rng):
    untouched = scene(rng).astype(float)
    ramp = np.linspace(0.4, 1.0, SIZE[1])[None, :, None]
    shaded = np.clip(untouched * ramp + 6, 5, 249).round().astype(np.uint8)
    assert max((r.strength for r in regions(residue(shaded))), default=0.0) < 6


def test_the_map_turns_with_the_photo(rng):
    edited = filled_in(scene(rng))
    upright, turned = residue(edited), residue(np.ascontiguousarray(edited.transpose(1, 0, 2)))
    assert np.mean(np.abs(upright.map.T - turned.map) < 0.1) > 0.95


@settings(deadline=None)  # cores may be busy
@given(st.integers(16, 20_000), st.integers(16, 20_000))
def test_the_work_is_bounded_and_cells_lie_inside(height, width):
    tops, lefts = starts(height, width)
    for cells, length in ((tops, height), (lefts, width)):
        assert (np.diff(cells) >= CELL).all()
        assert cells[0] == 0
        assert cells[-1] + CELL <= length
        assert sum(b - a for a, b in runs(cells)) == len(cells) * CELL
    if min(height, width) >= 256:
        assert len(tops) * len(lefts) * CELL**2 <= 1.5 * MOST + 4 * TILE * max(height, width)
    if height * width <= MOST:
        assert (len(tops), len(lefts)) == (height // CELL, width // CELL)


def test_tiles_are_measured_like_the_whole(rng, monkeypatch):
    pixels = scene(rng, (512, 512))
    whole = residue(pixels)
    monkeypatch.setattr("detectors.structure.residue.MOST", 200_000)
    tiled = residue(pixels)
    assert tiled.map.size < whole.map.size
    rows, columns = (np.searchsorted(whole.tops, tiled.tops), np.searchsorted(whole.lefts, tiled.lefts))
    there = whole.logs[np.ix_(rows, columns)]
    assert np.corrcoef(there.ravel(), tiled.logs.ravel())[0, 1] > 0.97


def test_the_rank_counts_only_photos_large_enough():
    untouched = Untouched(np.array([100.0, 1000, 4000]), np.array([9.0, 2, 1]))
    assert untouched.like(200).tolist() == [1, 2, 9]
    assert untouched.like(2000).tolist() == [1, 2]
    assert untouched.like(9000).tolist() == []


@pytest.mark.parametrize(
    ("n", "strength", "concluded"),
    [
        (ENOUGH, 10 * MARGIN + 0.1, ENOUGH),
        (ENOUGH, 10 * MARGIN - 0.1, None),  # within the margin of what an untouched photo showed
        (ENOUGH - 1, 1000.0, None),  # so few photos cannot bound the rate of false alarms
        (0, 1000.0, None),
    ],
)
def test_an_edit_is_concluded_only_far_beyond_many_untouched_photos(n, strength, concluded):
    detector = ranked(*np.linspace(1, 10, n))
    assert detector.edited(10_000, strength) == concluded
    assert detector.edited(40_000, 1000.0) is None  # none of them is half as large


def test_the_finding_tells_the_rank_and_marks_only_what_is_rare(rng):
    photo = Photo.from_pixels(filled_in(scene(rng)))
    rare = ranked(*np.linspace(0, 5, FEW)).examine(photo)
    assert f"stronger than in {FEW} of {FEW} untouched photos" in rare.finding
    assert rare.score is None
    assert rare.marks
    common = ranked(*[500.0] * FEW).examine(photo)
    assert f"stronger than in 0 of {FEW}" in common.finding
    assert not common.marks
    unknown = ranked(1.0).examine(photo)
    assert "too few untouched photos" in unknown.finding
    assert not unknown.marks


def test_it_is_silent_outside_its_domain(rng):
    detector = ranked(*[1.0] * FEW)
    small = Photo.from_pixels(scene(rng, (200, 400)))
    assert "200" in detector.examine(small).finding
    drawn = np.full((300, 300, 3), 255, np.uint8)
    cv2.putText(drawn, "words", (40, 160), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 3)
    assert "nothing to compare" in detector.examine(Photo.from_pixels(drawn)).finding
    coarse = cv2.imencode(".jpg", scene(rng), [cv2.IMWRITE_JPEG_QUALITY, 40])[1].tobytes()
    found = detector.examine(Photo.open(coarse))
    assert "coarsely" in found.finding
    assert (found.score, found.exhibit, found.marks) == (None, None, ())


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"untouched": {"a": [[1]]}}', '{"untouched": {"a": [["x", 2]]}}'])
def test_a_broken_file_is_refused(tmp_path, text):
    assert Regions.load(tmp_path).weights == Regions.load(WEIGHTS).weights  # a run without one uses what ships
    (tmp_path / "regions.json").write_text(text)
    with pytest.raises(Refusal, match=r"regions\.json"):
        Regions.load(tmp_path)


def test_it_is_made_from_untouched_photos_alone(tmp_path, rng):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(32):
        cv2.imwrite(str(folder / f"{i}.png"), scene(rng, (256, 256 + 8 * (i % 3))))
    corpus = Corpus.open(folder)
    fakes = Corpus(folder, tuple(replace(e, label="fake") for e in corpus))
    path = regions_fitting.fit([corpus], tmp_path / "out")
    detector = Regions.load(tmp_path / "out")
    used = sum(e.split != "test" for e in corpus)
    assert len(detector.untouched.strengths) == used
    assert f"| photos | {used} |" in path.with_suffix(".md").read_text()
    again = json.loads(regions_fitting.fit([corpus, fakes], tmp_path / "again").read_text())
    assert again["untouched"] == json.loads(path.read_text())["untouched"]
    with pytest.raises(Refusal, match="0 untouched photos"):
        regions_fitting.fit([fakes], tmp_path / "none")


def test_copies_of_a_picture_count_once(tmp_path, rng):
    pixels = scene(rng, (256, 256))
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), pixels)
    corpus = Corpus.open(tmp_path)
    copies = Corpus(tmp_path, tuple(replace(e, group="one", split="train") for e in corpus))
    assert [len(rows) for rows in regions_fitting.strongest([copies], ("train",)).values()] == [1]


def test_what_ships_says_nothing_of_untouched_photos(portrait_file, scene_file):
    detector = Regions.load(WEIGHTS)
    about = json.loads((WEIGHTS / "regions.json").read_text())
    assert sum(map(len, about["untouched"].values())) == len(detector.untouched.strengths) > ENOUGH
    assert str(detector.weights) in (WEIGHTS / "regions.md").read_text()
    for file in (portrait_file, scene_file):
        photo = Photo.open(file)
        found = detector.examine(photo)
        assert not found.marks
        assert found.exhibit.shape[2] == 3
        seen = residue(photo.pixels)
        assert detector.edited(seen.map.size, regions(seen)[0].strength) is None


def test_erased_objects_are_found(shared: Path):
    """Three of twelve photos: the place is found; that a photo was edited at all is not concluded."""
    aucs = []
    for name in ("6", "12", "26"):
        edited = Photo.open(shared / "data" / "edits" / "eraser_forgery" / f"{name}.jpg")
        seen = residue(edited.pixels)
        mask = cv2.imread(str(shared / "data" / "edits" / "eraser_mask" / f"{name}.jpg"), cv2.IMREAD_GRAYSCALE)
        mask = cv2.resize(mask, seen.map.shape[::-1], interpolation=cv2.INTER_AREA) > 127
        order = np.argsort(np.argsort(-seen.map.ravel(), kind="stable"))[mask.ravel()]
        n = mask.sum()
        aucs.append((order.sum() - n * (n - 1) / 2) / (n * (mask.size - n)))
    assert min(aucs) > 0.95
