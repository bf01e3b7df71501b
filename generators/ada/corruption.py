"""Image-space filtering, additive noise and cutout (Karras et al. 2020b, appendix B)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from generators.ada.draws import Draws
from generators.ada.geometry import reflected
from generators.ada.settings import Augmentations
from generators.ada.wavelets import bands

POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)  # expected share of each band in a photo, 1/f
REACH = bands().shape[1] // 2  # pixels on each side that the band filter looks at; pictures must be larger


def band_gains(draws: Draws, how: Augmentations) -> Tensor:
    """(N, 4): by how much each band is multiplied; the expected power of a photo stays."""
    power = torch.tensor(POWER, dtype=torch.float64)
    gains = torch.ones(draws.n, 4, dtype=torch.float64)
    for band, strength in enumerate(how.imgfilter_bands):
        by = draws.lognormal(how.imgfilter_std)
        factors = torch.ones_like(gains)
        factors[:, band] = torch.where(draws.happens(how.imgfilter * strength), by, 1.0)
        gains = gains * factors / (factors.square() @ power).sqrt()[:, None]
    return gains


def band_matrices(size: int) -> Tensor:
    """(4, size, size) float64: each band's filter along one axis of a picture padded by reflection."""
    taps = bands()
    matrices = np.zeros((len(taps), size, size))
    rows = np.broadcast_to(np.arange(size)[:, None], (size, taps.shape[1]))
    columns = reflected(rows + np.arange(taps.shape[1]) - REACH, size)
    for matrix, band in zip(matrices, taps, strict=True):
        np.add.at(matrix, (rows, columns), np.broadcast_to(band, rows.shape))
    return torch.from_numpy(matrices)


def filtered(images: Tensor, gains: Tensor) -> Tensor:
    """(N, C, H, W), H and W above 21, with bands times (N, 4) on the CPU → the same shape and dtype."""
    if bool((gains == 1).all()):
        return images
    gains, (height, width) = gains.to(images), images.shape[2:]
    down = torch.einsum("nb,bij->nij", gains, band_matrices(height).to(images))[:, None]  # (N, 1, H, H)
    across = torch.einsum("nb,bij->nij", gains, band_matrices(width).to(images))[:, None]  # (N, 1, W, W)
    return down @ (images @ across.mT)


def noise_sizes(draws: Draws, how: Augmentations) -> Tensor:
    """(N,): standard deviation of the noise that each picture gets."""
    return torch.where(draws.happens(how.noise), draws.half_normal() * how.noise_std, 0.0)


def noisy(images: Tensor, sizes: Tensor, noise: Tensor | None = None) -> Tensor:
    """(N, C, H, W) plus `noise`, standard normal, times (N,). All channels get their own, alpha too."""
    if not bool(sizes.any()):
        return images
    noise = torch.randn_like(images) if noise is None else noise
    return images + noise * sizes.to(images)[:, None, None, None]


def kept_by_cutout(draws: Draws, width: int, height: int, how: Augmentations) -> Tensor:
    """(N, H, W) bool, false where the rectangle is."""
    size = torch.where(draws.happens(how.cutout), how.cutout_size, 0.0).double()[:, None]
    x, y = draws.uniform(2)[..., None].unbind(1)  # (N, 1) each: its middle
    columns = ((torch.arange(width) + 0.5) / width - x).abs() >= size / 2  # (N, W)
    rows = ((torch.arange(height) + 0.5) / height - y).abs() >= size / 2  # (N, H)
    return rows[:, :, None] | columns[:, None]


def cut_out(images: Tensor, kept: Tensor) -> Tensor:
    """(N, C, H, W) times (N, H, W): 0, mid-grey, in a rectangle of every channel."""
    return images if bool(kept.all()) else images * kept.to(images)[:, None]
