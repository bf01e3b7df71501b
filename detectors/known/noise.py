"""The noise maps of a style-based generator, as further unknowns of a projection.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", appendix D: maps are optimised with
w, kept unit normal at each step, and a penalty on the correlation of neighbours, at all scales, keeps the picture
from moving into them. What they measure: how well anything can be drawn. For the question whether *this*
generator drew a photo they are freedom that its own pictures do not need, so projections leave them alone
unless asked.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMALLEST = 8  # px: maps are not halved further


def noise_maps(module: nn.Module) -> dict[str, Tensor]:
    """Name → map (..., H, W): the buffers whose own name begins with "noise"."""
    return {
        name: buffer
        for name, buffer in module.named_buffers()
        if name.rpartition(".")[2].startswith("noise") and buffer.is_floating_point() and buffer.ndim >= 2
    }


def correlation(maps: Mapping[str, Tensor]) -> Tensor | float:
    """Scalar: squared mean products of neighbours, across and down (wrapped), summed over maps and scales."""
    total = 0.0
    for noise in maps.values():
        scaled = noise.reshape(1, -1, *noise.shape[-2:])
        while True:
            for axis in (2, 3):
                total = total + (scaled * scaled.roll(1, axis)).mean().square()
            if scaled.shape[2] <= SMALLEST:
                break
            scaled = F.avg_pool2d(scaled, 2)
    return total


@torch.no_grad()
def renormalise(maps: Mapping[str, Tensor]) -> None:
    """Each map in place: mean 0, mean square 1."""
    for noise in maps.values():
        noise -= noise.mean()
        noise *= noise.square().mean().rsqrt()
