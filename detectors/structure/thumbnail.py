"""The small preview that a camera puts into EXIF: does it still show the same picture?

Editors that don't rewrite it leave the preview of what the camera saw. Source: EXIF 2.32 §4.5.7
(IFD1 holds JPEGInterchangeFormat 0x0201 and its length 0x0202).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image

from forensics.container import Walk
from forensics.photo import Photo

DARK = 24  # cameras fit a 3:2 picture into a 4:3 preview with black bars
SMALLEST = 32  # px of either side, below which a preview is too coarse to compare
GRID = 24


@dataclass(frozen=True)
class Preview:
    """`aspect` = longer/shorter side without black bars; `likeness` = correlation with the picture, -1 to 1."""

    width: int
    height: int
    aspect: float
    likeness: float


def preview(photo: Photo, walked: Walk) -> Preview | None:
    """The preview compared to the picture, or None if there is none that can be compared."""
    coded = next((found for segment in walked.of("APP1") if (found := embedded(segment.payload))), None)
    if not coded:
        return None
    try:
        with Image.open(io.BytesIO(coded), formats=("JPEG",)) as image:
            if max(image.size) > 1024:
                return None
            small = np.asarray(image.convert("L"), dtype=np.float32)
    except Exception:  # a damaged preview compares to nothing
        return None
    size = small.shape[1], small.shape[0]
    small = without_bars(small)
    if min(small.shape) < SMALLEST or small.std() < 4:
        return None
    turned = [np.rot90(small, k) for k in range(4)]  # EXIF orientation turns the picture, not its preview
    whole = shrunk(photo.pixels)
    likeness = max(float(np.corrcoef(whole, shrunk(view))[0, 1]) for view in turned)
    return Preview(*size, max(small.shape) / min(small.shape), likeness)


def embedded(payload: bytes) -> bytes | None:
    """The JPEG of IFD1 in an APP1 segment; None for anything else. Never raises."""
    if payload[:6] != b"Exif\0\0" or payload[6:8] not in (b"II", b"MM"):
        return None
    tiff, order = payload[6:], "<" if payload[6:8] == b"II" else ">"
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        (second,) = struct.unpack_from(f"{order}I", tiff, first + 2 + 12 * count)
        (count,) = struct.unpack_from(f"{order}H", tiff, second)
        entries = [struct.unpack_from(f"{order}HHII", tiff, second + 2 + 12 * i) for i in range(min(count, 64))]
    except struct.error:
        return None
    values = {tag: value for tag, _, _, value in entries}
    start, length = values.get(0x0201, 0), values.get(0x0202, 0)
    coded = tiff[start : start + length]
    return coded if second and coded[:2] == b"\xff\xd8" else None


def without_bars(grey: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(grey.max(axis=1) > DARK)
    columns = np.flatnonzero(grey.max(axis=0) > DARK)
    if not len(rows) or not len(columns):
        return grey
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def shrunk(pixels: np.ndarray) -> np.ndarray:
    """(GRID²,) mean brightness of cells, of grey (H, W) or RGB (H, W, 3)."""
    import cv2

    small = cv2.resize(np.ascontiguousarray(pixels), (GRID, GRID), interpolation=cv2.INTER_AREA)
    small = small.reshape(GRID * GRID, -1).mean(axis=1)
    return small + np.linspace(0, 1e-3, len(small))  # a blank picture has no correlation; this one has
