"""Augmentation between the generator and the discriminator, differentiable, the same for real and fake.

Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training" (arXiv:2006.10738):
a discriminator that sees few photos learns them by heart; shifted and re-lit photos put that off.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def shifted(images: Tensor, share: float = 1 / 8) -> Tensor:
    """Move each of (N, C, H, W) by up to `share` of its side, in whole pixels; what comes in is 0 (grey)."""
    n, _, height, width = images.shape
    reach = max(1, round(height * share))
    padded = F.pad(images, (reach, reach, reach, reach))  # (N, C, H + 2r, W + 2r)
    down, right = torch.randint(0, 2 * reach + 1, (2, n, 1), device=images.device)
    rows = (torch.arange(height, device=images.device) + down)[:, None, :, None]  # (N, 1, H, 1)
    columns = (torch.arange(width, device=images.device) + right)[:, None, None, :]  # (N, 1, 1, W)
    each = torch.arange(n, device=images.device)[:, None, None, None]
    channels = torch.arange(images.shape[1], device=images.device)[None, :, None, None]
    return padded[each, channels, rows, columns]  # (N, C, H, W)


def relit(images: Tensor, brightness: float = 0.25, saturation: float = 0.5, contrast: float = 0.25) -> Tensor:
    """Change each of (N, C, H, W): brightness added, saturation and contrast scaled, each by up to ±."""

    def amounts(by: float) -> Tensor:
        return (torch.rand(len(images), 1, 1, 1, device=images.device) * 2 - 1) * by

    images = images + amounts(brightness)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + amounts(saturation))
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + amounts(contrast))
