"""Faces are found where they are, framed alike, and their absence is no error."""

from __future__ import annotations

import numpy as np
import pytest

from forensics.face import cut, faces, find_faces, largest_face
from forensics.photo import Photo


@pytest.fixture(scope="module")
def portrait(portrait_file) -> Photo:
    return Photo.open(portrait_file)


def test_one_face_with_irises_between_its_eye_corners(portrait):
    (face,) = faces(portrait)
    assert face.points.shape == (478, 2)
    left, right = face.iris("left"), face.iris("right")
    assert left[0][0] < right[0][0]  # the viewer's left
    assert 0.5 < left[1] / right[1] < 2
    assert face.box[0] < left[0][0] < right[0][0] < face.box[2]
    assert faces(portrait) is faces(portrait)


def test_the_frame_puts_the_eyes_where_ffhq_has_them(portrait):
    """FFHQ-aligned pictures have eye centres near (0.375, 0.47) and (0.626, 0.47) of the frame."""
    face = largest_face(portrait)
    top_left, bottom_left, _, top_right = face.frame()
    axes = np.stack([top_right - top_left, bottom_left - top_left])
    for side, expected in (("left", (0.385, 0.48)), ("right", (0.615, 0.48))):
        at = np.linalg.solve(axes.T, face.iris(side)[0] - top_left)
        assert np.allclose(at, expected, atol=0.05)


def test_a_cut_is_upright_and_repeats_itself(portrait):
    face = largest_face(portrait)
    picture = cut(portrait.pixels, face.frame(), 128)
    assert picture.shape == (128, 128, 3)
    assert np.array_equal(picture, cut(portrait.pixels, face.frame(), 128))
    (again,) = find_faces(cut(portrait.pixels, face.frame(1.5), 256))
    across = again.iris("right")[0] - again.iris("left")[0]
    assert abs(across[1]) < 0.1 * across[0]


def test_cut_is_exact_where_nothing_has_to_be_resampled(rng):
    pixels = rng.integers(0, 255, (64, 64, 3), np.uint8)
    frame = np.array([(8, 8), (8, 40), (40, 40), (40, 8)], np.float32)
    assert np.array_equal(cut(pixels, frame, 32), pixels[8:40, 8:40])


@pytest.mark.parametrize("shape", [(1, 1, 3), (15, 400, 3), (64, 64, 3), (1, 3000, 3)])
def test_no_face_in_nothing(shape):
    assert find_faces(np.full(shape, 127, np.uint8)) == ()


def test_no_face_in_a_scene(scene_file):
    assert largest_face(Photo.open(scene_file)) is None
