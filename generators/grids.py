"""Samples of the same latents, and the same labels, each time; and grids of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from forensics.saving import at_once
from forensics.tensors import to_pictures
from generators.family import Family

GRID = 8  # pictures along a side
AT_ONCE = 16  # pictures in one pass


def samples(
    family: Family, labels: np.ndarray | None = None, n: int = GRID * GRID, seed: int = 0
) -> Iterator[Tensor]:
    """The average's pictures of n fixed latents, in parts of at most 16, (N, C, H, W) in [-1, 1].

    `labels`: (N, K), those of all photos; evenly spaced rows are used.
    """
    device = family.device
    z = family.draw(n, torch.Generator().manual_seed(seed))  # (n, Z)
    rows = None if labels is None else torch.from_numpy(labels[np.linspace(0, len(labels) - 1, n).astype(int)])
    for start in range(0, n, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        with torch.no_grad():
            yield family.sample(z[part].to(device), None if rows is None else rows[part].to(device))


def draw_grid(images: Tensor, path: Path, columns: int = GRID) -> None:
    """Pictures (N, C, H, W) in [-1, 1], row by row, in one PNG; alpha is left away. N is a multiple of `columns`."""
    images = images[:, : 3 if images.shape[1] > 2 else 1]
    pictures = to_pictures(images)  # (N, H, W, 3)
    n, height, width, _ = pictures.shape
    grid = pictures.reshape(n // columns, columns, height, width, 3).swapaxes(1, 2)
    path.parent.mkdir(exist_ok=True)
    with at_once(path) as part:
        Image.fromarray(grid.reshape(n // columns * height, columns * width, 3)).save(part, format="png")


def draw_reconstructions(family: Family, images: Tensor, path: Path, columns: int = GRID) -> None:
    """Photos (N, C, H, W) in [-1, 1] and what the average makes of them: a row of each in turn, in one PNG."""
    with torch.no_grad():
        made = torch.cat([family.reconstruct(part) for part in images.split(AT_ONCE)])
    rows = zip(images.split(columns), made.split(columns), strict=True)
    draw_grid(torch.cat([row for pair in rows for row in pair]), path, columns)
