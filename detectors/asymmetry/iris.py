"""One iris, measured: its colour, and the highlights that lights leave on the cornea.

All in one frame: a 96 px square, turned so that the eyes lie level, iris in the middle with a radius
of 24 px. Lightness L in [0, 100] and colour a, b are CIE Lab of sRGB (D65).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from forensics.face import EYE, Face, cut_near

SIZE = 96  # px: the frame's side
RADIUS = 24  # px of the iris in it
PUPIL, RIM = 0.42, 0.88  # of the radius: colour is read between them
SPARK = 18.0  # L above its surroundings in the iris, at least, for a highlight
INNER, OUTER = 0.9, 1.15  # of the radius: a highlight's middle, all of it; past them is the white of the eye
SPOT = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))  # what is smaller can stand out
LEAST = 0.008  # of the iris's disc: smaller specks are noise

PUPIL_CONTRAST = 8.0  # L of the iris above the pupil, at least
PUPIL_AREA = 0.03, 0.5  # of the iris's disc

_Y, _X = np.mgrid[:SIZE, :SIZE].astype(np.float32) - (SIZE - 1) / 2
RHO = np.hypot(_X, _Y) / RADIUS  # (96, 96): distance from the middle, in iris radii
DISC = RHO <= RIM


@dataclass(frozen=True)
class Iris:
    """What one eye shows. Masks are (96, 96) bool in the frame; `centre` and `radius` in pixels of the photo."""

    centre: np.ndarray = field(repr=False)
    radius: float
    patch: np.ndarray = field(repr=False)  # (96, 96, 3) uint8
    visible: float  # share of the disc that lids leave free
    colour: np.ndarray = field(repr=False)  # (3,) median L, a, b of the ring, highlights left out
    white: np.ndarray = field(repr=False)  # (3,) median L, a, b of the white beside it; NaN = none seen
    highlights: np.ndarray = field(repr=False)
    pupil: np.ndarray | None = field(repr=False)  # None = cannot be told from the iris

    @property
    def spots(self) -> np.ndarray:
        """(n, 3), largest first: middle of each highlight from the iris's middle in iris radii (x, y), area in px."""
        count, _, stats, middles = cv2.connectedComponentsWithStats(self.highlights.astype(np.uint8))
        places = (middles[1:] - (SIZE - 1) / 2) / RADIUS
        found = np.column_stack([places, stats[1:, cv2.CC_STAT_AREA]])
        return found[np.argsort(-found[:, 2], kind="stable")] if count > 1 else found

    @property
    def count(self) -> int:
        return len(self.spots)


def highlight_distance(left: Iris, right: Iris) -> float | None:
    """How far the main highlight of either eye is from the nearest one of the other, in iris radii.

    The larger of the two directions; small extra highlights, seen in one eye only, do not count.
    None unless both eyes show one.
    """
    a, b = left.spots, right.spots
    if not len(a) or not len(b):
        return None
    to_b, to_a = (np.linalg.norm(others[:, :2] - main[0, :2], axis=1).min() for main, others in ((a, b), (b, a)))
    return float(max(to_b, to_a))


def irregularity(pupil: np.ndarray) -> float:
    """How far a mask is from the ellipse of its own area and second moments: 1 - IoU, in [0, 1]; 0 = an ellipse."""
    moments = cv2.moments(pupil.astype(np.uint8), binaryImage=True)
    area = moments["m00"]
    spread = np.array([(moments["mu20"], moments["mu11"]), (moments["mu11"], moments["mu02"])]) / area
    spread += np.eye(2) / 12  # a pixel's own
    away = np.stack([_X + (SIZE - 1) / 2 - moments["m10"] / area, _Y + (SIZE - 1) / 2 - moments["m01"] / area], -1)
    squared = np.einsum("hwi,ij,hwj->hw", away, np.linalg.inv(spread), away)
    ellipse = squared <= np.sort(squared, axis=None)[int(area) - 1]
    return float(1 - (pupil & ellipse).sum() / (pupil | ellipse).sum())


