"""The discriminator of StyleGAN2: residual, with a minibatch statistic, and conditional by projection.

Karras et al. 2020, section 4.1 and appendix B; Miyato and Koyama 2018 for the projection of labels.
Tensors are named as in the published PyTorch checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from generators.layers import FILTER, Conv, Dense, MinibatchStd
from generators.mapping import Mapping
from generators.ops.upfirdn2d import downsample2d, setup_filter
from generators.synthesis import ROOT_HALF, Architecture


class Block(nn.Module):
    """Features (N, M, H, W) and picture (N, C, H, W) → (N, O, H/2, W/2) and (N, C, H/2, W/2)."""

    def __init__(
        self,
        middle: int,
        outside: int,
        channels: int,
        first: bool,
        architecture: Architecture,
        activation: str,
        filter: Sequence[float],
        clamp: float | None,
    ):
        super().__init__()
        self.architecture = architecture
        self.register_buffer("resample_filter", setup_filter(filter))
        if first or architecture == "skip":
            self.fromrgb = Conv(channels, middle, 1, activation=activation, filter=filter, clamp=clamp)
        self.conv0 = Conv(middle, middle, 3, activation=activation, filter=filter, clamp=clamp)
        self.conv1 = Conv(middle, outside, 3, activation=activation, down=2, filter=filter, clamp=clamp)
        if architecture == "resnet":
            self.skip = Conv(middle, outside, 1, bias=False, down=2, filter=filter)

    def forward(self, x: Tensor | None, picture: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if hasattr(self, "fromrgb"):
            seen = self.fromrgb(picture)
            x = seen if x is None else x + seen
            skip = self.architecture == "skip"
            picture = downsample2d(picture, self.resample_filter) if skip else None
        if self.architecture == "resnet":
            y = self.skip(x, ROOT_HALF)
            return y + self.conv1(self.conv0(x), ROOT_HALF), picture
        return self.conv1(self.conv0(x)), picture


class Epilogue(nn.Module):
    """Features (N, I, 4, 4) → (N, O): the logit, or what labels are projected on."""

    def __init__(
        self,
        inside: int,
        outside: int,
        channels: int,
        size: tuple[int, int],
        group: int,
        statistics: int,
        architecture: Architecture,
        activation: str,
        clamp: float | None,
    ):
        super().__init__()
        if architecture == "skip":
            self.fromrgb = Conv(channels, inside, 1, activation=activation)
        self.mbstd = MinibatchStd(group, statistics) if statistics else nn.Identity()
        self.conv = Conv(inside + statistics, inside, 3, activation=activation, clamp=clamp)
        self.fc = Dense(inside * size[0] * size[1], inside, activation=activation)
        self.out = Dense(inside, outside)

    def forward(self, x: Tensor, picture: Tensor | None) -> Tensor:
        if hasattr(self, "fromrgb"):
            x = x + self.fromrgb(picture)
        x = self.conv(self.mbstd(x))  # (N, I, 4, 4)
        x = self.fc(x.flatten(1).float() if x.dtype in (torch.float16, torch.bfloat16) else x.flatten(1))
        return self.out(x)  # (N, O)


class Discriminator(nn.Module):
    """Pictures (N, C, H, W) in [-1, 1], labels (N, K) → logits (N,): above 0 = looks like a photo.

    `group` and `statistics`: of the minibatch standard deviation; `projected`: width of the mapped label.
    """

    def __init__(
        self,
        resolution: int,
        channels: int = 3,
        labels: int = 0,
        base: int = 32768,
        most: int = 512,
        architecture: Architecture = "resnet",
        activation: str = "lrelu",
        filter: Sequence[float] = FILTER,
        clamp: float | None = None,
        group: int = 4,
        statistics: int = 1,
        projected: int | None = None,
        mapping_layers: int = 8,
        start: tuple[int, int] = (4, 4),
    ):
        super().__init__()
        self.resolutions = [2**power for power in range(resolution.bit_length() - 1, 2, -1)]
        for side in self.resolutions:
            middle, outside = min(base // side, most), min(base // (side // 2), most)
            first = side == resolution
            block = Block(middle, outside, channels, first, architecture, activation, filter, clamp)
            self.add_module(f"b{side}", block)
        inside = min(base // 4, most)
        self.projected = (projected or inside) if labels else 0
        if labels:
            self.mapping = Mapping(0, labels, self.projected, 0, mapping_layers, w_beta=None)
        self.b4 = Epilogue(
            inside, self.projected or 1, channels, start, group, statistics, architecture, activation, clamp
        )

    def blocks(self) -> list[Block]:
        """From the highest resolution down, without the last at 4x4."""
        return [getattr(self, f"b{side}") for side in self.resolutions]

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        x, picture = None, images
        for block in self.blocks():
            x, picture = block(x, picture)
        x = self.b4(x, picture)  # (N, 1), or (N, P)
        if self.projected:
            x = (x * self.mapping(None, labels)).sum(1, keepdim=True) / math.sqrt(self.projected)
        return x.squeeze(1)  # (N,)
