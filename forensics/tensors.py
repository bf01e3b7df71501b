"""The one place where (H, W, 3) uint8 pictures become (N, 3, H, W) tensors in [-1, 1], and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def to_tensor(pictures: Sequence[np.ndarray] | np.ndarray) -> Tensor:
    """Pictures of one size, each (H, W, 3) uint8 → (N, 3, H, W) float32 in [-1, 1]."""
    stacked = torch.from_numpy(np.stack(pictures))  # (N, H, W, 3)
    return stacked.permute(0, 3, 1, 2).contiguous().float().div_(127.5).sub_(1)


def to_pictures(images: Tensor) -> np.ndarray:
    """(N, C, H, W) in [-1, 1], C of 1 or 3 → (N, H, W, 3) uint8, rounded; values outside are clipped."""
    images = images.detach().float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    if images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    return images.permute(0, 2, 3, 1).contiguous().cpu().numpy()
