"""Layers with an equalised learning rate, from ProGAN on (Karras et al. 2018, section 4.1).

Weights start from N(0, 1) and are scaled by 1 / sqrt(fan-in) each time they are used: Adam's steps are then
as large for every layer, relative to its weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from generators.ops.bias_act import ACTIVATIONS, bias_act
from generators.ops.resampling_conv import conv2d_resample
from generators.ops.upfirdn2d import setup_filter
from generators.precision import in_full

FILTER = (1.0, 3.0, 3.0, 1.0)


def unit(x: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x / rms(x) along `dim`: pixel norm over channels, or z onto its hypersphere (2018, section 4.2)."""
    full = x.to(torch.promote_types(x.dtype, torch.float32))  # eps is 0 in float16
    return x * (full.square().mean(dim, keepdim=True) + eps).rsqrt().to(x.dtype)


class Dense(nn.Module):
    """(N, I) → (N, O). `lr_multiplier` below 1 slows the layer's learning (Karras et al. 2019, appendix C)."""

    def __init__(
        self,
        inside: int,
        outside: int,
        bias: bool = True,
        activation: str = "linear",
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ):
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(outside, inside) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((outside,), float(bias_init))) if bias else None
        self.weight_gain = lr_multiplier / math.sqrt(inside)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias * self.bias_gain
        with in_full(x):  # small, and styles need their digits
            x = nn.functional.linear(x, self.weight.to(x.dtype) * self.weight_gain)
            return bias_act(x, bias, act=self.activation)  # (N, O)


class Conv(nn.Module):
    """(N, I, H, W) → (N, O, H·up / down, W·up / down), resampled through `filter`.

    `clamp` bounds the output (2020b, for float16).
    """

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int,
        bias: bool = True,
        activation: str = "linear",
        up: int = 1,
        down: int = 1,
        filter: Sequence[float] | None = FILTER,
        clamp: float | None = None,
    ):
        super().__init__()
        self.activation, self.up, self.down, self.clamp = activation, up, down, clamp
        self.padding = kernel // 2
        self.weight = nn.Parameter(torch.randn(outside, inside, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside)) if bias else None
        self.weight_gain = 1 / math.sqrt(inside * kernel**2)
        self.register_buffer("resample_filter", None if filter is None else setup_filter(filter))

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """`gain` scales the output and its clamp: residual branches add up at sqrt(1/2) each."""
        w = self.weight.to(x.dtype) * self.weight_gain
        f = self.resample_filter if self.up > 1 or self.down > 1 else None
        x = conv2d_resample(x, w, f, self.up, self.down, self.padding)
        clamp = None if self.clamp is None else self.clamp * gain
        return bias_act(x, self.bias, 1, self.activation, None, ACTIVATIONS[self.activation].gain * gain, clamp)


class MinibatchStd(nn.Module):
    """(N, C, H, W) → (N, C + F, H, W): how much pictures of a group differ, as F more channels.

    Karras et al. 2018, section 3: the standard deviation over each group, averaged over pixels and over each
    of F shares of the channels. Groups have `group` members, or the largest number below that divides N.
    """

    def __init__(self, group: int = 4, channels: int = 1):
        super().__init__()
        self.group, self.channels = group, channels

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        group = max(size for size in range(1, min(self.group, n) + 1) if n % size == 0)
        full = x.to(torch.promote_types(x.dtype, torch.float32))  # small differences, and 1e-8 is 0 in float16
        y = full.reshape(group, n // group, self.channels, -1, h, w)  # (G, M, F, C / F, H, W)
        y = (y - y.mean(0)).square().mean(0)  # (M, F, C / F, H, W)
        y = (y + 1e-8).sqrt().mean((2, 3, 4))  # (M, F)
        y = y.repeat(group, 1)[:, :, None, None].expand(-1, -1, h, w)  # (N, F, H, W)
        return torch.cat([x, y.to(x.dtype)], 1)
