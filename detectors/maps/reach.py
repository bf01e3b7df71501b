"""How far a map goes: drawings are at most 1,600 px long, and work is bounded however large the photo is."""

from __future__ import annotations

import cv2
import numpy as np

LONGEST = 1600  # px of a drawing's longer side
MOST = 12_000_000  # pixels that are worked on; of larger photos a map shrinks, or takes a part, and says so


def scale_to(shape: tuple[int, ...], longest: int) -> float:
    return min(1.0, longest / max(shape[:2]))


def shrunk(values: np.ndarray, longest: int = LONGEST) -> np.ndarray:
    """Averaged down to a drawing's size; both sides stay at least 1 px."""
    scale = scale_to(values.shape, longest)
    if scale == 1:
        return values
    height, width = (max(1, round(n * scale)) for n in values.shape[:2])
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)


def within(pixels: np.ndarray, most: int = MOST) -> tuple[np.ndarray, str]:
    """Pixels shrunk to at most `most` of them, and the words for it; as they are where they are few enough."""
    height, width = pixels.shape[:2]
    if height * width <= most:
        return pixels, ""
    scale = (most / (height * width)) ** 0.5
    smaller = shrunk(pixels, max(1, int(max(height, width) * scale)))
    return (
        smaller,
        f" The photo was shrunk from {width:,}×{height:,} to {smaller.shape[1]:,}×{smaller.shape[0]:,} px.",
    )


def strips(pixels: np.ndarray, most: int = MOST // 4) -> list[slice]:
    """Rows, in strips of whole 16 px blocks, of at most about `most` pixels each: memory stays bounded."""
    height, width = pixels.shape[:2]
    rows = max(16, most // max(width, 1) // 16 * 16)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def bright(values: np.ndarray, gain: float) -> np.ndarray:
    """Values ≥ 0 times a gain, cut off at white: (H, W) or (H, W, 3) → (H, W, 3) uint8."""
    lit = np.clip(values * gain, 0, 255).round().astype(np.uint8)
    return lit if lit.ndim == 3 else np.repeat(lit[..., None], 3, axis=2)


def heat(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as viridis, which the colour-blind read too: dark blue = 0, yellow = 1."""
    level = np.clip(np.nan_to_num(values) * 255, 0, 255).round().astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
