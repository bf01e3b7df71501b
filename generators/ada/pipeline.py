"""The augmentation pipeline of StyleGAN2-ADA (Karras et al. 2020b, appendix B), differentiable twice and more.

What the discriminator sees, photos and pictures alike. Each operation meets a picture with chance p, in this
order: pixel blitting, general geometry, colour, image-space filtering, additive noise, cutout. As long as p
is below 1, pictures tell enough of the distribution behind the augmentations for the generator to learn it
unaugmented: they do not leak (section 2.2; in practice below about 0.8).
"""

from __future__ import annotations

import torch
from torch import Tensor

from generators.ada.colour import colour_matrices, recoloured
from generators.ada.corruption import REACH, band_gains, cut_out, filtered, kept_by_cutout, noise_sizes, noisy
from generators.ada.draws import Draws
from generators.ada.geometry import inverse_transforms, transformed
from generators.ada.settings import Augmentations
from generators.precision import in_full


def augmented(
    images: Tensor, p: float, how: Augmentations, percentile: float | None = None, noise: Tensor | None = None
) -> Tensor:
    """(N, C, H, W) about [-1, 1], C from 1 to 4 → the same shape and dtype, not bounded.

    `p`: chance of an operation, 0 to 1; at 0 the same pictures come back. Colours: see `recoloured`; all
    other operations treat every channel alike, alpha too. `percentile`: see `Draws`; `noise`, shaped as the
    images, replaces the standard normal that is added, for tests.
    Random numbers are torch's default CPU generator's, but for the noise, drawn where the images are.
    Half precision is computed in float32. Raises ValueError for more channels, and for band filtering of
    pictures of at most 21 pixels on a side.
    """
    n, channels, height, width = images.shape
    if not 1 <= channels <= 4:
        raise ValueError(f"{channels} channels: must be 1 to 4 (grey or colour, each with or without alpha)")
    if how.imgfilter and min(height, width) <= REACH:
        raise ValueError(f"{width}x{height}: the band filter needs more than {REACH} pixels on each side")
    if p <= 0 and percentile is None:
        return images
    given = images.dtype
    draws = Draws(n, p, percentile)
    with in_full(images):
        images = images if given == torch.float64 else images.float()
        if how.moves:
            images = transformed(images, inverse_transforms(draws, width, height, how))
        if how.recolours:
            images = recoloured(images, colour_matrices(draws, how))
        if how.imgfilter:
            images = filtered(images, band_gains(draws, how))
        if how.noise:
            images = noisy(images, noise_sizes(draws, how), noise)
        if how.cutout:
            images = cut_out(images, kept_by_cutout(draws, width, height, how))
        return images.to(given)
