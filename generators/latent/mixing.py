"""Style mixing: some layers of one picture take the w of another (Karras et al. 2019, section 3.1, figure 3).

Coarse layers hold pose and shape, middle ones features, fine ones colours and small detail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from forensics.refusal import Refusal
from generators.latent.points import Point
from generators.latent.space import Space

NAMED = {"coarse": (0, 4), "middle": (4, 8), "fine": (8, None)}  # 4x4 and 8x8; 16x16 and 32x32; from 64x64


def layers_of(text: str, layers: int) -> list[int]:
    """ "0-3,6", "coarse", "middle,fine" or "all" → layer numbers, each below `layers`. Raises Refusal otherwise."""
    found: set[int] = set()
    for part in text.split(","):
        word = part.strip().lower()
        if word == "all":
            found |= set(range(layers))
        elif word in NAMED:
            first, end = NAMED[word]
            found |= set(range(first, layers if end is None else min(end, layers)))
        elif match := re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", word):
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first or last >= layers:
                raise Refusal(f"layers {text!r}: this generator has 0 to {layers - 1}, and ranges run upwards")
            found |= set(range(first, last + 1))
        else:
            raise Refusal(f"layers {text!r}: give numbers and ranges (0-3,6), or coarse, middle, fine, all")
    if not found:
        raise Refusal(f"layers {text!r}: this generator has none of these; it has 0 to {layers - 1}")
    return sorted(found)


def mix(w: Tensor, other: Tensor, layers: Sequence[int]) -> Tensor:
    """w, other (L, W) → (L, W): `other` at these layers."""
    chosen = torch.zeros(len(w), dtype=torch.bool, device=w.device)
    chosen[list(layers)] = True
    return torch.where(chosen[:, None], other, w)


def grid(
    space: Space, rows: Sequence[Point], columns: Sequence[Point], layers: Sequence[int], truncation: float = 1.0
) -> list[list[np.ndarray | None]]:
    """Pictures by row and column: the first row and column are the points' own; the corner is empty.

    Elsewhere: the row's picture, with the column's w at `layers`.
    """
    kept, given = ([space.w(point, truncation) for point in points] for points in (rows, columns))
    body = [[space.of_w(w), *(space.of_w(mix(w, other, layers)) for other in given)] for w in kept]
    return [[None, *(space.of_w(other) for other in given)], *body]
