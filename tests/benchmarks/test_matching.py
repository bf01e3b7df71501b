"""Matching leaves both classes with the same shapes, enlarges nothing, and looks at no content."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.matching import brought_to, common, matched_shapes

SIDES = st.integers(1, 3000)
SHAPES = st.tuples(SIDES, SIDES)
SMALL = st.integers(1, 80)
few = settings(max_examples=40, deadline=None)


@few
@given(st.lists(st.tuples(SHAPES, SHAPES), min_size=1, max_size=30))
def test_both_classes_get_the_same_shapes_and_none_is_enlarged(pairs):
    shapes = [shape for pair in pairs for shape in pair]
    fake = [label for _ in pairs for label in (False, True)]
    targets = matched_shapes(shapes, fake)
    assert Counter(targets[::2]) == Counter(targets[1::2])
    assert all(t[0] <= s[0] and t[1] <= s[1] and min(t) >= 1 for t, s in zip(targets, shapes, strict=True))


@few
@given(st.lists(SHAPES, min_size=1, max_size=12), st.lists(SHAPES, min_size=1, max_size=12), st.randoms())
def test_the_order_of_the_photos_and_the_names_of_the_classes_do_not_matter(reals, fakes, random):
    cases = [(shape, False) for shape in reals] + [(shape, True) for shape in fakes]
    first = Counter(zip(cases, matched_shapes(*zip(*cases, strict=True)), strict=True))
    random.shuffle(cases)
    assert Counter(zip(cases, matched_shapes(*zip(*cases, strict=True)), strict=True)) == first
    turned = [(shape, not label) for shape, label in cases]
    assert Counter(matched_shapes(*zip(*turned, strict=True))) == Counter(t for _, t in first.elements())


def test_sets_of_one_shape_stay_and_others_are_shrunk_both():
    assert matched_shapes([(256, 256)] * 3, [False, True, True]) == [(256, 256)] * 3
    assert common((480, 600), (1024, 1024)) == common((1024, 1024), (480, 600)) == (432, 540)
    assert common((600, 400), (400, 600)) == (360, 360)


def test_unequal_numbers_keep_the_shares_of_the_shapes():
    shapes = [(100, 100)] * 30 + [(200, 200)] * 10 + [(1000, 1000)] * 8
    targets = matched_shapes(shapes, [False] * 40 + [True] * 8)
    assert Counter(targets[:40]) == {(90, 90): 30, (180, 180): 10}
    assert Counter(targets[40:]) == {(90, 90): 6, (180, 180): 2}


def test_one_class_alone_is_a_mistake():
    with pytest.raises(ValueError, match="one class"):
        matched_shapes([(3, 4)], [True])


@few
@given(st.tuples(SMALL, SMALL), st.tuples(SMALL, SMALL), st.integers(0, 9))
def test_a_picture_gets_exactly_its_shape(shape, target, seed):
    pixels = np.zeros((shape[1], shape[0], 3), np.uint8)
    target = min(shape[0], target[0]), min(shape[1], target[1])
    assert brought_to(target, pixels, np.random.default_rng(seed)).shape == (target[1], target[0], 3)


def test_it_is_cut_around_its_middle_and_keeps_its_proportions():
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[40:60, 90:110] = 255  # a square in the middle
    small = brought_to((40, 40), pixels, np.random.default_rng(0))[..., 0] > 127
    assert (small.any(0).sum(), small.any(1).sum()) == (8, 8)
    assert np.array_equal(small, small[::-1, ::-1])


def test_nothing_is_done_where_nothing_has_to_be(rng):
    pixels = rng.integers(0, 256, (30, 50, 3), np.uint8)
    assert np.array_equal(brought_to((50, 30), pixels, np.random.default_rng(1)), pixels)
    assert np.array_equal(brought_to((30, 30), pixels, np.random.default_rng(1)), pixels[:, 10:40])
    with pytest.raises(ValueError, match="50x30 px cannot be shrunk to 51x30"):
        brought_to((51, 30), pixels, np.random.default_rng(1))


def test_the_luck_of_what_follows_is_the_same_for_both_classes(rng):
    """A photo that stays and one that is shrunk leave the generator in the same state."""
    after = []
    for target in ((20, 20), (10, 10)):
        luck = np.random.default_rng(5)
        brought_to(target, np.zeros((20, 20, 3), np.uint8), luck)
        after.append(luck.integers(1 << 30))
    assert after[0] == after[1]
