"""A second picture laid on the first: scaled, turned and moved so that the same points meet; or honestly not.

Points that both have (SIFT, Lowe 2004) vote for one similarity transform (RANSAC, Fischler & Bolles 1981). What is
nearly a plain scaling, or a plain shift by whole pixels, is taken as exactly that: resampling invents differences.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import cv2
import numpy as np

from forensics.likeness.perceptual import MATCH, Turn, nearest_turn, small, turned

SEEN = 1024  # px of the longer side at which points are looked for
POINTS = 3000
RATIO = 0.75  # a match is that much nearer than the second nearest point (Lowe)
REACH = 3.0  # px at that size: how far points that agree may lie apart
FEWEST = 14  # points that must agree; any two agree on some transform, and chance adds a few
SHARE = 0.2  # of the matches that must agree
SCALES = (0.02, 50.0)
EXACT = 1.5  # px at that size: corners as near as that to a plain scaling or shift are taken as one
TURNED_FOR_SURE = 60  # bits of 256: unrelated pictures are hardly ever as near
SAME_ASPECT = 0.02


class Fit(StrEnum):
    """How the pixels of the second picture come to lie on those of the first."""

    SHIFTED = "shifted"  # by whole pixels, none of which changes; by none if they lie on each other at once
    SCALED = "scaled"  # as a whole, to the size of the first
    WARPED = "warped"  # scaled, turned and moved as the common points say


@dataclass(frozen=True, eq=False)
class Alignment:
    """After `turn`, `matrix` (2, 3) takes pixels (x, y) of the second picture to the first.

    `agreeing` of `matches` common points agree on it; both 0: there were too few points, the frames were matched.
    """

    turn: Turn
    fit: Fit
    matrix: np.ndarray = field(repr=False)
    agreeing: int = 0
    matches: int = 0

    @classmethod
    def identity(cls) -> Alignment:
        """Of pictures that are pixel for pixel the same."""
        return cls(Turn.NONE, Fit.SHIFTED, np.eye(2, 3))

    @property
    def scale(self) -> float:
        """Of the second picture, to the size that it has in the first."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def degrees(self) -> float:
        """How far the second is turned anticlockwise to lie on the first, beyond `turn`."""
        return float(np.degrees(np.arctan2(-self.matrix[1, 0], self.matrix[0, 0])))

    def lay(self, other: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """The second picture in a frame of `shape`, (H, W, 3) uint8, and where it covers it, (H, W) bool."""
        source, matrix = np.ascontiguousarray(turned(other, self.turn)), self.matrix
        size = shape[1], shape[0]
        if self.fit is Fit.SCALED:
            way = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
            return cv2.resize(source, size, interpolation=way), np.ones(shape[:2], bool)
        if self.fit is Fit.WARPED and self.scale < 1:  # the mean of pixels that fall together, not one of them
            before = source.shape
            source = small(source, max(1, round(max(before[:2]) * self.scale)))
            matrix = (square(matrix) @ frame_to_frame(source.shape, before))[:2]
        way = cv2.INTER_NEAREST if self.fit is Fit.SHIFTED else cv2.INTER_CUBIC
        laid = cv2.warpAffine(source, matrix, size, flags=way)
        ones = np.full(source.shape[:2], 255, np.uint8)
        return laid, cv2.warpAffine(ones, matrix, size, flags=min(way, cv2.INTER_LINEAR)) == 255


def align(one: np.ndarray, other: np.ndarray) -> Alignment | None:
    """How (H, W, 3) uint8 `other` lies on `one`; None where no such thing was found."""
    turn, bits = nearest_turn(one, other)
    turns = [turn] if bits <= TURNED_FOR_SURE else [Turn.NONE, Turn.MIRRORED]
    ours = points(one)
    found = [by_points(one, turned(other, turn), turn, ours) for turn in turns]
    best = max(filter(None, found), key=lambda a: a.agreeing, default=None)
    if best is None and bits <= MATCH:
        return by_frames(one, turned(other, turn), turn)
    return best


def points(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(N, 2) places in pixels of the picture itself, and (N, 128) descriptions; None where there are none."""
    seen = small(pixels, SEEN)
    grey = cv2.cvtColor(np.ascontiguousarray(seen), cv2.COLOR_RGB2GRAY)
    found, described = cv2.SIFT_create(nfeatures=POINTS).detectAndCompute(grey, None)
    places = np.array([point.pt for point in found], np.float64).reshape(-1, 2)
    back = frame_to_frame(seen.shape, pixels.shape)
    return places @ back[:2, :2].T + back[:2, 2], described


def by_points(
    one: np.ndarray, other: np.ndarray, turn: Turn, ours: tuple[np.ndarray, np.ndarray | None]
) -> Alignment | None:
    theirs = points(other)
    if ours[1] is None or theirs[1] is None or len(ours[1]) < 2:
        return None
    nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(theirs[1], ours[1], k=2)
    matches = [first for first, second in nearest if first.distance < RATIO * second.distance]
    if len(matches) < FEWEST:
        return None
    here = np.array([ours[0][m.trainIdx] for m in matches])
    there = np.array([theirs[0][m.queryIdx] for m in matches])
    pixel = max(1.0, max(one.shape[:2]) / SEEN)  # of the size at which points were looked for
    cv2.setRNGSeed(0)  # the same two pictures give the same answer
    matrix, agree = cv2.estimateAffinePartial2D(
        there, here, ransacReprojThreshold=REACH * pixel, maxIters=5000, confidence=0.999
    )
    if matrix is None:
        return None
    agreeing = len(np.unique(there[agree.ravel() == 1].round(), axis=0))  # one place may have several descriptions
    found = Alignment(turn, Fit.WARPED, matrix, agreeing, len(matches))
    if agreeing < max(FEWEST, SHARE * len(matches)) or not SCALES[0] < found.scale < SCALES[1]:
        return None
    return plainest(found, one, other, EXACT * pixel)


def by_frames(one: np.ndarray, other: np.ndarray, turn: Turn) -> Alignment | None:
    """Frame on frame, if they have the same proportions."""
    wide, high = one.shape[1] / other.shape[1], one.shape[0] / other.shape[0]
    if abs(np.log(wide / high)) > SAME_ASPECT:
        return None
    same = one.shape == other.shape
    return Alignment(turn, Fit.SHIFTED if same else Fit.SCALED, frame_to_frame(other.shape, one.shape)[:2])


def plainest(found: Alignment, one: np.ndarray, other: np.ndarray, tolerance: float) -> Alignment:
    """The same as a plain shift or scaling where its corners hardly move by that."""
    high, wide = other.shape[:2]
    corners = np.array([(0, 0, 1), (wide - 1, 0, 1), (0, high - 1, 1), (wide - 1, high - 1, 1)], np.float64)
    placed = corners @ found.matrix.T
    shift = np.hstack([np.eye(2), (placed - corners[:, :2]).mean(0).round()[:, None]])
    ways = [(Fit.SHIFTED, shift), (Fit.SCALED, frame_to_frame(other.shape, one.shape)[:2])]
    off = [float(np.abs(corners @ matrix.T - placed).max()) for _, matrix in ways]
    if min(off) > tolerance:
        return found
    fit, matrix = ways[off.index(min(off))]  # of equals the shift
    if fit is Fit.SHIFTED:
        matrix = best_shift(one, other, matrix)
    return Alignment(found.turn, fit, matrix, found.agreeing, found.matches)


def best_shift(one: np.ndarray, other: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The whole-pixel shift, of those at most two pixels away, at which the pictures differ least."""
    left, top = matrix[:, 2].astype(int)
    sums = {}
    for x in range(left - 2, left + 3):
        for y in range(top - 2, top + 3):
            ours = one[max(y, 0) : y + other.shape[0], max(x, 0) : x + other.shape[1]]
            theirs = other[max(-y, 0) :, max(-x, 0) :][: ours.shape[0], : ours.shape[1]]
            step = max(1, int(np.sqrt(ours.shape[0] * ours.shape[1] / 250_000)))
            if ours.size:
                sums[x, y] = np.abs(ours[::step, ::step].astype(np.int16) - theirs[::step, ::step]).mean()
    x, y = min(sums, key=sums.__getitem__, default=(left, top))
    return np.array([[1, 0, x], [0, 1, y]], np.float64)


def frame_to_frame(source: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """(3, 3): pixels (x, y) of a whole picture of shape `source` to those of one of shape `target`."""
    wide, high = target[1] / source[1], target[0] / source[0]
    return np.array([[wide, 0, (wide - 1) / 2], [0, high, (high - 1) / 2], [0, 0, 1]], np.float64)


def square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix, [0, 0, 1]])
