"""The two sides of a face, beside each other: what the exhibits and marks of this room have in common."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from forensics.evidence import Mark
from forensics.face import Face
from forensics.photo import Photo

PANEL = 288  # px: side of one enlarged square
BAR = 32  # px: the line of words above it
GAP = 12


def beside(panels: Sequence[np.ndarray], captions: Sequence[str]) -> np.ndarray:
    """(320, n·288 + gaps, 3) uint8: squares (S, S, 3) enlarged, each under its words."""
    shown = []
    for panel, words in zip(panels, captions, strict=True):
        head = np.full((BAR, PANEL, 3), 255, dtype=np.uint8)
        cv2.putText(head, words, (4, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        how = cv2.INTER_CUBIC if panel.shape[0] < PANEL else cv2.INTER_AREA
        large = cv2.resize(panel, (PANEL, PANEL), interpolation=how)
        shown += [np.vstack([head, large]), np.full((BAR + PANEL, GAP, 3), 255, dtype=np.uint8)]
    return np.hstack(shown[:-1])


def marks_of(photo: Photo, face: Face, part: str, label: str) -> tuple[Mark, ...]:
    """A box around each side of a part, clipped to the photo; none for a side outside it."""
    boxes = ((f"{side} {label}", face.part(part, side)) for side in ("left", "right"))
    return tuple(mark for mark in (box(photo, points, words) for words, points in boxes) if mark)


def box(photo: Photo, points: np.ndarray, label: str) -> Mark | None:
    """The box around points (n, 2), clipped to the photo; None outside it."""
    left, top = np.clip(np.floor(points.min(0)), 0, (photo.width, photo.height)).astype(int)
    right, bottom = np.clip(np.ceil(points.max(0)), 0, (photo.width, photo.height)).astype(int)
    if right <= left or bottom <= top:
        return None
    return Mark(label, int(left), int(top), int(right - left), int(bottom - top))


def lab_of(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 CIE L, a, b of uint8 sRGB."""
    return cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
