"""Homogeneous matrices of the plane and of colour space, one for each picture of a batch.

Karras et al. 2020b, appendix B: TRANSLATE2D, SCALE2D, ROTATE2D and their relatives of three dimensions.
Arguments are (N,) floats; results are (N, 3, 3) for the plane and (N, 4, 4) for colours, of the same dtype.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def identity(n: int, size: int, dtype: torch.dtype) -> Tensor:
    """(N, size, size)."""
    return torch.eye(size, dtype=dtype).expand(n, size, size)


def translate2d(x: Tensor, y: Tensor) -> Tensor:
    matrix = identity(len(x), 3, x.dtype).clone()
    matrix[:, 0, 2], matrix[:, 1, 2] = x, y
    return matrix


def scale2d(x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([x, y, torch.ones_like(x)], dim=1).diag_embed()


def rotate2d(angle: Tensor) -> Tensor:
    """By `angle` radians, from the first axis towards the second."""
    matrix = identity(len(angle), 3, angle.dtype).clone()
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 1, 0], matrix[:, 0, 1] = angle.sin(), -angle.sin()
    return matrix


def brighten(by: Tensor) -> Tensor:
    """Add the same to red, green and blue."""
    matrix = identity(len(by), 4, by.dtype).clone()
    matrix[:, :3, 3] = by[:, None]
    return matrix


def scale3d(by: Tensor) -> Tensor:
    return torch.stack([by, by, by, torch.ones_like(by)], dim=1).diag_embed()


def luma(dtype: torch.dtype) -> Tensor:
    """(4, 4): projection on the axis of greys, v vᵀ with v = (1, 1, 1, 0) / √3."""
    v = torch.tensor([1, 1, 1, 0], dtype=dtype) / math.sqrt(3)
    return torch.outer(v, v)


def flip_luma(turned: Tensor) -> Tensor:
    """Householder reflection along the axis of greys where `turned` is 1, nothing where it is 0."""
    return torch.eye(4, dtype=turned.dtype) - 2 * luma(turned.dtype) * turned[:, None, None]


def rotate_hue(angle: Tensor) -> Tensor:
    """By `angle` radians around the axis of greys (Rodrigues' formula)."""
    v = 1 / math.sqrt(3)
    cross = torch.zeros(4, 4, dtype=angle.dtype)
    cross[:3, :3] = torch.tensor([[0, -v, v], [v, 0, -v], [-v, v, 0]], dtype=angle.dtype)
    kept = luma(angle.dtype)
    colours = torch.diag(torch.tensor([1, 1, 1, 0], dtype=angle.dtype)) - kept
    fourth = torch.diag(torch.tensor([0, 0, 0, 1], dtype=angle.dtype))
    angle = angle[:, None, None]
    return kept + fourth + colours * angle.cos() + cross * angle.sin()


def saturate(by: Tensor) -> Tensor:
    """Scale what is across the axis of greys."""
    kept = luma(by.dtype)
    return kept + (torch.eye(4, dtype=by.dtype) - kept) * by[:, None, None]
