"""Sound photos that are hard to examine: tiny, thin, blank, in every orientation and mode."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.hostile.seeds import coded, exif, portrait, scene

SIZES = ((1, 1), (1, 2), (2, 1), (3, 3), (7, 9), (8, 8), (15, 17), (16, 16), (31, 33), (64, 64), (65, 64), (129, 70))
THIN = ((1, 30_000), (30_000, 1), (2, 16_000), (16, 9_000), (9_000, 17), (65_000, 3))
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16")


def contents(width: int, height: int) -> Iterator[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    whole = np.zeros((height, width, 3), np.uint8)
    yield "black", whole
    yield "white", whole + 255
    yield "grey", whole + 128
    half = whole.copy()
    half[:, width // 2 :] = 255
    yield "half", half
    yield "noise", rng.integers(0, 256, whole.shape, dtype=np.uint8)
    yield "noise of two levels", rng.integers(0, 2, whole.shape, dtype=np.uint8) * 255
    dot = whole.copy()
    dot[height // 2, width // 2] = 255
    yield "one dot", dot
    checks = (np.add.outer(np.arange(height), np.arange(width)) % 2 * 255).astype(np.uint8)
    yield "checks", np.repeat(checks[..., None], 3, axis=2)


def photos() -> Iterator[tuple[str, bytes]]:
    for width, height in (*SIZES, (256, 192), (700, 500)):
        for name, pixels in contents(width, height):
            yield f"PNG {name} of {width}x{height}", coded(Image.fromarray(pixels), "PNG")
            yield f"JPEG {name} of {width}x{height}", coded(Image.fromarray(pixels), "JPEG", quality=90)
    for width, height in THIN:
        thin = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))
        for form in ("PNG", "JPEG", "BMP", "TIFF", "GIF", *(["WEBP", "AVIF"] if max(thin.size) < 16_384 else [])):
            yield f"{form} of {width}x{height}", coded(thin, form)
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF", "BMP"):
        yield f"{form} of 1x1", coded(Image.new("RGB", (1, 1)), form)
    for orientation in (*range(10), 255, 65_535):
        for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
            yield f"{form} of orientation {orientation}", coded(scene(), form, exif=exif(orientation))
        yield f"JPEG face of orientation {orientation}", coded(portrait(), "JPEG", exif=exif(orientation))
    for mode in MODES:
        grey = scene().convert("L")
        if mode == "I;16":
            image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
        else:
            image = (grey if mode in "IF" else scene()).convert(mode)
        yield f"TIFF of mode {mode}", coded(image, "TIFF")
    wild = np.asarray(scene().convert("L")).astype(np.float32)
    for value in (np.nan, np.inf, -np.inf, 3e38, -3e38):
        spoilt = wild.copy()
        spoilt[::7, ::5] = value
        yield f"TIFF float with {value}", coded(Image.fromarray(spoilt), "TIFF")
    yield "TIFF float of nan", coded(Image.fromarray(wild * np.nan), "TIFF")
    for side in (16, 40, 96, 224, 900, 2600):
        yield f"JPEG face of {side}", coded(portrait(side), "JPEG", quality=88)
    four = Image.new("RGB", (1200, 1500))
    for i in range(12):
        four.paste(portrait(300), (i % 4 * 300, i // 4 * 380))
    yield "JPEG of a dozen faces", coded(four, "JPEG")
