"""Changing the colours of pictures: five operations, one affine matrix (Karras et al. 2020b, appendix B)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from generators.ada.draws import Draws
from generators.ada.matrices import brighten, flip_luma, identity, rotate_hue, saturate, scale3d
from generators.ada.settings import Augmentations


def colour_matrices(draws: Draws, how: Augmentations) -> Tensor:
    """(N, 4, 4): each picture's red, green, blue and 1, before → after."""
    one, zero = torch.ones(draws.n).double(), torch.zeros(draws.n).double()
    c = identity(draws.n, 4, one.dtype)
    if how.brightness:
        by = torch.where(draws.happens(how.brightness), draws.normal() * how.brightness_std, zero)
        c = brighten(by) @ c
    if how.contrast:
        by = torch.where(draws.happens(how.contrast), draws.lognormal(how.contrast_std), one)
        c = scale3d(by) @ c
    if how.lumaflip:
        turned = torch.where(draws.happens(how.lumaflip), (draws.uniform() * 2).floor(), zero)
        c = flip_luma(turned) @ c
    if how.hue:
        angle = (draws.uniform() * 2 - 1) * (math.pi * how.hue_max)
        c = rotate_hue(torch.where(draws.happens(how.hue), angle, zero)) @ c
    if how.saturation:
        by = torch.where(draws.happens(how.saturation), draws.lognormal(how.saturation_std), one)
        c = saturate(by) @ c
    return c


def recoloured(images: Tensor, matrices: Tensor) -> Tensor:
    """(N, C, H, W) through (N, 4, 4) on the CPU → the same shape and dtype.

    Grey pictures (C = 1 or 2) take the mean of what would become of their red, green and blue: hue and
    saturation leave them alone. Alpha, the last of 2 or 4 channels, stays as it is.
    """
    if torch.equal(matrices, torch.eye(4, dtype=matrices.dtype).expand_as(matrices)):
        return images
    matrices = matrices.to(images)
    matrix, offset = matrices[:, :3, :3], matrices[:, :3, 3:]  # (N, 3, 3), (N, 3, 1)
    colours, alpha = (3 if images.shape[1] > 2 else 1), images.shape[1] in (2, 4)
    if colours == 1:
        matrix, offset = matrix.sum(2, keepdim=True).mean(1, keepdim=True), offset.mean(1, keepdim=True)
    seen = torch.baddbmm(offset, matrix, images[:, :colours].flatten(2)).view(-1, colours, *images.shape[2:])
    return torch.cat([seen, images[:, colours:]], 1) if alpha else seen
