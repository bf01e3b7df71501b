"""Networks from pictures to codes, and mirrored ones back: dense, convolutional, recurrent.

All use SELU (Klambauer et al. 2017, "Self-Normalizing Neural Networks", arXiv:1706.02515), with their
weights from N(0, 1 / fan-in) and biases of 0, so that no normalisation is needed. A code is what its units
sum up; decoders begin with SELU, so that a linear map from there to the picture still is a network of one
hidden layer. Pictures are (N, C, R, R) in [-1, 1], codes (N, Z), unbounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from generators.precision import in_full

Cell = Literal["gru", "lstm"]


def start_self_normalising(layer: nn.Module) -> None:
    """Weights from N(0, 1 / fan-in), biases 0 (Klambauer et al. 2017, section 2 and appendix). For `apply`."""
    if not isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)) or layer.weight.is_meta:
        return
    inside = layer.weight[0].numel()
    if isinstance(layer, nn.ConvTranspose2d):  # each output pixel sees kernel / stride weights a side
        inside = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1] // layer.stride[0] ** 2
    nn.init.normal_(layer.weight, 0.0, 1 / math.sqrt(inside))
    nn.init.zeros_(layer.bias)


class DenseEncoder(nn.Module):
    """(N, C, R, R) → (N, Z) through `hidden` layers of so many units."""

    def __init__(self, channels: int, resolution: int, latent: int, hidden: Sequence[int] = ()):
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise([channels * resolution**2, *hidden]):
            layers += [nn.Linear(before, after), nn.SELU()]
        self.layers = nn.Sequential(*layers, nn.Linear([channels * resolution**2, *hidden][-1], latent))
        self.apply(start_self_normalising)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images.flatten(1))  # (N, Z)


class DenseDecoder(nn.Module):
    """(N, Z) → (N, C, R, R): DenseEncoder's layers in turned order."""

    def __init__(self, channels: int, resolution: int, latent: int, hidden: Sequence[int] = ()):
        super().__init__()
        self.shape = (channels, resolution, resolution)
        layers: list[nn.Module] = []
        for before, after in pairwise([latent, *reversed(hidden), channels * resolution**2]):
            layers += [nn.SELU(), nn.Linear(before, after)]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        self.apply(start_self_normalising)

    def forward(self, codes: Tensor) -> Tensor:
        return self.layers(codes).unflatten(1, self.shape)  # (N, C, R, R)


class ConvEncoder(nn.Module):
    """(N, C, R, R) → (N, Z). Each of `hidden` is a stage of so many feature maps, at half the resolution."""

    def __init__(self, channels: int, resolution: int, latent: int, hidden: Sequence[int]):
        super().__init__()
        stages: list[nn.Module] = []
        for before, after in pairwise([channels, *hidden]):
            stages += [nn.Conv2d(before, after, 4, 2, 1), nn.SELU()]
        self.stages = nn.Sequential(*stages)
        self.sum_up = nn.Linear(hidden[-1] * (resolution >> len(hidden)) ** 2, latent)
        self.apply(start_self_normalising)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stages(images)  # (N, H, R / 2^S, R / 2^S), S stages
        return self.sum_up(x.flatten(1))  # (N, Z)


class ConvDecoder(nn.Module):
    """(N, Z) → (N, C, R, R): ConvEncoder's stages in turned order, by transposed convolutions."""

    def __init__(self, channels: int, resolution: int, latent: int, hidden: Sequence[int]):
        super().__init__()
        side = resolution >> len(hidden)
        self.shape = (hidden[-1], side, side)
        self.project = nn.Linear(latent, hidden[-1] * side**2)
        stages: list[nn.Module] = []
        for before, after in pairwise([*reversed(hidden), channels]):
            stages += [nn.SELU(), nn.ConvTranspose2d(before, after, 4, 2, 1)]
        self.stages = nn.Sequential(*stages, nn.Tanh())
        self.apply(start_self_normalising)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.project(nn.functional.selu(codes)).unflatten(1, self.shape)  # (N, H, R / 2^S, R / 2^S)
        return self.stages(x)  # (N, C, R, R)


class RecurrentEncoder(nn.Module):
    """(N, C, R, R) → (N, Z): a recurrent layer reads the picture piece by piece; its last state is summed up.

    A piece is `piece` rows and columns: (1, R) reads rows, (4, 4) patches, from the top left.
    """

    def __init__(self, channels: int, latent: int, units: int, cell: Cell, piece: tuple[int, int]):
        super().__init__()
        self.piece = piece
        self.read = recurrent(cell, channels * piece[0] * piece[1], units)
        self.sum_up = nn.Linear(units, latent)
        self.apply(start_self_normalising)

    def forward(self, images: Tensor) -> Tensor:
        pieces = cut_up(images, self.piece)  # (N, T, C · rows · columns)
        with in_full(images):  # oneDNN's LSTM has no bfloat16 on many CPUs
            states, _ = self.read(pieces.float())  # (N, T, U)
        return self.sum_up(states[:, -1])  # (N, Z)


class RecurrentDecoder(nn.Module):
    """(N, Z) → (N, C, R, R): a recurrent layer that hears the code at every step and writes piece by piece."""

    def __init__(self, channels: int, resolution: int, latent: int, units: int, cell: Cell, piece: tuple[int, int]):
        super().__init__()
        self.shape, self.piece = (channels, resolution, resolution), piece
        self.steps = resolution**2 // (piece[0] * piece[1])
        self.write = recurrent(cell, latent, units)
        self.paint = nn.Linear(units, channels * piece[0] * piece[1])
        self.apply(start_self_normalising)

    def forward(self, codes: Tensor) -> Tensor:
        heard = nn.functional.selu(codes.float())[:, None].expand(-1, self.steps, -1)  # (N, T, Z)
        with in_full(codes):
            states, _ = self.write(heard)  # (N, T, U)
        return put_together(torch.tanh(self.paint(states)), self.shape, self.piece)  # (N, C, R, R)


def recurrent(cell: Cell, inside: int, units: int) -> nn.GRU | nn.LSTM:
    return (nn.LSTM if cell == "lstm" else nn.GRU)(inside, units, batch_first=True)


def cut_up(images: Tensor, piece: tuple[int, int]) -> Tensor:
    """(N, C, H, W) → (N, T, C · rows · columns): its pieces of `piece` rows and columns, in reading order."""
    rows, columns = piece
    x = images.unflatten(2, (-1, rows)).unflatten(4, (-1, columns))  # (N, C, H / r, r, W / c, c)
    return x.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def put_together(pieces: Tensor, shape: tuple[int, int, int], piece: tuple[int, int]) -> Tensor:
    """The inverse of `cut_up`, for pictures of `shape` (C, H, W)."""
    channels, height, width = shape
    rows, columns = piece
    x = pieces.unflatten(1, (height // rows, width // columns)).unflatten(3, (channels, rows, columns))
    return x.permute(0, 3, 1, 4, 2, 5).reshape(-1, *shape)  # (N, C, H, W)
