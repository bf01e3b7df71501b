"""Large faces are examined at the size that was validated; small ones as they are."""

from __future__ import annotations

import numpy as np
import pytest

from forensics import laundering
from forensics.face import largest_face
from forensics.photo import Photo
from forensics.view import LARGEST_FACE, at_known_size


@pytest.fixture(scope="module")
def portrait(portrait_file) -> Photo:
    return Photo.open(portrait_file)


def test_a_small_face_is_seen_as_it_is(portrait, scene_file):
    assert largest_face(portrait).height <= LARGEST_FACE
    assert at_known_size(portrait) is portrait
    scene = Photo.open(scene_file)
    assert at_known_size(scene) is scene


@pytest.mark.parametrize("scale", [2.0, 4.0])
def test_a_large_face_is_shrunk_to_the_known_size(portrait, scale):
    large = Photo.from_pixels(laundering.resize(portrait.pixels, scale, "bicubic"))
    seen = at_known_size(large)
    assert seen is at_known_size(large)
    assert largest_face(seen).height == pytest.approx(LARGEST_FACE, rel=0.05)
    assert seen.width / seen.height == pytest.approx(large.width / large.height, rel=0.01)
    again = at_known_size(Photo.from_pixels(np.array(large.pixels)))
    assert np.array_equal(seen.pixels, again.pixels)
