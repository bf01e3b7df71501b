"""Pictures in rows and columns, with words at both edges: one PNG that declares itself as generated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from forensics.saving import at_once
from generators.declare import declared
from generators.latent.film import as_rgb, enlarged

CELL = 128  # px: smaller pictures are enlarged to at least this height
GAP = 4  # px
INK, PAPER = (29, 35, 48), (255, 255, 255)
MOST_CELLS = 2_000


def sheet(
    rows: Sequence[Sequence[np.ndarray | None]],
    left: Sequence[str] = (),
    above: Sequence[str] = (),
    scale: int | None = None,
) -> np.ndarray:
    """(H, W, 3) uint8 of rows of pictures, (h, w, C) uint8 of one size; None leaves a place empty.

    `left` and `above`: a word for each row and each column.
    """
    cells = [[None if p is None else enlarged(as_rgb(p), scale, CELL) for p in row] for row in rows]
    high, wide = next(cell.shape[:2] for row in cells for cell in row if cell is not None)
    font = font_of(max(11, min(high // 9, 20)))
    margin = round(max((font.getlength(word) for word in left), default=0)) + 4 * GAP if any(left) else 0
    head = round(font.size * 1.7) if any(above) else 0
    columns = max(len(row) for row in cells)
    size = margin + columns * (wide + GAP), head + len(cells) * (high + GAP)
    page = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(page)
    for i, row in enumerate(cells):
        top = head + i * (high + GAP)
        if i < len(left):
            pen.text((margin - 2 * GAP, top + high / 2), left[i], INK, font, anchor="rm")
        for j, cell in enumerate(row):
            if cell is not None:
                page.paste(Image.fromarray(cell), (margin + j * (wide + GAP), top))
    for j, word in enumerate(above):
        pen.text((margin + j * (wide + GAP) + wide / 2, head / 2), word, INK, font, anchor="mm")
    return np.asarray(page)


@cache
def font_of(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings: Pillow's own font has no Greek."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def write(pixels: np.ndarray, out: Path, software: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with at_once(out) as part:
        part.write_bytes(declared(pixels, software))


def inscribed(picture: np.ndarray, word: str) -> np.ndarray:
    """(H, W, C) uint8 → (H, W, 3), with a word at its lower edge."""
    page = Image.fromarray(np.ascontiguousarray(as_rgb(picture)))
    font = font_of(max(11, page.height // 16))
    pen = ImageDraw.Draw(page)
    left, top, right, bottom = pen.textbbox((0, page.height), word, font, anchor="lb")
    pen.rectangle((left, top - 4, right + 8, bottom), PAPER)
    pen.text((4, page.height - 2), word, INK, font, anchor="lb")
    return np.asarray(page)
