"""The lineage drawn: a row of faces a family, the same seeds down each column, its score as a bar."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.lineage.scores import Row, Scores

INK, QUIET, BAR, FLOOR = "#1d2330", "#6a7282", "#0067a3", "#d55e00"
CELL, GAP = 80, 3  # px: a picture, and between two
LEFT, RIGHT, TOP, BOTTOM = 178, 150, 78, 34  # px around the pictures
DPI = 100
MOST_BYTES = 400_000


def draw(rows: Sequence[Row], seeds: Sequence[int], scores: Scores | None) -> Figure:
    """Pictures are enlarged to the same size; bars start at 0, and a tick marks how far photos lie apart."""
    step = CELL + GAP
    wide, high = LEFT + len(seeds) * step + RIGHT, TOP + len(rows) * step + BOTTOM
    figure = Figure(figsize=(wide / DPI, high / DPI), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, wide), ylim=(high, 0))
    axes.set_axis_off()
    words(axes, 16, 22, "The lineage of face generators", 13, weight="bold")
    words(axes, 16, 43, f"{rows[0].year}–{rows[-1].year}: faces of nobody, the same seeds in each column", 9, QUIET)
    for column, seed in enumerate(seeds):
        words(axes, LEFT + column * step + CELL / 2, TOP - 10, f"seed {seed}", 7, QUIET, ha="center")
    worst = max((row.score.fid_like for row in rows if row.score), default=0)
    if worst:
        words(axes, wide - RIGHT + 14, TOP - 10, "FID-like, lower is nearer", 7, QUIET)
    for number, row in enumerate(rows):
        top = TOP + number * step
        middle = top + CELL / 2
        words(axes, 16, middle - 15, row.name, 11.5, weight="bold")
        words(axes, 16, middle + 3, f"{row.year} · {row.size.replace('x', ' × ')} px", 8, QUIET)
        words(axes, 16, middle + 19, f"{millions(row.parameters)} parameters", 8, QUIET)
        for column, picture in enumerate(row.pictures):
            left = LEFT + column * step
            axes.imshow(enlarged(picture), extent=(left, left + CELL, top + CELL, top), interpolation="nearest")
        draw_score(axes, row, wide - RIGHT + 14, middle, worst)
    axes.set(xlim=(0, wide), ylim=(high, 0), aspect="auto")
    if scores and worst:
        words(axes, 16, high - BOTTOM / 2, caption(scores), 7.5, QUIET)
    return figure


def draw_score(axes: Axes, row: Row, left: float, middle: float, worst: float) -> None:
    if row.score is None:
        if worst:
            words(axes, left, middle, "not measured", 8, QUIET)
        return
    room = RIGHT - 34
    axes.barh(middle + 8, row.score.fid_like / worst * room, height=7, left=left, color=BAR, lw=0)
    if row.score.photos is not None:
        at = left + row.score.photos / worst * room
        axes.plot((at, at), (middle + 1, middle + 15), color=FLOOR, lw=1.6, solid_capstyle="butt")
    words(axes, left, middle - 9, digits(row.score.fid_like), 11.5, weight="bold")


def caption(scores: Scores) -> str:
    """What the bars mean."""
    text = f"FID-like: Fréchet distance in {scores.space}; {scores.n:,} pictures, {scores.n:,} photos of their size."
    if any(score.photos is not None for score in scores.of.values()):
        text += " Tick: other photos."
    return text


def words(axes: Axes, x: float, y: float, text: str, size: float, color: str = INK, **style: object) -> None:
    axes.text(x, y, text, fontsize=size, color=color, va="center", **{"ha": "left", **style})


def enlarged(picture: np.ndarray) -> np.ndarray:
    """Fitted into a CELL x CELL square, white around what is not square."""
    image = Image.fromarray(picture)
    scale = CELL / max(image.size)
    size = tuple(max(1, round(side * scale)) for side in image.size)
    square = Image.new("RGB", (CELL, CELL), "white")
    square.paste(image.resize(size, Image.Resampling.BICUBIC), ((CELL - size[0]) // 2, (CELL - size[1]) // 2))
    return np.asarray(square)


def millions(n: int) -> str:
    return f"{n / 1e6:.1f} M" if n >= 1e5 else f"{n / 1e3:.1f} k"


def digits(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def as_png(figure: Figure, most: int = MOST_BYTES) -> bytes:
    """The same bytes for the same figure. Colours are rounded to 128, 64 or 32 levels where that makes it fit."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    for step in (1, 2, 4, 8):
        rounded = (np.round(pixels / step) * step).clip(0, 255).astype(np.uint8)
        packed = io.BytesIO()
        Image.fromarray(rounded).save(packed, "PNG", optimize=True)
        if packed.tell() <= most:
            break
    return packed.getvalue()
