"""A part of a photo at its own pixels, lossless: what a preview cannot show."""

from __future__ import annotations

import numpy as np
from PIL import Image

from forensics.evidence import Mark
from forensics.photo import Photo
from forensics.shown import Picture, plain, stored

WIDEST, HIGHEST = 900, 600  # px of the window


def part_of(photo: Photo, mark: Mark | None = None) -> Picture:
    """The window about a mark's middle, or the photo's; all of a photo that is smaller than the window."""
    left, top, width, height = (mark.left, mark.top, mark.width, mark.height) if mark else (0, 0, *size(photo))
    x0, x1 = span(left + width / 2, WIDEST, photo.width)
    y0, y1 = span(top + height / 2, HIGHEST, photo.height)
    alt = f"{plain(photo.name)}: {x0}–{x1} × {y0}–{y1} px"
    return stored(Image.fromarray(np.ascontiguousarray(photo.pixels[y0:y1, x0:x1])), "PNG", alt)


def size(photo: Photo) -> tuple[int, int]:
    return photo.width, photo.height


def span(middle: float, length: int, most: int) -> tuple[int, int]:
    """A range of `length` about a place, moved inside 0..most."""
    start = int(min(max(0, round(middle - length / 2)), max(0, most - length)))
    return start, min(start + length, most)
