"""What published detectors leave of a picture before they look: neighbouring pixels compared.

NPR: Tan et al. 2024, "Rethinking the Up-Sampling Operations in CNN-based Generative Network for Generalizable
Deepfake Detection", equation 3. Generators end in up-sampling, which ties the pixels of a 2×2 block together.
Gradients: 3×3 Sobel kernels along x, y and the diagonals, used by Cavia et al. 2024 (LaDeDa).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def npr(images: Tensor) -> Tensor:
    """x − up(down(x, 1/2), 2), both nearest: (N, C, H, W) → the same shape, H and W even.

    Each pixel less the top left one of its 2×2 block. Raises ValueError for odd sides.
    """
    if images.shape[-2] % 2 or images.shape[-1] % 2:
        raise ValueError(f"{images.shape[-1]}x{images.shape[-2]}: sides must be even")
    kept = images[..., ::2, ::2]
    return images - kept.repeat_interleave(2, -1).repeat_interleave(2, -2)


def gradient(kernel: tuple[tuple[int, ...], ...]) -> Callable[[Tensor], Tensor]:
    """Each colour correlated with one 3×3 kernel, zeros around: (N, C, H, W) → the same shape."""

    def along(images: Tensor) -> Tensor:
        channels = images.shape[1]
        weight = torch.tensor(kernel, dtype=images.dtype, device=images.device).expand(channels, 1, 3, 3)
        return F.conv2d(images, weight, padding=1, groups=channels)

    return along


def raw(images: Tensor) -> Tensor:
    return images


RESIDUALS: dict[str, Callable[[Tensor], Tensor]] = {  # by the authors' words, which stand in file names
    "NPR": npr,
    "raw": raw,
    "x_grad": gradient(((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))),
    "y_grad": gradient(((-1, -2, -1), (0, 0, 0), (1, 2, 1))),
    "left_diag": gradient(((0, 1, 2), (-1, 0, 1), (-2, -1, 0))),
    "right_diag": gradient(((-2, -1, 0), (-1, 0, 1), (0, 1, 2))),
}
