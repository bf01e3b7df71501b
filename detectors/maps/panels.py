"""Several small pictures on one sheet, each under its words."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from detectors.maps.reach import LONGEST, shrunk

HEAD, GAP, NARROWEST = 26, 8, 110  # px
PAPER, INK = 250, (30, 30, 30)


def sheet(pictures: Sequence[tuple[str, np.ndarray]], columns: int) -> np.ndarray:
    """(H, W, 3) uint8 of equally large pictures (h, w, 3) with their titles, row by row."""
    rows = -(-len(pictures) // columns)
    side = min(LONGEST // columns, LONGEST // rows - HEAD) - 2 * GAP
    small = [(title, shrunk(picture, side)) for title, picture in pictures]
    height, width = small[0][1].shape[:2]
    cell = max(width, NARROWEST)
    canvas = np.full((rows * (HEAD + height + GAP), columns * (cell + GAP) - GAP, 3), PAPER, np.uint8)
    for number, (title, picture) in enumerate(small):
        top, left = number // columns * (HEAD + height + GAP), number % columns * (cell + GAP)
        cv2.putText(canvas, title, (left + 2, top + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
        canvas[top + HEAD : top + HEAD + height, left : left + width] = picture
    return canvas
