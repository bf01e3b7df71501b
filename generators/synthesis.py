"""The synthesis network of StyleGAN2: w, one for each layer, becomes a picture.

Karras et al. 2020, section 2 and appendix B. Since StyleGAN: styles modulate weights instead of normalised
activations, bias and noise come after the demodulation, and no progressive growing: every resolution adds its
picture to the one below ("skip"), or its features do ("resnet"), or only the last is painted ("orig").

Tensors are named as in the published PyTorch checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from generators.layers import FILTER, Conv, Dense
from generators.ops.bias_act import bias_act
from generators.ops.modulated_conv import Way, modulated_conv2d
from generators.ops.styled_conv import styled_conv2d
from generators.ops.upfirdn2d import setup_filter, upsample2d

Architecture = Literal["skip", "resnet", "orig"]
Noise = Literal["random", "const", "none"]
ROOT_HALF = math.sqrt(0.5)


class StyledConv(nn.Module):
    """(N, I, H, W), w (N, W) → (N, O, H·up, W·up): modulated convolution, noise, bias, activation."""

    def __init__(
        self,
        inside: int,
        outside: int,
        w: int,
        size: tuple[int, int],
        up: int = 1,
        noise: bool = True,
        activation: str = "lrelu",
        filter: Sequence[float] = FILTER,
        clamp: float | None = None,
    ):
        super().__init__()
        self.up, self.noisy, self.activation, self.clamp = up, noise, activation, clamp
        self.affine = Dense(w, inside, bias_init=1)
        self.weight = nn.Parameter(torch.randn(outside, inside, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.register_buffer("resample_filter", setup_filter(filter))
        if noise:
            self.register_buffer("noise_const", torch.randn(size))
            self.noise_strength = nn.Parameter(torch.zeros([]))

    def forward(self, x: Tensor, w: Tensor, noise: Noise, gain: float, way: Way) -> Tensor:
        n, _, h, width = x.shape
        grain = None
        if self.noisy and noise == "random":
            shape = (n, 1, h * self.up, width * self.up)
            grain = torch.randn(shape, device=x.device, dtype=self.noise_strength.dtype) * self.noise_strength
        elif self.noisy and noise == "const":
            grain = self.noise_const * self.noise_strength
        f = self.resample_filter if self.up > 1 else None
        styles, clamp = self.affine(w), None if self.clamp is None else self.clamp * gain
        return styled_conv2d(x, self.weight, styles, grain, self.bias, self.up, f, self.activation, gain, clamp, way)


class ToPicture(nn.Module):
    """(N, I, H, W), w (N, W) → (N, C, H, W): modulated 1x1 convolution without demodulation."""

    def __init__(self, inside: int, channels: int, w: int, clamp: float | None = None):
        super().__init__()
        self.clamp = clamp
        self.affine = Dense(w, inside, bias_init=1)
        self.weight = nn.Parameter(torch.randn(channels, inside, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.weight_gain = 1 / math.sqrt(inside)

    def forward(self, x: Tensor, w: Tensor, way: Way) -> Tensor:
        styles = self.affine(w) * self.weight_gain
        x = modulated_conv2d(x, self.weight, styles, demodulate=False, way=way)
        return bias_act(x, self.bias, clamp=self.clamp)


class Block(nn.Module):
    """One resolution: two layers (one at the learned constant), and its share of the picture."""

    def __init__(
        self,
        inside: int,
        outside: int,
        w: int,
        size: tuple[int, int],
        channels: int,
        last: bool,
        architecture: Architecture,
        noise: bool,
        activation: str,
        filter: Sequence[float],
        clamp: float | None,
    ):
        super().__init__()
        self.architecture = architecture
        self.register_buffer("resample_filter", setup_filter(filter))
        if not inside:
            self.const = nn.Parameter(torch.randn(outside, *size))
        else:
            self.conv0 = StyledConv(inside, outside, w, size, 2, noise, activation, filter, clamp)
        self.conv1 = StyledConv(outside, outside, w, size, 1, noise, activation, clamp=clamp)
        if last or architecture == "skip":
            self.torgb = ToPicture(outside, channels, w, clamp)
        if inside and architecture == "resnet":
            self.skip = Conv(inside, outside, 1, bias=False, up=2, filter=filter)
        self.layers = 2 if inside else 1  # that take a w of their own; torgb shares the next block's first

    def convs(self) -> list[StyledConv]:
        return [self.conv0, self.conv1] if hasattr(self, "conv0") else [self.conv1]

    def forward(
        self, x: Tensor | None, picture: Tensor | None, w: Iterator[Tensor], n: int, noise: Noise, way: Way
    ) -> tuple[Tensor, Tensor | None]:
        """Features (N, I, H/2, W/2) and picture (N, C, H/2, W/2), None at first → the same, twice as large."""
        if x is None:
            x = self.const[None].expand(n, -1, -1, -1)  # (N, O, 4, 4)
            if self.conv1.weight.is_contiguous(memory_format=torch.channels_last):
                x = x.contiguous(memory_format=torch.channels_last)
            x = self.conv1(x, next(w), noise, 1.0, way)
        elif self.architecture == "resnet":
            y = self.skip(x, ROOT_HALF)
            x = self.conv0(x, next(w), noise, 1.0, way)
            x = y + self.conv1(x, next(w), noise, ROOT_HALF, way)
        else:
            x = self.conv0(x, next(w), noise, 1.0, way)
            x = self.conv1(x, next(w), noise, 1.0, way)
        if picture is not None:
            picture = upsample2d(picture, self.resample_filter)
        return x, picture


class Synthesis(nn.Module):
    """w (N, layers, W) → pictures (N, C, H, W), about [-1, 1] but not bounded.

    `resolution` is the number of rows when `start` is (4, 4); the learned constant is `start` in size, and
    every block doubles it: (4, 3) makes pictures of 4:3. Blocks are named by their nominal resolution.
    """

    def __init__(
        self,
        w: int,
        resolution: int,
        channels: int = 3,
        base: int = 32768,
        most: int = 512,
        architecture: Architecture = "skip",
        noise: bool = True,
        activation: str = "lrelu",
        filter: Sequence[float] = FILTER,
        clamp: float | None = None,
        start: tuple[int, int] = (4, 4),
    ):
        super().__init__()
        self.resolutions = [2**power for power in range(2, resolution.bit_length())]
        inside = 0
        for side in self.resolutions:
            outside = min(base // side, most)
            size = (start[0] * side // 4, start[1] * side // 4)
            last = side == resolution
            block = Block(inside, outside, w, size, channels, last, architecture, noise, activation, filter, clamp)
            self.add_module(f"b{side}", block)
            inside = outside
        self.layers = sum(block.layers for block in self.blocks()) + 1

    def blocks(self) -> list[Block]:
        return [getattr(self, f"b{side}") for side in self.resolutions]

    def forward(self, ws: Tensor, noise: Noise = "random", way: Way = "auto") -> Tensor:
        """`noise` is drawn anew, is each layer's own constant, or is left away."""
        x, picture, used = None, None, 0
        for block in self.blocks():
            mine = ws[:, used : used + block.layers].unbind(1)
            used += block.layers
            x, picture = block(x, picture, iter(mine), len(ws), noise, way)
            if hasattr(block, "torgb"):
                painted = block.torgb(x, ws[:, used], way).to(ws.dtype)  # sums of pictures keep their digits
                picture = painted if picture is None else picture + painted
        return picture
