"""Fine detail that a part of a photo lacks, held against equally bright and structured parts of the same photo.

Content that was enlarged, smoothed or drawn by an inpainting network lacks the highest octave of what lens,
sensor and encoder gave the rest. Per cell of 8x8 native pixels, with y luminance and G(s) a Gaussian of s px:

    fine = mean |y - G(1)|    middle = mean |G(1) - G(2)|    coarse = mean |G(2) - G(4)|
    log fine = q(y, log middle, log coarse) + residue * spread(log middle, log coarse)

q is the photo's own quadratic, fitted robustly (iteratively reweighted, Cauchy's weights squared), so that a
part that disagrees hardly bends it; spread is fitted to log |residue| in the same way. The median over 9x9
cells then leaves what whole areas share, and drops edges. Our own combination of known parts: local noise
(Mahdian & Saic 2009, "Using noise inconsistencies for blind image forensics"), high-pass residuals compared
within one photo (Cozzolino, Poggi & Verdoliva 2015, "Splicebuster").

Of 15 statistics tried (noise, third differences, co-occurrences of their signs, kurtosis, chroma, JPEG ghosts,
block grid) this found erased objects best, after re-encoding and shrinking too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

CELL = 8  # px
TILE = 64  # px of a tile that are looked at, 8x8 cells
REACH = 8  # px around it that the filters need
MOST = 2_000_000  # px: a larger photo is looked at through a regular grid of tiles, at native pixels
FLOOR = 0.15  # grey levels: less than this is as good as nothing
CLIPPED = 0.3  # share of a cell's pixels at the ends of the scale
FLAT = 0.05  # grey levels of middle detail: under it a cell was painted, or blown out
CUT = 2.0  # spreads: a cell that far off counts a quarter
ROUNDS = 5
FITTED = 6000  # cells that the fit looks at
LIMIT = 5.0  # spreads
AROUND = 9  # cells a side of the median: 72 px


@dataclass(frozen=True, eq=False)
class Residue:
    """`map` (rows, columns) float32 in spreads of the photo's own cells, within ±5: below 0 = less fine detail
    than like cells. `logs` (rows, columns) float32: log of fine detail over what is expected, cell by cell.
    `valid` (rows, columns) bool: cells that could be compared. `tops`, `lefts`: the first pixel of each row and
    column of cells in the photo; they leave gaps where only tiles were looked at.
    """

    map: np.ndarray = field(repr=False)
    logs: np.ndarray = field(repr=False)
    valid: np.ndarray = field(repr=False)
    tops: np.ndarray = field(repr=False)
    lefts: np.ndarray = field(repr=False)


def residue(pixels: np.ndarray) -> Residue | None:
    """Of (H, W, 3) uint8 RGB; None where under half of the cells, or under 64, can be compared."""
    tops, lefts = starts(*pixels.shape[:2])
    if min(len(tops), len(lefts)) < 2:
        return None
    cells = measured(pixels, tops, lefts)
    valid = (cells["clipped"] < CLIPPED) & (cells["middle"] > FLAT)
    if valid.sum() < max(64, valid.size / 2):
        return None
    fine, middle, coarse = (np.log(cells[name] + FLOOR) for name in ("fine", "middle", "coarse"))
    logs, usual = off_the_fit(fine, quadratic(cells["level"], middle, coarse), valid)
    size = np.log(np.abs(logs) + usual / 5)
    spread = np.exp(size - off_the_fit(size, quadratic(middle, coarse), valid)[0])  # of cells like each
    rest = logs / np.maximum(spread, np.median(spread[valid]) / 2)
    rest = rest / (1.4826 * np.median(np.abs(rest[valid])) + 1e-6)
    rest = np.where(valid, np.clip(rest, -LIMIT, LIMIT), 0)
    return Residue(median(rest), logs.astype(np.float32), valid, tops, lefts)


def starts(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """First pixels of the rows and of the columns of cells: all of them, or those of tiles on a regular grid."""
    if height * width <= MOST:
        return np.arange(height // CELL) * CELL, np.arange(width // CELL) * CELL
    share = (MOST / (height * width)) ** 0.5
    return tuple(tiled(length, max(2, int(length * share / TILE))) for length in (height, width))


def tiled(length: int, n: int) -> np.ndarray:
    """First pixels of the cells of n tiles, evenly along a side; of all of them where the side holds fewer."""
    if n * TILE >= length:
        return np.arange(length // CELL) * CELL
    first = np.linspace(0, length - TILE, n).astype(int) // CELL * CELL
    return (first[:, None] + np.arange(0, TILE, CELL)).ravel()


def measured(pixels: np.ndarray, tops: np.ndarray, lefts: np.ndarray) -> dict[str, np.ndarray]:
    """Means of each cell, (rows, columns) float32, from filters that reach no farther than the photo."""
    rows, columns = runs(tops), runs(lefts)
    out: dict[str, np.ndarray] = {}
    parts = [[bands(pixels, row, column) for column in columns] for row in rows]
    for name in parts[0][0]:
        out[name] = np.vstack([np.hstack([part[name] for part in line]) for line in parts])
    return out


def runs(firsts: np.ndarray) -> list[tuple[int, int]]:
    """[start, stop) in pixels of each stretch of cells that touch."""
    breaks = np.flatnonzero(np.diff(firsts) != CELL) + 1
    return [(int(part[0]), int(part[-1]) + CELL) for part in np.split(firsts, breaks)]


def bands(pixels: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> dict[str, np.ndarray]:
    top, left = max(0, rows[0] - REACH), max(0, columns[0] - REACH)
    cut = np.ascontiguousarray(pixels[top : rows[1] + REACH, left : columns[1] + REACH])
    y = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY)
    clipped = ((y < 4) | (y > 250)).astype(np.float32)
    y = y.astype(np.float32)
    g1 = cv2.GaussianBlur(y, (5, 5), 1.0)
    g2 = cv2.GaussianBlur(y, (9, 9), 2.0)
    g4 = cv2.GaussianBlur(y, (17, 17), 4.0)
    inside = slice(rows[0] - top, rows[1] - top), slice(columns[0] - left, columns[1] - left)
    size = (columns[1] - columns[0]) // CELL, (rows[1] - rows[0]) // CELL
    maps = {
        "level": y,
        "fine": cv2.absdiff(y, g1),
        "middle": cv2.absdiff(g1, g2),
        "coarse": cv2.absdiff(g2, g4),
        "clipped": clipped,
    }
    return {name: cv2.resize(m[inside], size, interpolation=cv2.INTER_AREA) for name, m in maps.items()}


def quadratic(*terms: np.ndarray) -> np.ndarray:
    """(N, K) float64: 1, each term, and each product of two; terms are standardised first."""
    columns = [(t.ravel() - t.mean()) / (t.std() + 1e-6) for t in terms]
    pairs = [columns[i] * columns[j] for i in range(len(columns)) for j in range(i, len(columns))]
    return np.stack([np.ones(terms[0].size), *columns, *pairs], axis=1).astype(np.float64)


def off_the_fit(values: np.ndarray, design: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, float]:
    """What a robust least-squares fit on valid cells leaves of `values`, and the usual size of that."""
    flat, chosen = values.ravel().astype(np.float64), np.flatnonzero(valid)
    chosen = chosen[:: -(-len(chosen) // FITTED)]
    x, y = design[chosen], flat[chosen]
    weight = np.ones(len(y))
    for _ in range(ROUNDS):
        gram = (x * weight[:, None]).T @ x + 1e-4 * len(y) * np.eye(x.shape[1])
        beta = np.linalg.solve(gram, x.T @ (weight * y))
        rest = y - x @ beta
        spread = 1.4826 * float(np.median(np.abs(rest))) + 1e-6
        weight = 1 / (1 + (rest / spread / CUT) ** 2) ** 2
    return (flat - design @ beta).reshape(values.shape), spread


def median(rest: np.ndarray) -> np.ndarray:
    """Over 9x9 cells (fewer in small photos), in steps of 1/25 spread: OpenCV's fast median is of bytes."""
    side = min(AROUND, (min(rest.shape) - 1) // 2 * 2 + 1)
    levels = np.clip(np.rint(rest * 25) + 128, 0, 255).astype(np.uint8)
    return (cv2.medianBlur(levels, side).astype(np.float32) - 128) / 25
