"""Hair: the edge between hair and background, against the sharpness of the face itself.

A lens blurs an edge by how far it lies from the plane in focus, so hair is about as sharp as the face or a
little softer. Early generators paint halos there: hair that fades into the background over a crisp face, or
edges cut like paper (McCloskey & Albright 2018 and Matern et al. 2019 name the borders of hair among the tells).

    edge width   contrast across an edge divided by its steepest slope, in px: small = sharp
    hair         median over rays from the middle of the face that leave the forehead upwards and sideways,
                 at the outermost strong edge of each
    face         the same over the lids and brows, their sharper half
    ratio        log2(hair width / face width): +1 = the hair's edge is twice as wide as the face's

    score = (ratio - usual) / spread, usual and spread of camera faces

Measured at native pixels, in L blurred by 0.7 px. Silent where the rays meet too few edges.

What it is worth (split test, re-posted; 182 camera faces): AUC against StyleGAN 0.46 (0.38-0.55), StyleGAN2 0.33
(0.26-0.40), Stable Diffusion 3 0.39 (0.27-0.53): no evidence, and 44-71 % of camera faces score above 0, by domain.
A calibration gives it no weight; the picture remains. Some rays stop at the hairline instead of the outline.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from detectors.asymmetry.two_sides import beside, box
from forensics.evidence import Evidence, Mark, silent
from forensics.face import BROW, CHIN, EYE, TEMPLE, Face, cut_near, largest_face
from forensics.photo import Photo
from forensics.view import at_known_size

RAYS = 61
REACH = 1.0  # how far beyond the forehead a ray goes, in distances from the middle of the face to the forehead
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
HALF = 8  # px to both sides of an edge along which its width is measured
CAVEATS = (
    "A shallow depth of field, smooth caps, bald heads and portrait modes of phones change real edges.",
    "Shrinking and strong compression make all edges alike.",
)


@dataclass(frozen=True)
class Limits:
    """When edges can be measured, and how they are in camera photos."""

    face: int = 80  # px, brow line to chin
    contrast: float = 14.0  # L across an edge, at least
    rays: int = 12  # with an edge
    usual: float = 0.45  # log2 of widths, median of camera faces
    spread: float = 0.5  # half of what 8 of 10 camera faces lie within


class Hair:
    """Compares how sharp the hair's outline and the face are."""

    name: ClassVar[str] = "hair"
    question: ClassVar[str] = "Is the hair's edge as sharp as the face?"
    scores: ClassVar[bool] = True
    weights: str | None = None

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()

    @classmethod
    def load(cls, weights: Path) -> Hair:
        """Needs no weights; the folder is ignored."""
        return cls()

    def examine(self, photo: Photo) -> Evidence:
        seen = at_known_size(photo)
        whole, face = largest_face(photo), largest_face(seen)
        if whole is None or face is None:
            return silent(self.name, "No face was found, so there is no hair to look at.")
        limits = self.limits
        if face.height < limits.face:
            why = f"The face is {face.height} px high; {limits.face} px are needed to measure edges."
            return silent(self.name, why)
        lightness = cv2.GaussianBlur(seen.luminance, (0, 0), 0.7) / 2.55
        own = widths(lightness, *face_profiles(lightness, face), limits.contrast)[0]
        found, places = widths(lightness, *hair_profiles(lightness, face, limits.contrast), limits.contrast)
        if len(own) < 8:
            return silent(self.name, "The face shows too few clear edges to compare the hair's with.")
        if len(found) < limits.rays:
            why = f"Only {len(found)} of {RAYS} rays meet a clear edge of the hair; {limits.rays} are needed."
            return silent(self.name, why)
        hair, sharp = float(np.median(found)), float(np.median(np.sort(own)[: (len(own) + 1) // 2]))
        ratio = float(np.log2(hair / sharp))
        places = places * (photo.width / seen.width)
        mark = box(photo, places, "edge of the hair")
        usual = 2**limits.usual
        finding = (
            f"The hair's edge is {hair:.1f} px wide, {2**ratio:.1f} times as wide as edges of the face"
            f" ({sharp:.1f} px); in camera photos it is about {usual:.1f} times as wide."
        )
        marks = (mark,) if mark else ()
        score = (ratio - limits.usual) / limits.spread
        return Evidence(
            self.name, score, finding, marks, partial(drawn, photo, whole, places, marks), caveats=CAVEATS
        )


def face_profiles(lightness: np.ndarray, face: Face) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) points on lids and brows, and (n, 2) unit directions across them."""
    points, across = [], []
    y = unit(face.points[CHIN] - face.points[BROW])
    for ring in (EYE["left"], EYE["right"], BROWS):
        ring_points = face.points[list(ring)]
        points.append(ring_points)
        if ring is BROWS:
            across.append(np.tile(y, (len(ring), 1)))
        else:
            out = ring_points - ring_points.mean(0)
            across.append(out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-9))
    places, ways = np.concatenate(points), np.concatenate(across)
    return strongest(lightness, places, ways, 4), ways


def hair_profiles(lightness: np.ndarray, face: Face, contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) points at the outermost strong edge of each ray, and (n, 2) unit directions of the rays."""
    middle = (face.points[TEMPLE["left"]] + face.points[TEMPLE["right"]]) / 2
    up = face.points[BROW] - middle
    long = float(np.linalg.norm(up))
    x, y = unit(face.points[TEMPLE["right"]] - face.points[TEMPLE["left"]]), unit(up)
    angles = np.linspace(-np.pi * 0.5, np.pi * 0.5, RAYS)
    ways = np.sin(angles)[:, None] * x + np.cos(angles)[:, None] * y
    steps = np.arange(long * 1.08, long * (1 + REACH), 1.0)
    points = middle + ways[:, None] * steps[None, :, None]  # (rays, steps, 2)
    values = sample(lightness, points)
    height, width = lightness.shape
    inside = ((points >= 2) & (points <= (width - 3, height - 3))).all(-1)
    jump = np.zeros_like(values)
    jump[:, 3:-3] = np.abs(values[:, 6:] - values[:, :-6])
    jump[~inside] = 0
    strong = jump >= contrast
    has = strong.any(1)
    last = values.shape[1] - 1 - np.argmax(strong[:, ::-1], axis=1)
    start = np.maximum(last - 6, 0)
    best = [s + int(np.argmax(row[s : e + 1])) for row, s, e in zip(jump, start, last, strict=True)]
    return points[np.arange(RAYS), best][has], ways[has]


def strongest(lightness: np.ndarray, places: np.ndarray, ways: np.ndarray, reach: int) -> np.ndarray:
    """Each place moved along its direction, up to `reach` px, to the steepest slope."""
    steps = np.arange(-reach - 1, reach + 2, dtype=np.float32)
    values = sample(lightness, places[:, None] + ways[:, None] * steps[None, :, None])
    slope = np.abs(values[:, 2:] - values[:, :-2])
    return places + ways * steps[1:-1][np.argmax(slope, axis=1)][:, None]


def widths(
    lightness: np.ndarray, places: np.ndarray, ways: np.ndarray, contrast: float
) -> tuple[np.ndarray, np.ndarray]:
    """(m,) edge widths in px of the edges with enough contrast, and their (m, 2) places."""
    if not len(places):
        return np.zeros(0), np.zeros((0, 2))
    steps = np.arange(-HALF, HALF + 0.25, 0.5, dtype=np.float32)
    values = sample(lightness, places[:, None] + ways[:, None] * steps[None, :, None])
    slope = np.gradient(values, 0.5, axis=1)
    middle = len(steps) // 2
    near = slope[:, middle - 4 : middle + 5]
    at = np.argmax(np.abs(near), axis=1)
    rows = np.arange(len(near))
    steepest = near[rows, at]
    rising = values * np.sign(steepest)[:, None]
    span = 2 * 5  # half-px steps to both sides in which the two plateaus are looked for
    centre = middle - 4 + at
    low = np.array([row[max(0, c - span) : c + 1].min() for row, c in zip(rising, centre, strict=True)])
    high = np.array([row[c : c + span + 1].max() for row, c in zip(rising, centre, strict=True)])
    step = high - low
    kept = (step >= contrast) & (np.abs(steepest) > 1e-3)
    return step[kept] / np.abs(steepest[kept]), places[kept]


def sample(lightness: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Bilinear values at (..., 2) points; outside, the nearest pixel's."""
    flat = points.reshape(-1, points.shape[-2], 2).astype(np.float32)
    return cv2.remap(
        lightness, np.ascontiguousarray(flat[..., 0]), np.ascontiguousarray(flat[..., 1]), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).reshape(points.shape[:-1])  # fmt: skip


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / (np.linalg.norm(vector) + 1e-9)


def drawn(photo: Photo, face: Face, places: np.ndarray, marks: tuple[Mark, ...]) -> np.ndarray:
    """The head and, enlarged, the two eyes' surroundings: the hair's measured edges are green dots."""
    square = face.frame(1.15)
    size = 288
    head = cut_near(photo.pixels, square, size)
    corners = np.array([(0, 0), (0, size), (size, size)], dtype=np.float32)
    matrix = cv2.getAffineTransform(square[:3], corners)
    for x, y in places @ matrix[:, :2].T + matrix[:, 2]:
        cv2.circle(head, (round(float(x)), round(float(y))), 2, (0, 200, 90), -1, cv2.LINE_AA)
    side = float(np.linalg.norm(square[3] - square[0])) * 0.2
    middle = places[np.argmin(places[:, 1])]  # the highest one
    edge = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * side / 2 + middle
    near = cut_near(photo.pixels, edge.astype(np.float32), size)
    eye = cut_near(photo.pixels, face.part("eye", "left"), size)
    return beside((head, near, eye), ("where it was measured", "the hair's edge", "the face, at about that scale"))
