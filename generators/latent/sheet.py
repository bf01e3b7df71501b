"""Pictures in rows and columns, with words at both edges: one PNG that declares itself as generated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from forensics.photo import MAX_PIXELS
from forensics.refusal import Refusal
from forensics.saving import at_once
from generators.declare import declared
from generators.interop.pickles import one_line
from generators.latent.film import as_rgb, enlarged, scaling

CELL = 128  # px: smaller pictures are enlarged to at least this height
GAP = 4  # px
INK, PAPER = (29, 35, 48), (255, 255, 255)
LONGEST = 60  # characters of a word


def check_sheet(rows: int, columns: int, picture: tuple[int, int], scale: int | None = None) -> None:
    """Raises Refusal for a sheet of more pixels than `forensics inspect` opens; `picture`: height and width."""
    by = scaling(picture[0], scale, CELL)
    pixels = rows * (picture[0] * by + GAP) * columns * (picture[1] * by + GAP)
    if pixels > MAX_PIXELS:
        raise Refusal(
            f"{rows:,} x {columns:,} pictures would be {pixels / 1e6:,.0f} megapixels, at most {MAX_PIXELS // 10**6}"
            " are written; give fewer points, or a smaller scale"
        )


def sheet(
    rows: Sequence[Sequence[np.ndarray | None]],
    left: Sequence[str] = (),
    above: Sequence[str] = (),
    scale: int | None = None,
) -> np.ndarray:
    """(H, W, 3) uint8 of rows of pictures, (h, w, C) uint8 of one size; None leaves a place empty.

    `left` and `above`: a word for each row and each column.
    """
    left, above = ([one_line(word, LONGEST) for word in words] for words in (left, above))
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
    pen, word = ImageDraw.Draw(page), one_line(word, LONGEST)
    left, top, right, bottom = pen.textbbox((0, page.height), word, font, anchor="lb")
    pen.rectangle((left, top - 4, right + 8, bottom), PAPER)
    pen.text((4, page.height - 2), word, INK, font, anchor="lb")
    return np.asarray(page)
