"""Eyes: drawn irises with known answers, a real portrait, and edits of it that must be noticed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.asymmetry.eyes import Eyes, Limits
from detectors.asymmetry.iris import (
    DISC,
    RADIUS,
    RHO,
    SIZE,
    find_highlights,
    find_pupil,
    highlight_distance,
    irregularity,
    measure,
)
from forensics.face import EYE, IRIS, Face, largest_face
from forensics.photo import Photo

CENTRES = {"left": (80.0, 100.0), "right": (180.0, 100.0)}


def drawn(
    left=(90, 120, 170), right=(90, 120, 170), spots=((0.3, -0.3), (0.3, -0.3)), radius=16.0, lid=0.9, white=210
):
    """A drawn pair of eyes as (pixels, Face): irises of these colours, highlights at places in iris radii.

    lid: how far, in iris radii, the lids' edges are from the middle.
    """
    pixels = np.full((200, 260, 3), (200, 160, 140), dtype=np.uint8)
    points = np.zeros((478, 2), dtype=np.float32)
    points[:] = (130, 120)
    for side, colour, spot in zip(("left", "right"), (left, right), spots, strict=True):
        x, y = CENTRES[side]
        angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        outline = np.stack([x + 2.2 * radius * np.cos(angles), y + lid * radius * np.sin(angles)], 1)
        points[list(EYE[side])] = outline
        points[list(IRIS[side])] = [(x, y), (x + radius, y), (x, y - radius), (x - radius, y), (x, y + radius)]
        eye = np.zeros(pixels.shape[:2], dtype=np.uint8)
        cv2.fillPoly(eye, [outline.round().astype(np.int32)], 1)
        inside = pixels.copy()
        inside[:] = white
        cv2.circle(inside, (round(x), round(y)), round(radius), colour, -1)
        cv2.circle(inside, (round(x), round(y)), round(0.35 * radius), (20, 20, 20), -1)
        if spot:
            middle = round(x + spot[0] * radius), round(y + spot[1] * radius)
            cv2.circle(inside, middle, max(1, round(0.15 * radius)), (255, 255, 255), -1)
        pixels = np.where(eye[..., None] > 0, inside, pixels)
    return pixels, Face(points)


@pytest.fixture
def examined(monkeypatch):
    """Evidence about a drawn pair of eyes; the face finder is told where they are."""

    def examine(limits: Limits | None = None, **how):
        pixels, face = drawn(**how)
        monkeypatch.setattr("detectors.asymmetry.eyes.largest_face", lambda photo: face)
        return Eyes(limits).examine(Photo.from_pixels(pixels))

    return examine


# ---- measuring one iris


def test_the_colour_of_an_iris_is_read_back():
    pixels, face = drawn(left=(90, 120, 170), right=(120, 80, 40))
    for side, colour in (("left", (90, 120, 170)), ("right", (120, 80, 40))):
        expected = cv2.cvtColor(np.float32(colour).reshape(1, 1, 3) / 255, cv2.COLOR_RGB2Lab)[0, 0]
        np.testing.assert_allclose(measure(pixels, face, side).colour, expected, atol=2)


@pytest.mark.parametrize("place", [(0.3, -0.3), (-0.4, 0.0), (0.0, 0.35)])
def test_a_highlight_is_found_where_it_is(place):
    pixels, face = drawn(spots=(place, None))
    left, right = (measure(pixels, face, side) for side in ("left", "right"))
    assert (left.count, right.count) == (1, 0)
    np.testing.assert_allclose(left.spots[0, :2], place, atol=0.1)
    assert highlight_distance(left, right) is None


def test_turned_eyes_are_measured_alike():
    pixels, face = drawn(spots=((0.3, -0.3), (-0.3, -0.3)))
    matrix = cv2.getRotationMatrix2D((130, 100), 25, 1.0)
    turned = cv2.warpAffine(pixels, matrix, (260, 200), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    moved = Face((face.points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32))
    for side in ("left", "right"):
        one, other = measure(pixels, face, side), measure(turned, moved, side)
        np.testing.assert_allclose(one.colour, other.colour, atol=2)
        np.testing.assert_allclose(one.spots[0, :2], other.spots[0, :2], atol=0.1)


def test_the_white_of_the_eye_is_no_highlight():
    lightness = np.full((SIZE, SIZE), 30.0, dtype=np.float32)
    lightness[:, : SIZE // 2 - RADIUS + 6] = 80.0  # a crescent of white reaches into the disc
    assert not find_highlights(lightness, DISC).any()
    assert not find_highlights(lightness, np.zeros_like(DISC)).any()
    lightness[40:46, 50:56] = 80.0
    assert find_highlights(lightness, DISC).sum() == 36


@pytest.mark.parametrize("shift", [(0, 0), (3, -2)])
def test_a_round_pupil_is_regular_and_a_notched_one_is_not(shift):
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    disc = np.hypot(x - shift[0], y - shift[1]) < 9
    assert irregularity(disc) < 0.03
    assert irregularity(np.hypot((x - shift[0]) / 1.3, y - shift[1]) < 9) < 0.03  # seen from the side
    notched = disc & ~((np.abs(x - shift[0]) < 4) & (y < shift[1]))
    assert irregularity(notched) > 0.12


def test_a_pupil_is_found_where_it_is_darker_and_nowhere_else():
    lightness = np.where(RHO < 0.4, 10.0, 45.0).astype(np.float32)
    nothing, opening = np.zeros_like(DISC), np.ones_like(DISC)
    found = find_pupil(lightness, opening, nothing)
    assert abs(found.sum() / (np.pi * (0.4 * RADIUS) ** 2) - 1) < 0.15
    spark = RHO < 0.15
    lit = find_pupil(np.where(spark, 95, lightness).astype(np.float32), opening, spark)
    assert (lit & found).sum() > 0.9 * found.sum()
    dark_iris = np.where(RHO < 0.4, 10.0, 15.0).astype(np.float32)
    assert find_pupil(dark_iris, opening, nothing) is None  # brown eyes: not guessed
    lid = opening.copy()
    lid[: SIZE // 2 - 4] = False
    assert find_pupil(lightness, lid, nothing) is None


def test_pupils_are_told_and_not_scored(examined):
    evidence = examined(left=(120, 150, 190), right=(120, 150, 190))
    assert "differs from an ellipse by" in evidence.finding
    assert "not scored" in evidence.finding


# ---- the detector on drawn eyes


def test_alike_eyes_score_below_zero_and_unlike_eyes_above(examined):
    alike, colours, lights = (
        examined(),
        examined(right=(120, 80, 40)),
        examined(spots=((0.5, -0.2), (-0.5, 0.2))),
    )
    assert alike.score < -0.6
    assert colours.score > alike.score + 0.5
    assert colours.score > 0
    assert lights.score > alike.score + 0.5
    assert "differ by 0." in alike.finding


def test_the_further_apart_the_higher(examined):
    scores = [examined(right=(90 + step, 120, 170)).score for step in (0, 15, 30, 45)]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0]


def test_one_part_cannot_run_away(examined):
    assert examined(right=(255, 90, 0), spots=(None, None)).score <= Limits().most


def test_swapping_the_eyes_changes_nothing(examined):
    one = examined(left=(100, 120, 150), right=(120, 110, 90), spots=((0.3, -0.3), (0.1, -0.2)))
    other = examined(left=(120, 110, 90), right=(100, 120, 150), spots=((0.1, -0.2), (0.3, -0.3)))
    assert one.score == pytest.approx(other.score, abs=0.05)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"radius": 4.0}, "4.0 px in radius"),
        ({"lid": 0.3}, "too far closed"),
        ({"white": 60, "left": (55, 55, 60), "right": (55, 55, 60)}, "cannot be told from the white"),
        ({"left": (14, 12, 12), "right": (14, 12, 12), "spots": (None, None)}, "too dark"),
    ],
)
def test_silent_with_a_reason(examined, how, why):
    evidence = examined(**how)
    assert evidence.score is None
    assert why in evidence.finding


def test_dark_irises_are_compared_by_their_highlights_only(examined):
    """Dark brown eyes are not accused of a colour that nobody can see."""
    evidence = examined(left=(22, 14, 12), right=(12, 14, 24))
    assert "too dark to compare" in evidence.finding
    assert evidence.score < 0


def test_a_turned_head_is_not_judged(monkeypatch):
    pixels, face = drawn()
    points = face.points.copy()
    rim = list(IRIS["right"])[1:]
    points[rim] = points[IRIS["right"][0]] + (points[rim] - points[IRIS["right"][0]]) * 0.6
    monkeypatch.setattr("detectors.asymmetry.eyes.largest_face", lambda photo: Face(points))
    evidence = Eyes().examine(Photo.from_pixels(pixels))
    assert evidence.score is None
    assert "turned" in evidence.finding


@pytest.mark.parametrize("shift", [(-75, 0), (0, -105), (75, 0), (0, 95), (-4000, 30)])
def test_eyes_over_the_edge_are_silent_and_marks_stay_inside(monkeypatch, shift):
    pixels, face = drawn()
    moved = Face(face.points + np.float32(shift))
    monkeypatch.setattr("detectors.asymmetry.eyes.largest_face", lambda photo: moved)
    evidence = Eyes().examine(Photo.from_pixels(pixels))
    assert evidence.score is None
    assert "edge of the photo" in evidence.finding
    for mark in evidence.marks:
        assert 0 <= mark.left < mark.left + mark.width <= 260
        assert 0 <= mark.top < mark.top + mark.height <= 200


# ---- on real photos


def enlarged(path) -> np.ndarray:
    """The portrait at twice its size, so that its irises are wide enough."""
    return cv2.resize(Photo.open(path).pixels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


def test_a_portrait_is_compared_and_shown(portrait_file):
    pixels = enlarged(portrait_file)
    first, second = (Eyes.load(portrait_file.parent).examine(Photo.from_pixels(pixels)) for _ in range(2))
    assert first.score is not None
    assert first.score == second.score
    assert [m.label for m in first.marks] == ["left iris", "right iris"]
    assert first.marks[0].left < first.marks[1].left
    assert np.array_equal(first.exhibit, second.exhibit)
    assert first.exhibit.dtype == np.uint8
    assert first.exhibit.shape[2] == 3


def test_a_mirrored_portrait_scores_alike(portrait_file):
    pixels = enlarged(portrait_file)
    scores = [Eyes().examine(Photo.from_pixels(np.ascontiguousarray(p))).score for p in (pixels, pixels[:, ::-1])]
    assert scores[0] == pytest.approx(scores[1], abs=0.35)  # landmarks move by a fraction of a pixel


@pytest.mark.parametrize("side", ["left", "right"])
def test_painting_one_iris_raises_the_score(portrait_file, side, monkeypatch):
    pixels = enlarged(portrait_file)
    photo = Photo.from_pixels(pixels)
    face = largest_face(photo)
    centre, radius = face.iris(side)
    y, x = np.mgrid[: photo.height, : photo.width]
    disc = np.hypot(x - centre[0], y - centre[1]) < radius
    painted = pixels.copy()
    painted[disc] = pixels[disc][:, ::-1]  # red and blue change places: brown turns blue
    limits = Limits(dark=5.0)  # her eyes are dark brown, near where colour ends
    monkeypatch.setattr("detectors.asymmetry.eyes.largest_face", lambda photo: face)
    before, after = Eyes(limits).examine(photo), Eyes(limits).examine(Photo.from_pixels(painted))
    assert after.score > before.score + 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 30000), (300, 300)])
def test_no_face_is_silent(shape):
    evidence = Eyes().examine(Photo.from_pixels(np.full((*shape, 3), 128, np.uint8)))
    assert evidence.score is None
    assert "No face" in evidence.finding


def test_real_faces_are_rarely_above_zero_whatever_their_irises(shared):
    """UTKFace names give the race as its annotators saw it: no group's eyes may be accused more than others'."""
    folder = shared / "data" / "faces" / "utkface_200"
    scores: dict[str, list[float | None]] = {}
    for path in sorted(folder.iterdir())[::60]:
        race = path.name.split("_")[2]
        group = "dark" if race in "123" else "other"
        scores.setdefault(group, []).append(Eyes().examine(Photo.open(path)).score)
    for found in scores.values():
        spoken = [s for s in found if s is not None]
        assert len(spoken) > 0.4 * len(found)
        assert np.mean(np.array(spoken) > 0) < 0.15
