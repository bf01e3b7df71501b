"""The part of a photo that all frequency cues look at: its largest face at native pixels, on the JPEG grid.

Faces, because skin and hair are alike in all photos and backgrounds are not. Where there is no face, the
middle of the photo. Cut once a photo, for all cues.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from detectors.frequency.quantisation import SIDE, coefficients, estimate
from detectors.structure.tables import libjpeg
from forensics.face import largest_face
from forensics.photo import Photo
from forensics.view import QUALITY, at_known_size

LEAST = 64  # px a side: less is not examined
MOST = 320  # px a side of what is looked at, in the middle of the area: the cost is bounded
BLANK = 1e-2  # grey levels squared: a variance under it is nothing
# EXIF orientation → (rows and columns are swapped, mirrored across, mirrored down) in the upright picture.
TURNED = {
    "1": (False, False, False), "2": (False, True, False), "3": (False, True, True), "4": (False, False, True),
    "5": (True, False, False), "6": (True, True, False), "7": (True, True, True), "8": (True, False, True),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Region:
    """(H, W) uint8 luminance, sides multiples of 8 from 64 to 320 px, its first pixel the first of a JPEG block."""

    luminance: np.ndarray = field(repr=False)
    box: tuple[int, int, int, int]  # left, top, right, bottom in the photo as it was seen
    on_face: bool
    told: np.ndarray | None = field(repr=False)  # (8, 8) steps of its JPEG's luminance; None: no JPEG

    @cached_property
    def dct(self) -> np.ndarray:
        """(N, 8, 8) float32: its coefficients, block by block."""
        return coefficients(self.luminance)

    @cached_property
    def steps(self) -> np.ndarray:
        """(8, 8) float32: log2 of the steps that its coefficients were rounded to; 0 where none are known.

        The coarser of what the file tells and what the coefficients show: a JPEG that was encoded again at a
        better quality still has its first steps.
        """
        tables = [table for table in (self.told, estimate(self.dct)) if table is not None]
        return np.log2(np.maximum.reduce([np.ones((SIDE, SIDE)), *tables])).astype(np.float32)

    @cached_property
    def residual(self) -> np.ndarray:
        """(H, W) float32: luminance less its 3×3 median, in grey levels: noise and fine texture; edges mostly go."""
        return self.luminance.astype(np.float32) - cv2.medianBlur(self.luminance, 3)

    @property
    def blank(self) -> bool:
        """No noise and no texture: a painted area, clipped sky."""
        return float((self.luminance[:, 1:].astype(np.float32) - self.luminance[:, :-1]).var()) < BLANK


_cut: WeakKeyDictionary[Photo, Region | None] = WeakKeyDictionary()


def region(photo: Photo) -> Region | None:
    """The region of a photo at the size at which faces were validated, cut once; None = under 64 px a side."""
    if photo not in _cut:
        _cut[photo] = cut(photo)
    return _cut[photo]


def cut(photo: Photo) -> Region | None:
    seen = at_known_size(photo)
    told, phase = grid(photo) if seen is photo else (libjpeg(QUALITY)[0], (0, 0))
    face = largest_face(photo)
    left, top, right, bottom = face.box if face else (0, 0, photo.width, photo.height)
    left, right = (round(x * seen.width / photo.width) for x in (left, right))
    top, bottom = (round(y * seen.height / photo.height) for y in (top, bottom))
    across, down = within(left, right, seen.width, phase[0]), within(top, bottom, seen.height, phase[1])
    if across is None or down is None:
        return None
    (left, right), (top, bottom) = across, down
    luminance = cv2.cvtColor(np.ascontiguousarray(seen.pixels[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    return Region(luminance, (left, top, right, bottom), face is not None, told)


def grid(photo: Photo) -> tuple[np.ndarray | None, tuple[int, int]]:
    """A JPEG's luminance steps, and where in the upright picture its grid begins (x, y), each 0-7 px."""
    if photo.jpeg is None:
        return None, (0, 0)
    swapped, across, down = TURNED.get(photo.exif.get("Orientation", "1"), TURNED["1"])
    table = photo.jpeg.tables[0]
    return (table.T if swapped else table), (photo.width % SIDE * across, photo.height % SIDE * down)


def within(low: int, high: int, length: int, phase: int) -> tuple[int, int] | None:
    """[low, high) clipped to a side, moved to whole blocks, 64 to 320 px; None where the side holds no 64."""
    first, last = phase, phase + (length - phase) // SIDE * SIDE
    if last - first < LEAST:
        return None
    middle = (min(max(low, first), last) + min(max(high, first), last)) / 2
    size = int(np.clip((min(high, last) - max(low, first)) // SIDE * SIDE, LEAST, MOST))
    low = first + int(np.clip(round((middle - size / 2 - first) / SIDE) * SIDE, 0, last - first - size))
    return low, low + size
