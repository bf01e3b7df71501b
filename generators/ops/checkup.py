"""Kernels put to the test where they are to run: each compiled in all its ways, and run beside its plain twin.

The twin computes in float64 from the same numbers: values, first and second derivatives, in both memory orders, of
pictures that fill packs of 16 bytes and of odd ones that do not. Used by `forensics doctor`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import torch
from torch import Tensor

from generators.ops import epilogue_cuda
from generators.ops.bias_act import ACTIVATIONS, bias_act
from generators.ops.cuda import kernel
from generators.ops.cuda.kernel import Kernel
from generators.ops.cuda.kernels import ACTS, BIAS_ACT, EPILOGUE, FLAT, TILES, UPFIRDN2D, UPFIRDN2D_TILE, Checked
from generators.ops.upfirdn2d import upfirdn2d

SHAPES = ((2, 16, 6, 8), (2, 3, 5, 7))  # whole packs; odd
MOST = 8  # roundings: what a kernel may differ; second derivatives in float16 pass through a few tensors


@dataclass(frozen=True)
class Build:
    """A kernel compiled in `ways` ways, of which `new` were not in the cache; the most that any of them takes."""

    ways: int
    new: int
    seconds: float
    registers: int
    spilled: int


def build(checked: Checked, dtype: torch.dtype, arch: str, done: Callable[[], None] = lambda: None) -> Build:
    """Compile for "sm_75" or later, calling `done` after each way. Raises CompileError."""
    began, codes = perf_counter(), []
    for defines in checked.grid:
        codes.append(kernel.compiled(checked.kernel, dtype, arch, defines))
        done()
    costs = [code.cost(checked.kernel.entry) for code in codes if arch.startswith("sm_")]  # PTX has no registers yet
    return Build(
        ways=len(codes),
        new=sum(not code.cached for code in codes),
        seconds=perf_counter() - began,
        registers=max((cost.registers for cost in costs), default=0),
        spilled=max((cost.spilled + cost.stack for cost in costs), default=0),
    )


def difference(of: Kernel, dtype: torch.dtype, device: torch.device | str) -> float:
    """Most that the kernel differs from its twin, in roundings of its type to the twin's largest number.

    At most `MOST` is sound; inf where one is finite and the other is not. Needs a GPU.
    """
    return max(apart(case, shape, last, dtype, device) for case in CASES[of] for shape in SHAPES for last in (0, 1))


Case = Callable[[Tensor, bool], Tensor]  # of a picture (N, C, H, W), by the kernel or its twin


def apart(case: Case, shape: tuple[int, ...], last: int, dtype: torch.dtype, device: torch.device | str) -> float:
    order = torch.channels_last if last else torch.contiguous_format
    x = normal(shape, dtype, device, seed=0).contiguous(memory_format=order)
    ours = derivatives(partial(case, by_kernel=True), x, dtype)
    twins = derivatives(partial(case, by_kernel=False), x.double(), dtype)
    worst = 0.0
    for mine, truth in zip(ours, twins, strict=True):
        largest = truth.abs().max().clamp(min=torch.finfo(dtype).tiny)
        roundings = ((mine.double() - truth).abs().max() / largest / torch.finfo(dtype).eps).item()
        worst = max(worst, roundings if math.isfinite(roundings) else math.inf)
    return worst


def derivatives(of: Callable[[Tensor], Tensor], x: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """y, its gradient by x against a fixed one of y, and the gradients of that; numbers of `dtype`."""
    x = x.detach().requires_grad_(True)
    y = of(x)
    g = normal(y.shape, dtype, x.device, seed=1).to(x.dtype).requires_grad_(True)
    (dx,) = torch.autograd.grad(y, x, g, create_graph=True)
    v = normal(x.shape, dtype, x.device, seed=2).to(x.dtype)
    return y, dx, *torch.autograd.grad(dx, (x, g), v, allow_unused=True, materialize_grads=True)


def normal(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | str, seed: int) -> Tensor:
    """Eighths, which every type holds exactly: rounding can't move what lies near 0, or near a clamp, across it."""
    eighths = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).mul(8).round()
    return (eighths / 8).to(device, dtype)


def activated(x: Tensor, by_kernel: bool, act: str) -> Tensor:
    bias = torch.arange(x.shape[1], dtype=torch.float32, device=x.device) / 8 - 1
    clamp = 1.55 if act in FLAT else None  # no multiple of an eighth, or of its root of 2, comes near
    return bias_act(x, bias, act=act, clamp=clamp, impl="cuda" if by_kernel else "reference")


def ended(x: Tensor, by_kernel: bool, act: str) -> Tensor:
    """The end of a layer; its plain form is written out here."""
    n, c, h, w = x.shape
    d, noise = (normal(size, torch.float32, x.device, seed=3) for size in ((n, c), (n, 1, h, w)))
    b, s = torch.linspace(-1, 1, c, device=x.device), normal((n, c), torch.float32, x.device, seed=4)
    alpha, gain = ACTIVATIONS[act].alpha, ACTIVATIONS[act].gain
    alpha = 1.0 if act == "linear" else alpha
    if by_kernel:
        return epilogue_cuda.epilogue_cuda(x, d, noise, b, epilogue_cuda.Curve(act, alpha, gain, None), s)
    z = x * d[:, :, None, None].to(x.dtype) + noise
    return bias_act(z, b, act=act, impl="reference") * s[:, :, None, None].to(x.dtype)


def resampled(
    x: Tensor,
    by_kernel: bool,
    up: tuple[int, int],
    down: tuple[int, int],
    taps: tuple[int, int],
) -> Tensor:
    """By a filter of (x, y) taps, none of them like another."""
    f = torch.linspace(0.25, 1, taps[0] * taps[1], device=x.device).reshape(taps[1], taps[0])
    padding = [taps[0] // 2, (taps[0] - 1) // 2, taps[1] // 2, (taps[1] - 1) // 2]
    return upfirdn2d(x, f / f.sum(), up, down, padding, impl="cuda" if by_kernel else "reference")


CASES: dict[Kernel, tuple[Case, ...]] = {
    BIAS_ACT: tuple(partial(activated, act=act) for act in ACTS),
    EPILOGUE: tuple(partial(ended, act=act) for act in FLAT),
    UPFIRDN2D: tuple(
        partial(resampled, up=up, down=down, taps=taps)
        for up, down, taps in (((1, 1), (1, 1), (3, 5)), ((3, 2), (2, 1), (5, 3)))
    ),
    UPFIRDN2D_TILE: tuple(partial(resampled, up=tile.up, down=tile.down, taps=tile.taps) for tile in TILES),
}
