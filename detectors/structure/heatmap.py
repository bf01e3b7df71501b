"""Quantisation tables as a picture: one square a frequency, its step written in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CELL, GAP, HEAD = 34, 20, 44  # px
BACKGROUND = 250


def heatmap(tables: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """(H, W, 3) uint8 of titled (8, 8) tables side by side, bright = coarse. All share one scale."""
    import cv2

    side = 8 * CELL
    canvas = np.full((HEAD + side + GAP, len(tables) * (side + GAP) + GAP, 3), BACKGROUND, np.uint8)
    top = max(float(np.log(max(table.max() for _, table in tables))), 1.0)
    for number, (title, table) in enumerate(tables):
        left = GAP + number * (side + GAP)
        write(canvas, title, left, HEAD - 16, 0.48, (40, 40, 40))
        shade = (np.log(np.maximum(table, 1)) / top * 255).round().astype(np.uint8)
        colours = cv2.cvtColor(cv2.applyColorMap(shade, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
        block = np.kron(colours, np.ones((CELL, CELL, 1), np.uint8))
        canvas[HEAD : HEAD + side, left : left + side] = block
        for row in range(8):
            for column in range(8):
                ink = (0, 0, 0) if shade[row, column] > 150 else (255, 255, 255)
                x = left + column * CELL + 3
                write(canvas, str(int(table[row, column])), x, HEAD + row * CELL + 22, 0.38, ink)
    return canvas


def write(canvas: np.ndarray, text: str, x: int, y: int, size: float, ink: tuple[int, int, int]) -> None:
    import cv2

    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1, cv2.LINE_AA)