def measure(pixels: np.ndarray, face: Face, side: str) -> Iris:
    """The "left" or "right" (the viewer's) iris of a face in (H, W, 3) uint8."""
    centre, radius = face.iris(side)
    frame = frame_of(face, centre, max(radius, 0.5))
    patch = cut_near(pixels, frame, SIZE)
    lab = cv2.cvtColor(patch.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    opening = outline(face, side, frame)
    free = DISC & opening
    highlights = find_highlights(lab[..., 0], opening)
    spread = cv2.dilate(highlights.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    ring = free & (RHO >= PUPIL) & ~spread
    return Iris(
        centre, radius, patch, float(free.sum() / DISC.sum()),
        median(lab, ring), median(lab, opening & (RHO > 1.15)), highlights,
        find_pupil(lab[..., 0], opening, highlights),
    )  # fmt: skip


def frame_of(face: Face, centre: np.ndarray, radius: float) -> np.ndarray:
    """(4, 2) corners of the frame in the photo: top left, bottom left, bottom right, top right."""
    across = face.iris("right")[0] - face.iris("left")[0]
    x = across / (np.linalg.norm(across) + 1e-9) * radius * SIZE / 2 / RADIUS
    y = np.array([-x[1], x[0]])
    return np.array([centre - x - y, centre - x + y, centre + x + y, centre + x - y], dtype=np.float32)


def outline(face: Face, side: str, frame: np.ndarray) -> np.ndarray:
    """(96, 96) bool: where the eye is open, a little inside the lids' edges."""
    corners = np.array([(0, 0), (0, SIZE), (SIZE, SIZE)], dtype=np.float32)
    matrix = cv2.getAffineTransform(frame[:3], corners)
    points = face.points[list(EYE[side])] @ matrix[:, :2].T + matrix[:, 2]
    mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
    return cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0) > 0


def find_highlights(lightness: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """(96, 96) bool: bright spots on the iris, apart from the white of the eye and from wet lids.

    lightness: (96, 96) L; opening: (96, 96) bool, where the eye is open.
    """
    found = np.zeros((SIZE, SIZE), dtype=bool)
    free = DISC & opening
    if not free.any():
        return found
    surroundings = cv2.morphologyEx(lightness, cv2.MORPH_OPEN, SPOT)
    bright = (lightness - surroundings > SPARK) | (lightness > np.median(lightness[free]) + 1.5 * SPARK)
    count, labels, stats, middles = cv2.connectedComponentsWithStats(bright.astype(np.uint8))
    for label in range(1, count):
        area = stats[label, cv2.CC_STAT_AREA]
        if area < LEAST * DISC.sum() or np.hypot(*(middles[label] - (SIZE - 1) / 2)) > INNER * RADIUS:
            continue
        spot = labels == label
        compact = area > 0.4 * stats[label, cv2.CC_STAT_WIDTH] * stats[label, cv2.CC_STAT_HEIGHT]
        if compact and not (spot & (RHO > OUTER)).any() and (spot & opening).sum() >= 0.7 * area:
            found |= spot & opening
    return found


def find_pupil(lightness: np.ndarray, opening: np.ndarray, highlights: np.ndarray) -> np.ndarray | None:
    """(96, 96) bool: the dark disc in the middle of the iris, highlights on it included.

    None where it is hardly darker than the iris (brown eyes, shadow), where lids cut it off, or where what is
    dark is no disc of a pupil's size (lashes, a lid's shadow): nothing is guessed there.
    """
    spread = cv2.dilate(highlights.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    core, ring = (opening & (low <= RHO) & (high >= RHO) & ~spread for low, high in ((0, 0.35), (0.55, 0.85)))
    if core.sum() < 30 or ring.sum() < 300:
        return None
    dark, light = np.percentile(lightness[core], 20), np.median(lightness[ring])
    if light - dark < PUPIL_CONTRAST:
        return None
    low = (lightness < (dark + light) / 2) | (spread & (RHO < 0.5))
    low = cv2.morphologyEx((low & (RHO < 0.8) & opening).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels = cv2.connectedComponents(low)
    here = labels[core]
    if not (here > 0).any():
        return None
    found = labels == np.bincount(here[here > 0]).argmax()
    area = found.sum() / (np.pi * RADIUS**2)
    edge = cv2.dilate((~opening | (RHO > 0.78)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    cut_off = (found & edge).sum() > 4
    return None if cut_off or not PUPIL_AREA[0] <= area <= PUPIL_AREA[1] else found


def median(lab: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(3,) median L, a, b; NaN where too little is seen (30 pixels of the frame)."""
    return np.median(lab[where], axis=0) if where.sum() >= 30 else np.full(3, np.nan)
