"""`upfirdn2d` by its CUDA kernel, differentiable to any order; upfirdn2d.py says what it computes.

It is linear, and its transpose is one of its kind: factors swapped, the filter read the other way. So the backward
pass is the operation itself. A filter of one dimension runs along x, then along y.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import Function

from generators.ops.cuda import kernel, layout
from generators.ops.cuda.kernels import TILES, UPFIRDN2D, UPFIRDN2D_TILE, Tile

Two = tuple[int, int]  # x, y


@dataclass(frozen=True)
class Resampling:
    """Factors and what is put before and after, for x and y each; `mirror`: the filter is read from its end."""

    up: Two
    down: Two
    before: Two
    after: Two
    mirror: bool
    gain: float
    forced: bool = False  # raise what fails, rather than compute it as the twin does

    def size(self, inside: Two, taps: Two) -> Two:
        """Width and height of the output. Raises ValueError if the filter does not fit."""
        each = zip(inside, self.up, self.down, self.before, self.after, taps, strict=True)
        x, y = ((n * up + before + after - k) // down + 1 for n, up, down, before, after, k in each)
        if x < 1 or y < 1:
            raise ValueError(f"a filter of {taps[0]}x{taps[1]} taps is larger than the padded picture")
        return x, y

    def transposed(self, inside: Two, outside: Two, taps: Two) -> Resampling:
        """What takes gradients of the output to those of the input."""
        before = [k - 1 - p for k, p in zip(taps, self.before, strict=True)]
        each = zip(inside, outside, self.up, self.down, self.before, strict=True)
        after = [n * up - up + 1 + p - m * down for n, m, up, down, p in each]
        return Resampling(self.down, self.up, tuple(before), tuple(after), not self.mirror, self.gain, self.forced)


def upfirdn2d_cuda(x: Tensor, f: Tensor | None, how: Resampling) -> Tensor:
    """As `upfirdn2d`, its arguments checked; no gradient by the filter."""
    f = x.new_ones(1, 1) if f is None else f.detach()
    f = layout.parameter(f, x.dtype)
    if f.ndim == 2:
        return Resampled.apply(x, f, how)
    across, along = (
        Resampling(
            tuple(n if axis == mine else 1 for axis, n in enumerate(how.up)),
            tuple(n if axis == mine else 1 for axis, n in enumerate(how.down)),
            tuple(n if axis == mine else 0 for axis, n in enumerate(how.before)),
            tuple(n if axis == mine else 0 for axis, n in enumerate(how.after)),
            how.mirror,
            how.gain if mine else 1.0,
            how.forced,
        )
        for mine in (0, 1)
    )
    return Resampled.apply(Resampled.apply(x, f[None], across), f[:, None], along)


class Resampled(Function):
    """x → y through f (Kh, Kw)."""

    @staticmethod
    def forward(x: Tensor, f: Tensor, how: Resampling) -> Tensor:
        return run(x, f, how)

    @staticmethod
    def setup_context(ctx, inputs, output: Tensor) -> None:
        x, f, how = inputs
        ctx.save_for_backward(f)
        ctx.back = how.transposed(extent(x), extent(output), extent(f))

    @staticmethod
    def backward(ctx, dy: Tensor):
        (f,) = ctx.saved_tensors
        return Resampled.apply(dy, f, ctx.back), None, None


def extent(x: Tensor) -> Two:
    return x.shape[-1], x.shape[-2]


def run(x: Tensor, f: Tensor, how: Resampling) -> Tensor:
    x = layout.dense(x)
    last, taps, (n, c) = layout.channels_last(x), extent(f), x.shape[:2]
    width, height = how.size(extent(x), taps)
    order = torch.channels_last if last else torch.contiguous_format
    y = torch.empty((n, c, height, width), dtype=x.dtype, device=x.device, memory_format=order)
    if not y.numel():
        return y
    wide = last and c % layout.pack(x.dtype) == 0 and layout.aligned(x, y)
    planes = n * c // (layout.pack(x.dtype) if wide else 1)  # a thread makes a pack of channels
    name, whole = layout.index(x, y)
    defines = {"LAST": int(last), "WIDE": int(wide), "INDEX": name}
    tile = next((tile for tile in TILES if (tile.up, tile.down, tile.taps) == (how.up, how.down, taps)), None)

    sizes = [*extent(x), width, height]
    end = [*how.before, int(how.mirror)]
    if tile is None:
        entry, count, defines = UPFIRDN2D, planes * width * height, {"TILED": 0, **defines}
        steps = [*how.up, *how.down, *taps]
    else:
        first, tiles = tiling(tile, last, how.before, (width, height))
        entry, count, defines = UPFIRDN2D_TILE, planes * tiles[0] * tiles[1], {**tile.defines(last), **defines}
        steps = [*tiles, *first]
    numbers = [ctypes.c_int(number) for number in (c, *sizes, *steps, *end)]
    args = [x, f, y, whole(count), *numbers, layout.real(how.gain, x.dtype)]
    try:
        kernel.launch(entry, x, defines, *layout.blocks(count), args)
    except kernel.FAILURES:
        if how.forced:
            raise
        return plain(x, f, how)
    return y


def plain(x: Tensor, f: Tensor, how: Resampling) -> Tensor:
    """What the kernel would have made, where it fails in the middle of a pass."""
    from generators.ops.upfirdn2d import upfirdn2d  # which imports this file

    padding = [side for pads in zip(how.before, how.after, strict=True) for side in pads]
    return upfirdn2d(x, f, how.up, how.down, padding, not how.mirror, how.gain, "reference")


def tiling(tile: Tile, last: bool, before: Two, outside: Two) -> tuple[Two, Two]:
    """Where the first tile begins, at most 0, so that its first tap lies on a pixel; and how many tiles there are."""
    first = tuple(-(-pad % up) for pad, up in zip(before, tile.up, strict=True))
    each = zip(outside, first, tile.outputs(last), strict=True)
    return first, tuple(-(-(size - start) // made) for size, start, made in each)
