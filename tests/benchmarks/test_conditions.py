"""Conditions do what their names say, to every photo alike, the same each time."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.commands.bench_robustness import robustness
from benchmarks.robustness import conditions
from benchmarks.robustness.conditions import CONDITIONS, NATIVE, RESIZE, chosen, condition_named, families
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.stability import LARGEST


@pytest.fixture
def picture(rng) -> np.ndarray:
    """(48, 64, 3): smooth, with some grain, in all of its range."""
    rows, columns = np.mgrid[:48, :64]
    smooth = np.stack([rows * 5, columns * 3, 255 - rows * 2 - columns], 2) + rng.normal(0, 4, (48, 64, 3))
    return smooth.clip(0, 255).astype(np.uint8)


def after(name: str, picture: np.ndarray, seed: int = 0) -> np.ndarray:
    return condition_named(name)(Photo.from_pixels(picture), seed).pixels


def test_names_are_words_and_each_is_one_thing(picture):
    names = [condition.name for condition in CONDITIONS]
    assert len(set(names)) == len(names) == 60
    assert all(name == name.lower() and not set(name) & set(' ,/"') for name in names)  # files are named so
    assert len({condition.about for condition in CONDITIONS}) == len(names)
    results = {c.name: c(Photo.from_pixels(picture), 0).pixels.tobytes() for c in CONDITIONS}
    half = results.pop("resize-bilinear-0.5")  # of even sides: the mean of four pixels
    assert half == results["resize-box-0.5"]
    assert len(set(results.values())) == len(results)
    assert CONDITIONS[0] is NATIVE
    assert np.array_equal(after("native", picture), picture)


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: c.name)
@given(
    pixels=arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=4, deadline=None)
def test_any_photo_comes_out_as_one_the_same_each_time(condition, pixels, seed):
    once = condition(Photo.from_pixels(pixels), seed).pixels
    assert once.dtype == np.uint8
    assert once.shape[2] == 3
    assert min(once.shape) > 0
    assert np.array_equal(once, condition(Photo.from_pixels(pixels), seed).pixels)


def test_only_what_is_random_depends_on_the_seed(picture):
    moved = {
        c.family.name
        for c in CONDITIONS
        if not np.array_equal(c(Photo.from_pixels(picture), 0).pixels, c(Photo.from_pixels(picture), 1).pixels)
    }
    assert moved == {"crop", "noise", "repost", "chain"}


def test_chance_depends_on_the_photo_not_on_its_name(picture):
    photo = Photo.from_pixels(picture, "real.png")
    other = Photo.from_pixels(picture, "fake by mygen.png")
    brighter = Photo.from_pixels(picture | 1)
    drawn = [condition_named("noise-10")(p, 0).pixels.astype(int) - p.pixels for p in (photo, other, brighter)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_one_photo_is_cropped_alike_in_every_condition(picture):
    """The window of 3/4 lies where chance puts it; the chain's of 9/10 is the same as that of crop-0.9."""
    whole = Photo.from_pixels(picture)
    window = condition_named("crop-0.9")(whole, 5).pixels
    later = conditions.resize(conditions.jpeg(conditions.sharpened(window), 92, "4:4:4"), 2 / 3, "lanczos")
    assert np.array_equal(condition_named("chain-edited")(whole, 5).pixels, conditions.jpeg(later, 78))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resize-box-0.25", (12, 16)),
        ("resize-lanczos-2", (96, 128)),
        ("crop-0.5", (24, 32)),
        ("screenshot-1.25", (60, 80)),
        ("chain-forwarded", (36, 48)),
        ("double-aligned-75-90", (45, 59)),
        ("double-shifted-75-90", (45, 59)),
        ("webp-50", (48, 64)),
    ],
)
def test_sizes(picture, name, shape):
    assert after(name, picture).shape == (*shape, 3)


def test_harsher_is_farther(picture):
    for family, labels in (
        ("jpeg-420", (95, 85, 75, 60, 45, 30)),
        ("jpeg-444", (95, 85, 75, 60, 45, 30)),
        ("webp", (90, 75, 50)),
        ("blur", (0.5, 1, 2)),
        ("noise", (2, 5, 10)),
    ):
        far = [np.abs(after(f"{family}-{label}", picture).astype(int) - picture).mean() for label in labels]
        assert far == sorted(far)
        assert far[0] > 0


def test_kernels_are_four_and_the_box_is_a_box(picture):
    assert len(RESIZE) == 4
    assert np.array_equal(after("resize-box-2", picture), picture.repeat(2, 0).repeat(2, 1))
    mean = picture.reshape(24, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(after("resize-box-0.5", picture) - mean).max() <= 0.5


def test_only_the_grid_differs_between_the_two_kinds_of_double_compression(picture, monkeypatch):
    monkeypatch.setattr(conditions, "jpeg", lambda pixels, quality, subsampling="4:2:0": pixels)
    assert np.array_equal(after("double-aligned-75-90", picture), after("double-shifted-75-90", picture))
    assert np.array_equal(after("double-aligned-75-90", picture), picture[3:, 5:])


def test_a_page_shows_the_photo_unscathed_but_for_its_coding(picture, monkeypatch):
    monkeypatch.setattr(conditions, "jpeg", lambda pixels, quality: pixels)
    page, shown = after("screenshot-page", picture), after("screenshot-0.9", picture)
    high, wide = shown.shape[:2]
    assert np.array_equal(page[high // 8 : high // 8 + high, wide // 20 : wide // 20 + wide], shown)
    assert (page[-1] == 255).all()


def test_large_photos_are_brought_to_what_sites_keep():
    wide = Photo.from_pixels(np.zeros((4, LARGEST * 2, 3), np.uint8))
    assert NATIVE(wide, 0).width == LARGEST
    assert condition_named("resize-box-2")(wide, 0).width == 2 * LARGEST


def test_conditions_are_chosen_by_name_family_or_kind():
    assert chosen(None) == CONDITIONS
    assert [c.name for c in chosen("crop-0.5")] == ["native", "crop-0.5"]
    assert [c.name for c in chosen(" webp-50 , webp,")] == ["native", "webp-90", "webp-75", "webp-50"]
    assert len(chosen("jpeg")) == 13
    assert len(chosen("resize")) == 21
    assert [c.name for c in chosen("crop,jpeg-444")][:2] == ["native", "jpeg-444-95"]  # in their order, not in ours
    for unknown in ("jpeg-420-96", "crop,wash", "", "native"):
        with pytest.raises(Refusal, match="allowed are jpeg-420, jpeg-444, webp,"):
            chosen(unknown)


def test_the_help_names_every_kind():
    told = inspect.signature(robustness, eval_str=True).parameters["conditions"].annotation.__metadata__[0].help
    kinds = dict.fromkeys(family.name.split("-")[0] for family in families())
    assert f"of: {', '.join(kinds)};" in told


def test_workers_look_conditions_up_by_name():
    for condition in CONDITIONS:
        assert condition_named(pickle.loads(pickle.dumps(condition.name))) is condition
