"""JPEG ghost: parts that were once saved at another quality.

Farid, "Exposing Digital Forgeries from JPEG Ghosts", 2009. The photo is saved again at many qualities. A part that
had been through quality q before it was pasted changes least at q, where the rest does not. Blocks of 16 px are
coded independently, so of a large photo every nth is looked at.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from detectors.maps.map import Drawing
from detectors.maps.panels import sheet
from detectors.maps.reach import heat
from forensics.laundering import jpeg
from forensics.photo import Photo

QUALITIES = tuple(range(40, 96, 5))
BLOCK = 16  # px
MOST = 4_000_000  # pixels saved again at each quality


def every(height: int, width: int) -> int:
    """Every how many blocks, across and down, one is looked at."""
    return max(1, int(np.ceil((height * width / MOST) ** 0.5)))


def blocks(pixels: np.ndarray) -> np.ndarray:
    """Whole blocks side by side, every nth of them; a photo smaller than a block is padded to one."""
    height, width = pixels.shape[:2]
    step = every(height, width)
    across = [slice(i, i + BLOCK) for i in range(0, max(1, width - BLOCK + 1), BLOCK * step)]
    down = [slice(i, i + BLOCK) for i in range(0, max(1, height - BLOCK + 1), BLOCK * step)]
    rows = [np.concatenate([whole(pixels[y, x]) for x in across], axis=1) for y in down]
    return np.concatenate(rows, axis=0)


def whole(block: np.ndarray) -> np.ndarray:
    height, width = block.shape[:2]
    if (height, width) == (BLOCK, BLOCK):
        return block
    return np.pad(block, ((0, BLOCK - height), (0, BLOCK - width), (0, 0)), mode="edge")


def ghosts(pixels: np.ndarray) -> np.ndarray:
    """(qualities, rows, columns) in [0, 1] a block of 16 px: 1 = of all qualities, here it changes least at this.

    Farid's difference, averaged over the block, scaled over the qualities to [0, 1] and turned round.
    """
    mosaic = blocks(pixels)
    rows, columns = mosaic.shape[0] // BLOCK, mosaic.shape[1] // BLOCK
    changed = np.empty((len(QUALITIES), rows, columns), np.float32)
    for i, quality in enumerate(QUALITIES):
        off = cv2.absdiff(mosaic, jpeg(mosaic, quality, "4:4:4")).astype(np.float32)
        changed[i] = cv2.resize((off * off).mean(2), (columns, rows), interpolation=cv2.INTER_AREA)
    low, high = changed.min(0), changed.max(0)
    reach = high - low
    return np.where(reach > 1e-6, 1 - (changed - low) / np.maximum(reach, 1e-6), 0)


class Ghost:
    name: ClassVar[str] = "ghost"
    title: ClassVar[str] = "JPEG ghost"
    source: ClassVar[str] = "Farid, “Exposing Digital Forgeries from JPEG Ghosts”, IEEE TIFS 2009"
    shows: ClassVar[str] = (
        "The photo saved again at twelve qualities; yellow = changes little there. A part that is yellow at a "
        "quality where the rest is not may have been saved at that quality before it came into the photo."
    )
    misses: ClassVar[str] = (
        "It needs a part that was coded more coarsely than the photo was last saved, on the same grid of 8 px "
        "blocks. Flat surfaces are yellow at most qualities; a re-posting at low quality wipes ghosts out."
    )

    def draw(self, photo: Photo) -> Drawing:
        found = ghosts(photo.pixels)
        grow = max(1, round(360 / max(found.shape[1:])))
        shown = [np.kron(level, np.ones((grow, grow), np.float32)) for level in found]
        pictures = [(f"quality {q}", heat(level)) for q, level in zip(QUALITIES, shown, strict=True)]
        words = (
            f"Saved again at {len(QUALITIES)} qualities from {QUALITIES[0]} to {QUALITIES[-1]}, compared in blocks."
        )
        step = every(photo.height, photo.width)
        if step > 1:
            words += f" The photo is large: of every {step}×{step} blocks of {BLOCK} px one was looked at."
        return Drawing(sheet(pictures, 4), words)
