"""Copies share a group; dropped are only those that the pictures themselves confirm."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.corpus import likeness
from forensics.laundering import jpeg
from generators.copies import copies_of, groups_of, likely_same, thumb


@settings(max_examples=40)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12), st.data())
def test_groups_are_the_chains_of_near_hashes(hashes, data):
    for base in list(hashes):
        flips = data.draw(st.sets(st.integers(0, 63), max_size=5))
        hashes.append(base ^ sum(1 << bit for bit in flips))
    expected = list(range(len(hashes)))  # the naive way: join until nothing changes
    for _ in hashes:
        for i, a in enumerate(hashes):
            for j, b in enumerate(hashes):
                if (a ^ b).bit_count() <= 4:
                    expected[i] = expected[j] = min(expected[i], expected[j])
    got = groups_of([f"{h:016x}" for h in hashes])
    for i in range(len(hashes)):
        for j in range(len(hashes)):
            assert (got[i] == got[j]) == (expected[i] == expected[j])
        assert int(got[i], 16) == min(h for h, e in zip(hashes, expected, strict=True) if e == expected[i])


def scene(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC)


def test_of_copies_the_largest_stays_and_of_equals_the_first():
    small = cv2.resize(scene(0), (48, 48), interpolation=cv2.INTER_AREA)
    shown = [small, scene(1), scene(0), jpeg(scene(0), 60), scene(2), scene(1)]
    hashes = [likeness(picture) for picture in shown]
    found = copies_of(hashes, [p.size for p in shown], shown.__getitem__)
    assert found == {0: 2, 3: 2, 5: 1}


def test_alike_is_not_the_same():
    """The same hash, as faces cut alike have, and another picture."""
    one, other = scene(0), scene(0)[..., ::-1]
    hashes = ["0" * 16, "0" * 16]
    assert copies_of(hashes, [1, 1], [one, other].__getitem__) == {}
    assert copies_of(hashes, [1, 1], [one, one].__getitem__) == {1: 0}
    assert copies_of(["0" * 16, "f" * 16], [1, 1], [one, one].__getitem__) == {}  # pictures are not even looked at


def test_plain_surfaces_are_told_apart_by_their_colour():
    grey, lighter, darker = (thumb(np.full((40, 40, 3), level, np.uint8)) for level in (120, 121, 90))
    assert likely_same(grey, lighter)
    assert not likely_same(grey, darker)
    assert not likely_same(grey, thumb(scene(0)))


def test_what_sites_do_to_a_photo_leaves_a_copy(rng):
    photo = scene(3)
    for copy in (jpeg(photo, 40), cv2.GaussianBlur(photo, (0, 0), 1), (photo * 0.9).astype(np.uint8)):
        assert likely_same(thumb(photo), thumb(copy))
