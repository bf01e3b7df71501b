"""A decoded picture in any of Pillow's modes → sRGB pixels, a strip at a time.

Done at once, 120 megapixels would need ten copies on the way; so they need two, and a scan's worker stays small.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageCms

STRIP = 256  # rows
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_srgb(image: Image.Image, notes: list[str]) -> np.ndarray:
    """(H, W, 3) uint8. `notes` is told what had to be decided."""
    pixels = np.empty((image.height, image.width, 3), dtype=np.uint8)
    deep = image.mode.startswith("I;16") or image.mode in ("I", "F")
    white = brightest(image) if deep else 0.0
    profile = None if deep else image.info.get("icc_profile")
    managed, clear = None, False
    for rows in strips(image.height):
        strip = image.crop((0, rows.start, image.width, rows.stop))
        if deep:
            strip = Image.fromarray(to_eight_bits(np.asarray(strip), white))
        if strip.has_transparency_data:
            strip = strip.convert("RGBA")
            clear = clear or strip.getextrema()[3][0] < 255
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip).convert("RGB")
        if strip.mode == "P":
            strip = strip.convert("RGB")
        managed = managed or colours(profile, strip.mode, notes)
        pixels[rows] = np.asarray(managed(strip).convert("RGB"))
    notes += ["more than 8 bits a channel: examined with 8"] * deep + ["transparent: examined on white"] * clear
    return pixels


def colours(profile: bytes | None, mode: str, notes: list[str]) -> Callable[[Image.Image], Image.Image]:
    """What makes sRGB of strips of a picture with this profile."""
    if profile and mode in ("RGB", "L", "CMYK", "LAB"):
        try:
            transform = ImageCms.buildTransform(ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB, mode, "RGB")
            return lambda strip: ImageCms.applyTransform(strip, transform)
        except (ImageCms.PyCMSError, OSError, ValueError):
            notes.append("the colour profile is damaged and was ignored")
    return lambda strip: strip


def strips(height: int) -> Iterator[slice]:
    """All rows, a few at a time."""
    return (slice(top, min(top + STRIP, height)) for top in range(0, height, STRIP))


def brightest(image: Image.Image) -> float:
    """Which grey becomes white: the type's largest if the values fill its range, else their own largest."""
    parts = (image.crop((0, rows.start, image.width, rows.stop)) for rows in strips(image.height))
    largest = max(float(finite(np.asarray(part)).max()) for part in parts)
    return 65535.0 if 255 < largest <= 65535 else max(largest, 1.0)


def finite(values: np.ndarray) -> np.ndarray:
    return values if values.dtype.kind in "iu" else np.nan_to_num(values.astype(np.float64))


def to_eight_bits(values: np.ndarray, white: float) -> np.ndarray:
    """16-bit, 32-bit or float grey to uint8."""
    if values.dtype == np.uint16:  # looked up: a fifth of the time
        return to_eight_bits(np.arange(2**16), white)[values]
    return (np.clip(finite(values) / white, 0, 1) * 255).round().astype(np.uint8)
