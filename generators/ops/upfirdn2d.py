"""Upsample, filter, downsample: the resampling of the style-based generators, in PyTorch or by a kernel.

One operation: put zeros between the pixels, pad or crop, run a FIR filter, keep every so many pixels
(Karras et al. 2019, section 2 "bilinear sampling"; 2020, appendix B). Everything here is differentiable to
any order, in every float dtype, on every device. Plain PyTorch is the specification of the CUDA kernel
(upfirdn2d_cuda.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from generators.ops.choice import Impl, takes_kernel
from generators.ops.upfirdn2d_cuda import Resampling, upfirdn2d_cuda
from generators.precision import in_full

Pair = int | Sequence[int]  # one number, or x then y
SEPARABLE_FROM = 8  # taps: shorter filters are kept as their outer product, which is quicker in one go


def setup_filter(
    taps: Sequence[float] | Sequence[Sequence[float]] | Tensor | None,
    normalize: bool = True,
    flip: bool = False,
    gain: float = 1.0,
    separable: bool | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """A FIR filter as `upfirdn2d` takes it: float32, (Kh, Kw), or (K,) when separable.

    `taps` of one dimension become their outer product when they are fewer than 8, unless `separable` says
    otherwise. `normalize` makes them sum to 1; `gain` is the gain of the whole filter, over both axes; None is
    the identity.
    """
    f = torch.as_tensor([1.0] if taps is None else taps, dtype=torch.float32, device=device)
    if f.ndim == 0:
        f = f[None]
    if f.ndim not in (1, 2) or f.numel() == 0:
        raise ValueError(f"a filter has one or two dimensions and at least one tap, not shape {tuple(f.shape)}")
    if separable is None:
        separable = f.ndim == 1 and f.numel() >= SEPARABLE_FROM
    if f.ndim == 1 and not separable:
        f = torch.outer(f, f)
    if separable and f.ndim != 1:
        raise ValueError("a filter of two dimensions cannot be made separable")
    if normalize:
        f = f / f.sum()
    if flip:
        f = f.flip(tuple(range(f.ndim)))
    return f * gain ** (f.ndim / 2)


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up: Pair = 1,
    down: Pair = 1,
    padding: Pair = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """(N, C, H, W) → (N, C, H', W'), each channel alike; H' = ⌊(H·up + pad_top + pad_bottom − Kh) / down⌋ + 1.

    `up` and `down` are whole numbers, or [x, y]; `padding` counts pixels after upsampling: a number, [x, y] or
    [left, right, top, bottom]; negative crops. `f` from `setup_filter`; the filter is mirrored (a convolution)
    unless `flip_filter`. `impl`: the kernel ("cuda"), the plain twin ("reference"), or the kernel where it can run:
    not for gradients by the filter. Raises ValueError for anything else.
    """
    (up_x, up_y), (down_x, down_y) = pair(up), pair(down)
    left, right, top, bottom = sides(padding)
    if min(up_x, up_y, down_x, down_y) < 1:
        raise ValueError(f"up={up}, down={down}: must be 1 or more")
    learned = f is not None and f.requires_grad and torch.is_grad_enabled()
    if takes_kernel(impl, x, "it has no gradient by the filter" if learned else None):
        ends = (left, top), (right, bottom)
        how = Resampling((up_x, up_y), (down_x, down_y), *ends, not flip_filter, gain, impl == "cuda")
        return upfirdn2d_cuda(x, f, how)
    n, c, h, w = x.shape
    if up_x > 1 or up_y > 1:
        x = x.reshape(n, c, h, 1, w, 1)
        x = F.pad(x, (0, up_x - 1, 0, 0, 0, up_y - 1)).reshape(n, c, h * up_y, w * up_x)
    if f is None or left != right or top != bottom or min(left, top) < 0:
        x = F.pad(x, (left, right, top, bottom))
        left = top = 0
    if f is None:
        return (x * gain if gain != 1 else x)[:, :, ::down_y, ::down_x]
    f = f.to(x.dtype) * gain ** (f.ndim / 2)
    if not flip_filter:
        f = f.flip(tuple(range(f.ndim)))
    with in_full(x):  # filters keep the dtype of x
        if f.ndim == 2:
            kernel = f.expand(c, 1, *f.shape)
            return F.conv2d(x, kernel, stride=(down_y, down_x), padding=(top, left), groups=c)
        across, along = f.expand(c, 1, 1, -1), f[:, None].expand(c, 1, -1, 1)
        x = F.conv2d(x, across, stride=(1, down_x), padding=(0, left), groups=c)
        return F.conv2d(x, along, stride=(down_y, 1), padding=(top, 0), groups=c)


def filter2d(
    x: Tensor,
    f: Tensor | None,
    padding: Pair = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """Filter (N, C, H, W) without changing its size; `padding` is on top of that."""
    width, height = extent(f)
    left, right, top, bottom = sides(padding)
    around = (left + width // 2, right + (width - 1) // 2, top + height // 2, bottom + (height - 1) // 2)
    return upfirdn2d(x, f, padding=around, flip_filter=flip_filter, gain=gain, impl=impl)


def upsample2d(
    x: Tensor,
    f: Tensor | None,
    up: Pair = 2,
    padding: Pair = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """(N, C, H, W) → (N, C, H·up, W·up), as bright as before."""
    (up_x, up_y), (width, height) = pair(up), extent(f)
    left, right, top, bottom = sides(padding)
    around = (
        left + (width + up_x - 1) // 2,
        right + (width - up_x) // 2,
        top + (height + up_y - 1) // 2,
        bottom + (height - up_y) // 2,
    )
    return upfirdn2d(x, f, up=up, padding=around, flip_filter=flip_filter, gain=gain * up_x * up_y, impl=impl)


def downsample2d(
    x: Tensor,
    f: Tensor | None,
    down: Pair = 2,
    padding: Pair = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """(N, C, H, W) → (N, C, H / down, W / down)."""
    (down_x, down_y), (width, height) = pair(down), extent(f)
    left, right, top, bottom = sides(padding)
    around = (
        left + (width - down_x + 1) // 2,
        right + (width - down_x) // 2,
        top + (height - down_y + 1) // 2,
        bottom + (height - down_y) // 2,
    )
    return upfirdn2d(x, f, down=down, padding=around, flip_filter=flip_filter, gain=gain, impl=impl)


def pair(value: Pair) -> tuple[int, int]:
    """One number for both axes, or x then y."""
    x, y = (value, value) if isinstance(value, int) else value
    return x, y


def sides(padding: Pair) -> tuple[int, int, int, int]:
    """Left, right, top, bottom."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if len(padding) == 2:
        return padding[0], padding[0], padding[1], padding[1]
    left, right, top, bottom = padding
    return left, right, top, bottom


def extent(f: Tensor | None) -> tuple[int, int]:
    """Width and height of a filter, in taps."""
    return (1, 1) if f is None else (f.shape[-1], f.shape[0])
