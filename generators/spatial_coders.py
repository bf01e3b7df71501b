"""Encoders and decoders whose code is a small picture: fully convolutional, for photos of any size.

As the first stages of latent diffusion (Rombach et al. 2022) and of vector-quantised GANs: each stage halves the
sides, a few maps remain, and the way back doubles them by one of the upsamplers that generators have. A vector
code forgets texture and blurs; this one keeps it, so that a reconstruction differs from its photo by little more
than what the upsampler leaves behind. SELU as in encoders.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from generators.encoders import start_self_normalising

Upsampler = Literal["transposed", "nearest", "shuffle"]


class SpatialEncoder(nn.Module):
    """(N, C, H, W) → codes (N, M · H/2^S · W/2^S), S stages of `hidden` feature maps. H and W: divisible by 2^S."""

    def __init__(self, channels: int, maps: int, hidden: Sequence[int]):
        super().__init__()
        stages: list[nn.Module] = []
        for before, after in pairwise([channels, *hidden]):
            stages += [nn.Conv2d(before, after, 4, 2, 1), nn.SELU(), nn.Conv2d(after, after, 3, 1, 1), nn.SELU()]
        self.stages = nn.Sequential(*stages, nn.Conv2d(hidden[-1], maps, 1))
        self.apply(start_self_normalising)

    def forward(self, images: Tensor) -> Tensor:
        return self.stages(images).flatten(1)


class SpatialDecoder(nn.Module):
    """Codes (N, M · h · w) → (N, C, h · 2^S, w · 2^S): SpatialEncoder's stages in turned order.

    `size`: (h, w) of a code; another may be given with the codes.
    """

    def __init__(self, channels: int, maps: int, hidden: Sequence[int], size: tuple[int, int], up: Upsampler):
        super().__init__()
        self.maps, self.size = maps, size
        stages: list[nn.Module] = [nn.Conv2d(maps, hidden[-1], 3, 1, 1)]
        for before, after in pairwise([*reversed(hidden), hidden[0]]):
            stages += [nn.SELU(), *doubled(up, before, after), nn.SELU(), nn.Conv2d(after, after, 3, 1, 1)]
        self.stages = nn.Sequential(*stages, nn.SELU(), nn.Conv2d(hidden[0], channels, 3, 1, 1), nn.Tanh())
        self.apply(start_self_normalising)

    def forward(self, codes: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        return self.stages(codes.unflatten(1, (self.maps, *(size or self.size))))


def doubled(up: Upsampler, inside: int, outside: int) -> tuple[nn.Module, ...]:
    """(N, I, h, w) → (N, O, 2h, 2w)."""
    match up:
        case "transposed":
            return (nn.ConvTranspose2d(inside, outside, 4, 2, 1),)
        case "nearest":
            return nn.Upsample(scale_factor=2), nn.Conv2d(inside, outside, 3, 1, 1)
        case "shuffle":
            return nn.Conv2d(inside, 4 * outside, 3, 1, 1), nn.PixelShuffle(2)
