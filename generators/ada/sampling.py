"""Bilinear lookup that can be differentiated as often as one likes.

PyTorch cannot differentiate the gradient of `grid_sample`, which R1 through an augmentation needs. For fixed
places the lookup is linear in the picture: its gradient is its transpose, and the transpose's gradient is
the lookup again.
"""

from __future__ import annotations

import torch
from torch import Tensor

BILINEAR, ZEROS = 0, 0


class Lookup(torch.autograd.Function):
    """images (N, C, H, W), places (N, H', W', 2) → (N, C, H', W'). Nothing flows back to the places."""

    @staticmethod
    def forward(ctx, images: Tensor, places: Tensor) -> Tensor:
        ctx.size = images.shape
        ctx.save_for_backward(places)
        return torch.ops.aten.grid_sampler_2d(images, places, BILINEAR, ZEROS, False)

    @staticmethod
    def backward(ctx, above: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        return Spread.apply(above, places, ctx.size), None


class Spread(torch.autograd.Function):
    """The transpose of `Lookup`: each value is added to the four pixels that it was mixed from."""

    @staticmethod
    def forward(ctx, values: Tensor, places: Tensor, size: torch.Size) -> Tensor:
        ctx.save_for_backward(places)
        shape_only = values.new_zeros(1).expand(size)
        mask = [True, False]  # of images, not of places
        spread = torch.ops.aten.grid_sampler_2d_backward
        return spread(values.contiguous(), shape_only, places, BILINEAR, ZEROS, False, mask)[0]

    @staticmethod
    def backward(ctx, above: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return Lookup.apply(above, places), None, None


def lookup(images: Tensor, places: Tensor) -> Tensor:
    """images (N, C, H, W) at `places` (N, H', W', 2) → (N, C, H', W'), zeros outside.

    Places are x, y with the picture's outer edges at -1 and 1; both tensors of one float dtype.
    """
    return Lookup.apply(images, places)
