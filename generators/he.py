"""Convolutions of 2018 and 2019: He's constant at run time, resampled by repeating and averaging pixels.

Equalised learning rate (Karras et al. 2018, section 4.1): weights start from N(0, 1) and are multiplied by
sqrt(2 / fan-in) each time they are used; biases are as they are.

Repeating pixels and then convolving with 3x3 is one transposed convolution with 4x4, the four shifts of the
kernel added up; convolving and then averaging is one strided convolution with their mean. Both give the same
numbers as two steps, and take a third of the time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Convolution(nn.Module):
    """(N, I, H, W) → (N, O, H, W); twice as large with `up`, half as large with `down` (kernel 3 only).

    `blur` smooths after growing and before shrinking (Karras et al. 2019, section 2). Padding keeps the size.
    """

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int = 3,
        up: bool = False,
        down: bool = False,
        blur: bool = False,
        gain: float = math.sqrt(2),
    ):
        super().__init__()
        if (up and down) or ((up or down) and kernel != 3):
            raise ValueError("a convolution goes up or down, with a kernel of 3")
        self.up, self.down, self.blur = up, down, blur
        self.weight = nn.Parameter(torch.randn(outside, inside, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.gain = gain / math.sqrt(inside * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight * self.gain
        if self.up:
            w = widened(w).flip(2, 3).transpose(0, 1)  # (I, O, 4, 4)
            if self.blur:
                return blurred(F.conv_transpose2d(x, w, stride=2, padding=1), self.bias)
            return F.conv_transpose2d(x, w, self.bias, stride=2, padding=1)
        if self.down:
            x = blurred(x) if self.blur else x
            return F.conv2d(x, widened(w) / 4, self.bias, stride=2, padding=1)
        return F.conv2d(x, w, self.bias, padding=w.shape[-1] // 2)


class Fan(nn.Module):
    """(N, I) → (N, O, 4, 4): the generator's "conv 4x4" of a latent; one bias a channel."""

    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside * 16, inside))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.gain = math.sqrt(2 / inside)

    def forward(self, z: Tensor) -> Tensor:
        x = F.linear(z, self.weight * self.gain).unflatten(1, (-1, 4, 4))  # (N, O, 4, 4)
        return x + self.bias[:, None, None]


class Dense(nn.Module):
    """(N, I) → (N, O), He's constant at run time."""

    def __init__(self, inside: int, outside: int, gain: float = math.sqrt(2)):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.gain = gain / math.sqrt(inside)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.gain, self.bias)


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU, 0.2: of both papers, in both networks."""
    return F.leaky_relu(x, 0.2)


def widened(w: Tensor) -> Tensor:
    """(O, I, 3, 3) → (O, I, 4, 4): the sum of its four shifts by a pixel."""
    w = F.pad(w, (1, 1, 1, 1))
    return w[:, :, 1:, 1:] + w[:, :, 1:, :-1] + w[:, :, :-1, 1:] + w[:, :, :-1, :-1]


def blurred(x: Tensor, bias: Tensor | None = None) -> Tensor:
    """(N, C, H, W), each channel through the binomial filter [1, 2, 1] both ways; then `bias`, (C,), is added."""
    taps = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype, device=x.device) / 4
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 3, 3)  # (C, 1, 3, 3)
    return F.conv2d(x, kernel, bias, padding=1, groups=x.shape[1])
