"""A drawn head with known landmarks: 400 x 400 px, as symmetric as its picture, for tests of what compares sides."""

from __future__ import annotations

import cv2
import numpy as np

from forensics.face import BROW, CHIN, EYE, IRIS, JAW, LIPS_INSIDE, MOUTH, MOUTH_CORNERS, NOSE, TEMPLE, Face

SKIN, GROUND = (215, 165, 140), (70, 90, 130)
CHEEKS = {"left": (50, 101, 36, 205), "right": (280, 330, 266, 425)}


def face(opening: float = 24.0) -> Face:
    """Eyes at (150, 180) and (250, 180), mouth around (200, 280), chin at (200, 330). opening: of the lips, px."""
    points = np.full((478, 2), (200, 220), dtype=np.float32)
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    for side, sign in (("left", -1), ("right", 1)):
        x = 200 + 50 * sign
        points[list(EYE[side])] = np.stack([x + 20 * np.cos(angles), 180 + 9 * np.sin(angles)], 1)
        points[list(IRIS[side])] = [(x, 180), (x + 8, 180), (x, 172), (x - 8, 180), (x, 188)]
        points[TEMPLE[side]] = (200 + 90 * sign, 200)
        points[list(JAW[side])] = [(200 + 85 * sign, 225), (200 + 78 * sign, 250)]
        points[list(CHEEKS[side])] = [(200 + dx * sign, y) for dx, y in ((60, 215), (60, 240), (35, 215), (35, 240))]
    points[BROW], points[NOSE], points[CHIN] = (200, 110), (200, 230), (200, 330)
    ring = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    for indices, width, height in ((LIPS_INSIDE, 36, opening / 2), (MOUTH, 42, opening / 2 + 8)):
        points[list(indices)] = np.stack([200 + width * np.cos(ring), 280 + height * np.sin(ring)], 1)
    points[list(MOUTH_CORNERS)] = [(158, 280), (242, 280)]
    points[[13, 14]] = [(200, 280 - opening / 2), (200, 280 + opening / 2)]
    points[[0, 2]] = [(200, 272 - opening / 2), (200, 255)]
    return Face(points)


def head(skin=SKIN, ground=GROUND, lobes=(True, True)) -> np.ndarray:
    """(400, 400, 3) uint8: a head before a plain ground; `lobes` left and right."""
    pixels = np.full((400, 400, 3), ground, dtype=np.uint8)
    cv2.rectangle(pixels, (150, 300), (250, 399), skin, -1)
    cv2.ellipse(pixels, (200, 220), (86, 112), 0, 0, 360, skin, -1)
    for sign, there in zip((-1, 1), lobes, strict=True):
        if there:
            cv2.ellipse(pixels, (200 + 94 * sign, 228), (13, 24), 0, 0, 360, skin, -1)
    for x in (150, 250):
        cv2.ellipse(pixels, (x, 180), (20, 9), 0, 0, 360, (235, 235, 235), -1)
        cv2.circle(pixels, (x, 180), 8, (60, 90, 120), -1)
    return pixels


def mirrored(points: np.ndarray, width: int) -> np.ndarray:
    """x of (n, 2) points in the mirrored picture."""
    return np.stack([width - points[:, 0], points[:, 1]], 1)
