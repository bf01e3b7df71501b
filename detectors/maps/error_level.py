"""Error level: what another JPEG save changes. Krawetz, "A Picture's Worth...", Black Hat 2007.

The photo is saved once more at quality 90 and the difference is amplified. Parts that were saved less often, or more
finely, than the rest change more; but so do all edges and textures.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from detectors.maps.map import Drawing
from detectors.maps.reach import bright, shrunk, strips
from forensics.laundering import jpeg
from forensics.photo import Photo

QUALITY = 90
GAIN = 20.0  # times: a change of 13 levels is white


def error(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: by how much each value changes in one more save."""
    changed = np.empty_like(pixels)
    for rows in strips(pixels):
        changed[rows] = cv2.absdiff(np.ascontiguousarray(pixels[rows]), jpeg(pixels[rows], QUALITY))
    return changed


class ErrorLevel:
    name: ClassVar[str] = "error_level"
    title: ClassVar[str] = "Error level"
    source: ClassVar[str] = 'Krawetz, "A Picture\'s Worth... Digital Image Analysis and Forensics", Black Hat 2007'
    shows: ClassVar[str] = (
        "How much each place changes when the photo is saved once more as JPEG 90. A pasted part with another past "
        "may be brighter or darker than like textures elsewhere."
    )
    misses: ClassVar[str] = (
        "Edges, text, red and fine texture are always bright; skies always dark. One re-posting makes all alike, and "
        "a generated picture looks even because it is of one piece. Compare only like with like."
    )

    def draw(self, photo: Photo) -> Drawing:
        words = f"Saved again at quality {QUALITY}, the difference amplified {GAIN:.0f} times."
        return Drawing(bright(shrunk(error(photo.pixels)).astype(np.float32), GAIN), words)
