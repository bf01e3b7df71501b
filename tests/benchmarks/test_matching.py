"""Matching leaves both classes with the same shapes, enlarges nothing, and looks at no content."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.matching import brought_to, common, matched_shapes, partners

SIDES = st.integers(1, 3000)
SHAPES = st.tuples(SIDES, SIDES)
SMALL = st.integers(1, 80)
few = settings(max_examples=40, deadline=None)


def named(shapes) -> list[str]:
    return [f"{i:03d}" for i in range(len(shapes))]


@few
@given(st.lists(st.tuples(SHAPES, SHAPES), min_size=1, max_size=30))
def test_both_classes_get_the_same_shapes_and_none_is_enlarged(pairs):
    shapes = [shape for pair in pairs for shape in pair]
    fake = [label for _ in pairs for label in (False, True)]
    targets = matched_shapes(shapes, fake, named(shapes))
    assert Counter(targets[::2]) == Counter(targets[1::2])
    assert all(t[0] <= s[0] and t[1] <= s[1] and min(t) >= 1 for t, s in zip(targets, shapes, strict=True))


@few
@given(st.lists(SHAPES, min_size=1, max_size=12), st.lists(SHAPES, min_size=1, max_size=12), st.randoms())
def test_the_order_of_the_photos_and_the_names_of_the_classes_do_not_matter(reals, fakes, random):
    cases = [(shape, False) for shape in reals] + [(shape, True) for shape in fakes]
    cases = [(*case, name) for case, name in zip(cases, named(cases), strict=True)]
    first = dict(zip(cases, matched_shapes(*zip(*cases, strict=True)), strict=True))
    assert all(t[0] <= s[0] and t[1] <= s[1] for (s, *_), t in first.items())
    random.shuffle(cases)
    assert dict(zip(cases, matched_shapes(*zip(*cases, strict=True)), strict=True)) == first
    turned = [(shape, not label, name) for shape, label, name in cases]
    assert matched_shapes(*zip(*turned, strict=True)) == [first[case] for case in cases]


@few
@given(st.integers(1, 20), st.integers(1, 20))
def test_each_has_partners_of_the_other_class(reals, fakes):
    shapes = [(10 + i % 7, 10) for i in range(reals + fakes)]
    fake = np.arange(reals + fakes) >= reals
    cell = partners(shapes, fake, named(shapes))
    counts = [np.bincount(cell[fake == label], minlength=cell.max() + 1) for label in (False, True)]
    assert cell.max() + 1 == min(reals, fakes)
    assert min(counts, key=sum).tolist() == [1] * min(reals, fakes)
    assert np.ptp(max(counts, key=sum)) <= 1


def test_sets_of_one_shape_stay_and_others_are_shrunk_both():
    assert matched_shapes([(256, 256)] * 3, [False, True, True], "abc") == [(256, 256)] * 3
    assert common([(480, 600), (1024, 1024)]) == common([(1024, 1024), (480, 600)]) == (432, 540)
    assert common([(600, 400), (400, 600), (900, 900)]) == (360, 360)


def test_unequal_numbers_keep_the_shares_of_the_shapes():
    shapes = [(100, 100)] * 30 + [(200, 200)] * 10 + [(1000, 1000)] * 8
    targets = matched_shapes(shapes, [False] * 40 + [True] * 8, named(shapes))
    assert Counter(targets[:40]) == {(90, 90): 30, (180, 180): 10}
    assert Counter(targets[40:]) == {(90, 90): 6, (180, 180): 2}


def test_one_class_alone_is_a_mistake():
    with pytest.raises(ValueError, match="no partners"):
        matched_shapes([(3, 4)], [True], "a")


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
