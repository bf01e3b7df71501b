"""A convolution that also changes the resolution, the FIR filter in the right place, in plain PyTorch.

Upsampling: a transposed convolution, then the filter; downsampling: the filter, then a strided
convolution (Karras et al. 2020, appendix B). The order costs least and aliases least.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from generators.ops.upfirdn2d import Pair, extent, sides, upfirdn2d


def conv2d_resample(
    x: Tensor,
    w: Tensor,
    f: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: Pair = 0,
    groups: int = 1,
    flip_weight: bool = True,
    flip_filter: bool = False,
) -> Tensor:
    """(N, C, H, W), weights (O, C / groups, K, K) → (N, O, H·up / down, W·up / down) with padding K // 2.

    `flip_weight` True is a correlation, what deep learning calls a convolution; False mirrors the weights.
    `f`: filter from `setup_filter`, needed to resample well. `padding` is in pixels of the upsampled picture.
    """
    left, right, top, bottom = sides(padding)
    width, height = extent(f)
    if up > 1:  # the picture keeps its place: half of what the filter takes on each side
        left, right = left + (width + up - 1) // 2, right + (width - up) // 2
        top, bottom = top + (height + up - 1) // 2, bottom + (height - up) // 2
    if down > 1:
        left, right = left + (width - down + 1) // 2, right + (width - down) // 2
        top, bottom = top + (height - down + 1) // 2, bottom + (height - down) // 2
    around = (left, right, top, bottom)
    kernel = w.shape[-1]

    if kernel == 1 and down > 1 and up == 1:  # pointwise: cheaper after the picture has shrunk
        x = upfirdn2d(x, f, down=down, padding=around, flip_filter=flip_filter)
        return convolve(x, w, groups=groups, flip_weight=flip_weight)
    if kernel == 1 and up > 1 and down == 1:  # and before it grows
        x = convolve(x, w, groups=groups, flip_weight=flip_weight)
        return upfirdn2d(x, f, up=up, padding=around, gain=up**2, flip_filter=flip_filter)
    if down > 1 and up == 1:
        x = upfirdn2d(x, f, padding=around, flip_filter=flip_filter)
        return convolve(x, w, stride=down, groups=groups, flip_weight=flip_weight)
    if up > 1:
        return transposed(x, w, f, up, down, around, groups, flip_weight, flip_filter)
    if left == right and top == bottom and min(left, top) >= 0 and f is None:
        return convolve(x, w, padding=(top, left), groups=groups, flip_weight=flip_weight)
    x = upfirdn2d(x, f, padding=around, flip_filter=flip_filter)
    return convolve(x, w, groups=groups, flip_weight=flip_weight)


def convolve(
    x: Tensor,
    w: Tensor,
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
    groups: int = 1,
    flip_weight: bool = True,
) -> Tensor:
    return F.conv2d(x, w if flip_weight else w.flip((2, 3)), stride=stride, padding=padding, groups=groups)


def transposed(
    x: Tensor,
    w: Tensor,
    f: Tensor | None,
    up: int,
    down: int,
    around: tuple[int, int, int, int],
    groups: int,
    flip_weight: bool,
    flip_filter: bool,
) -> Tensor:
    """Upsampling: the zeros between pixels never reach the convolution."""
    kernel = w.shape[-1]
    w = w.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)  # (C, O / groups, K, K)
    left, right, top, bottom = around
    left, top = left - (kernel - 1), top - (kernel - 1)
    right, bottom = right - (kernel - up), bottom - (kernel - up)
    crop_x, crop_y = max(min(-left, -right), 0), max(min(-top, -bottom), 0)
    w = w.flip((2, 3)) if flip_weight else w
    x = F.conv_transpose2d(x, w, stride=up, padding=(crop_y, crop_x), groups=groups)
    rest = (left + crop_x, right + crop_x, top + crop_y, bottom + crop_y)
    x = upfirdn2d(x, f, padding=rest, gain=up**2, flip_filter=flip_filter)
    return upfirdn2d(x, f, down=down, flip_filter=flip_filter) if down > 1 else x  # it has a filter of its own
