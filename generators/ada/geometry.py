"""Moving pictures about: pixel blitting and general geometry, executed in one resampling without aliasing.

Karras et al. 2020b, appendix B. All operations of a picture become one matrix. The picture is padded by
reflection, upsampled by SYM6, looked up bilinearly, downsampled by SYM6 again. Padding and filters are linear
and separable: here they are two matrix products, which on a CPU take a tenth of a convolution's time.

Pixel centres are whole numbers; the origin of transformations is the middle of the picture.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from generators.ada.draws import Draws
from generators.ada.matrices import identity, rotate2d, scale2d, translate2d
from generators.ada.sampling import lookup
from generators.ada.settings import Augmentations
from generators.ada.wavelets import SYM6

TAPS = len(SYM6)
MARGIN = TAPS // 4  # pixels around the result that its filter looks at
FIRST = TAPS // 2 - 1  # tap of SYM6 that meets a pixel at its own place, upsampled


def inverse_transforms(draws: Draws, width: int, height: int, how: Augmentations) -> Tensor:
    """(N, 3, 3): for each picture, where a pixel of the result comes from."""
    one, zero = torch.ones(draws.n).double(), torch.zeros(draws.n).double()
    g = identity(draws.n, 3, one.dtype)
    if how.xflip:
        flipped = torch.where(draws.happens(how.xflip), (draws.uniform() * 2).floor(), zero)
        g = g @ scale2d(1 - 2 * flipped, one)
    if how.rotate90:
        quarters = torch.where(draws.happens(how.rotate90), (draws.uniform() * 4).floor(), zero)
        g = g @ rotate2d(quarters * (math.pi / 2))
    if how.xint:
        shift = (draws.uniform(2) * 2 - 1) * how.xint_max
        x, y = torch.where(draws.happens(how.xint)[:, None], shift, 0.0).unbind(1)
        g = g @ translate2d(-(x * width).round(), -(y * height).round())
    if how.scale:
        s = torch.where(draws.happens(how.scale), draws.lognormal(how.scale_std), one)
        g = g @ scale2d(1 / s, 1 / s)
    if how.rotate:  # before the anisotropic scaling
        g = g @ rotate2d(angles(draws, how))
    if how.aniso:
        s = torch.where(draws.happens(how.aniso), draws.lognormal(how.aniso_std), one)
        g = g @ scale2d(1 / s, s)
    if how.rotate:  # after it; at a given percentile only before
        after = angles(draws, how)
        g = g @ rotate2d(after if draws.percentile is None else zero)
    if how.xfrac:
        shift = draws.normal(2) * how.xfrac_std
        x, y = torch.where(draws.happens(how.xfrac)[:, None], shift, 0.0).unbind(1)
        g = g @ translate2d(-x * width, -y * height)
    return g


def angles(draws: Draws, how: Augmentations) -> Tensor:
    turned = (draws.uniform() * 2 - 1) * (math.pi * how.rotate_max)
    return torch.where(draws.rotates(how.rotate), turned, 0.0)


def margins(g: Tensor, width: int, height: int) -> tuple[int, int, int, int]:
    """Pixels of padding, left, right, top, bottom, that a batch needs; at most what reflection can give."""
    x, y = (width - 1) / 2, (height - 1) / 2
    corners = torch.tensor([[-x, -y, 1], [x, -y, 1], [x, y, 1], [-x, y, 1]], dtype=g.dtype)
    places = g @ corners.T  # (N, 3, 4)
    low, high = places[:, :2].amin((0, 2)), places[:, :2].amax((0, 2))
    sides = (-low[0] - x, high[0] - x, -low[1] - y, high[1] - y)
    most = (width - 1, width - 1, height - 1, height - 1)
    reach = [math.ceil(float(side + 2 * MARGIN)) for side in sides]
    left, right, top, bottom = (min(max(side, 0), limit) for side, limit in zip(reach, most, strict=True))
    return left, right, top, bottom


def lookup_matrices(g: Tensor, width: int, height: int, around: tuple[int, int, int, int]) -> Tensor:
    """(N, 2, 3): from a place in the upsampled result to one in the upsampled, padded picture.

    Both as `lookup` counts, from -1 to 1. The result has MARGIN pixels more on each side.
    """

    def move(x: float, y: float) -> Tensor:
        return translate2d(*torch.tensor([[x], [y]], dtype=g.dtype))

    def scale(x: float, y: float) -> Tensor:
        return scale2d(*torch.tensor([[x], [y]], dtype=g.dtype))

    left, right, top, bottom = around
    wide, high = width + 2 * MARGIN, height + 2 * MARGIN  # half the size of the upsampled result
    full_wide, full_high = width + left + right, height + top + bottom  # the same of the picture
    x, y = (width - 1) / 2, (height - 1) / 2  # the origin
    index = move(wide - 0.5, high - 0.5) @ scale(wide, high)  # in the upsampled result
    pixel = move(-x - MARGIN, -y - MARGIN) @ scale(0.5, 0.5) @ index
    source = scale(2, 2) @ move(x + left, y + top) @ g @ pixel  # index in the upsampled picture
    return (scale(1 / full_wide, 1 / full_high) @ move(0.5 - full_wide, 0.5 - full_high) @ source)[:, :2]


def upsampling(size: int, before: int, after: int) -> Tensor:
    """(2 (before + size + after), size) float64: reflection padding, then upsampling by SYM6."""
    padded = size + before + after
    source = reflected(np.arange(-before, size + after), size)
    rows = 2 * np.arange(padded)[:, None] + np.arange(TAPS) - FIRST
    matrix = np.zeros((2 * padded, size))
    inside = (rows >= 0) & (rows < 2 * padded)
    columns, taps = np.broadcast_to(source[:, None], rows.shape), np.broadcast_to(SYM6, rows.shape)
    np.add.at(matrix, (rows[inside], columns[inside]), 2 * (taps / SYM6.sum())[inside])
    return torch.from_numpy(matrix)


def downsampling(size: int) -> Tensor:
    """(size, 2 (size + 2 MARGIN)) float64: downsampling by SYM6 mirrored, which undoes `upsampling`."""
    matrix = np.zeros((size, 2 * (size + 2 * MARGIN)))
    columns = 2 * (np.arange(size) + MARGIN)[:, None] + np.arange(TAPS) - FIRST
    matrix[np.arange(size)[:, None], columns] = SYM6 / SYM6.sum()
    return torch.from_numpy(matrix)


def reflected(places: np.ndarray, size: int) -> np.ndarray:
    """Where a pixel outside 0 ... size - 1 is taken from; the edge is not repeated."""
    places = np.abs(places)
    return size - 1 - np.abs(size - 1 - places)


def transformed(images: Tensor, g: Tensor) -> Tensor:
    """(N, C, H, W) through `inverse_transforms`, (N, 3, 3) on the CPU → the same shape and dtype.

    Pictures that stay where they are are left alone: for them the filters undo each other.
    """
    still = torch.eye(3, dtype=g.dtype)
    moved = (g != still).flatten(1).any(1).nonzero()[:, 0]
    if not len(moved):
        return images
    if len(moved) == len(images):
        return resampled(images, g)
    index = moved.to(images.device)
    return images.index_copy(0, index, resampled(images.index_select(0, index), g[moved]))


def resampled(images: Tensor, g: Tensor) -> Tensor:
    """`transformed` for all pictures."""
    n, channels, height, width = images.shape
    around = left, right, top, bottom = margins(g, width, height)
    matrices = lookup_matrices(g, width, height, around).to(images)  # (N, 2, 3)
    across, down = upsampling(width, left, right).to(images), upsampling(height, top, bottom).to(images)
    back_across, back_down = downsampling(width).to(images), downsampling(height).to(images)
    x = images.reshape(-1, width) @ across.T
    x = down @ x.view(n * channels, height, -1)  # (N C, 2 (top + H + bottom), 2 (left + W + right))
    x = lookup(x.view(n, channels, *x.shape[1:]), grid(matrices, width, height))
    x = back_down @ (x @ back_across.T)
    return x


def grid(matrices: Tensor, width: int, height: int) -> Tensor:
    """(N, 2, 3) → (N, 2 (H + 2 MARGIN), 2 (W + 2 MARGIN), 2): where each pixel of the upsampled result comes from."""
    wide, high = 2 * (width + 2 * MARGIN), 2 * (height + 2 * MARGIN)
    columns = (torch.arange(wide, device=matrices.device, dtype=matrices.dtype) * 2 + 1) / wide - 1
    rows = (torch.arange(high, device=matrices.device, dtype=matrices.dtype) * 2 + 1) / high - 1
    by_column = columns[None, :, None] * matrices[:, None, :, 0]  # (N, W', 2)
    by_row = rows[None, :, None] * matrices[:, None, :, 1] + matrices[:, None, :, 2]  # (N, H', 2)
    return by_row[:, :, None] + by_column[:, None]
