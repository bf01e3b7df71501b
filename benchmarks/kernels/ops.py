"""The operations that are timed, and the fewest bytes that each has to move.

Each input that it must read is read once, each output written once: whatever else is read or written is a price that
an implementation pays. A backward pass must read the gradient and one tensor that tells the slope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from generators.ada.wavelets import SYM6
from generators.layers import FILTER
from generators.ops.bias_act import ACTIVATIONS, bias_act
from generators.ops.choice import Impl
from generators.ops.epilogue_cuda import Curve, epilogue_cuda
from generators.ops.upfirdn2d import downsample2d, filter2d, setup_filter, upfirdn2d, upsample2d

LRELU = ACTIVATIONS["lrelu"]


@dataclass(frozen=True)
class Ready:
    """An op on tensors of its own: what to call, and what it must read."""

    call: Callable[[], tuple[Tensor, ...]]
    reads: tuple[Tensor, ...]

    def bytes_moved(self) -> int:
        return sum(tensor.nbytes for tensor in (*self.reads, *self.call()))

    def bytes_read(self) -> int:
        return sum(tensor.nbytes for tensor in self.reads)


@dataclass(frozen=True)
class Case:
    """`inside(side)`: height and width of the input where the larger of input and output has about side² pixels.

    `make` takes the input (N, C, H, W) and whether the kernel is to run. `alone`: it is one launch of one kernel;
    else PyTorch's sums take part, and no kernel can be held to the floor.
    """

    name: str
    make: Callable[[Tensor, bool], Ready]
    inside: Callable[[int], tuple[int, int]] = lambda side: (side, side)
    alone: bool = True


def activated(x: Tensor, by_kernel: bool) -> Ready:
    b = drawn((x.shape[1],), x.device)
    return Ready(lambda: (bias_act(x, b, act="lrelu", impl=impl(by_kernel)),), (x, b))


def activated_backward(x: Tensor, by_kernel: bool, of_bias: bool) -> Ready:
    b = drawn((x.shape[1],), x.device).requires_grad_(of_bias)
    y = bias_act(x.requires_grad_(True), b, act="lrelu", impl=impl(by_kernel))
    dy = torch.empty_like(y).normal_()
    return Ready(gradients(y, (x, b) if of_bias else (x,), dy), (dy, y.detach()))


def resampled(x: Tensor, by_kernel: bool, by: Callable[[Tensor, Tensor, Impl], Tensor], f: Tensor) -> Ready:
    f = f.to(x.device)
    return Ready(lambda: (by(x, f, impl(by_kernel)),), (x, f))


def ended(x: Tensor, by_kernel: bool) -> Ready:
    rest = after_convolution(x)
    return Ready(lambda: (end_of_layer(x, *rest, by_kernel),), (x, *rest))


def ended_backward(x: Tensor, by_kernel: bool, of_all: bool) -> Ready:
    rest = tuple(tensor.requires_grad_(of_all) for tensor in after_convolution(x))
    y = end_of_layer(x.requires_grad_(True), *rest, by_kernel)
    dy = torch.empty_like(y).normal_()
    at = x.detach(), *(tensor.detach() for tensor in rest)
    return Ready(gradients(y, (x, *rest) if of_all else (x,), dy), (dy, *at))


def after_convolution(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Demodulation (N, C) above 0, noise (N, 1, H, W), bias (C,), all float32."""
    n, c, h, w = x.shape
    return drawn((n, c), x.device).abs_().add_(0.5), drawn((n, 1, h, w), x.device), drawn((c,), x.device)


def end_of_layer(x: Tensor, d: Tensor, noise: Tensor, b: Tensor, by_kernel: bool) -> Tensor:
    """What follows the convolution in `styled_conv2d`: by the kernel, or op by op as its twin does."""
    if by_kernel:
        return epilogue_cuda(x, d, noise, b, Curve("lrelu", LRELU.alpha, LRELU.gain, None, forced=True))
    z = x * d.to(x.dtype)[:, :, None, None] + noise.to(x.dtype)
    return bias_act(z, b, act="lrelu", impl="reference")


def gradients(y: Tensor, inputs: tuple[Tensor, ...], dy: Tensor) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True)


def drawn(shape: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.randn(shape, device=device)


def impl(by_kernel: bool) -> Impl:
    return "cuda" if by_kernel else "reference"


SHORT = setup_filter(FILTER)  # (4, 4)
LONG = setup_filter(SYM6.tolist(), separable=True)  # (12,), of ADA
ACROSS, ALONG = LONG[None], LONG[:, None]  # a separable filter is two launches: each is timed


def padded(x: Tensor, f: Tensor, impl: Impl) -> Tensor:
    """As after a transposed convolution, which makes 2H + 1 rows of H."""
    return upfirdn2d(x, f, padding=1, gain=4, impl=impl)


def doubled(x: Tensor, f: Tensor, impl: Impl, up: tuple[int, int]) -> Tensor:
    return upsample2d(x, f, up, impl=impl)


def halved(x: Tensor, f: Tensor, impl: Impl, down: tuple[int, int]) -> Tensor:
    return downsample2d(x, f, down, impl=impl)


def kept(x: Tensor, f: Tensor, impl: Impl) -> Tensor:
    return filter2d(x, f, impl=impl)


def resampling(name: str, by: Callable[..., Tensor], f: Tensor, inside: Callable[[int], tuple[int, int]]) -> Case:
    return Case(name, partial(resampled, by=by, f=f), inside)


BOTH = (2, 2)
CASES = (
    Case("bias_act, lrelu", activated),
    Case("bias_act, lrelu, backward", partial(activated_backward, of_bias=False)),
    Case("bias_act, lrelu, backward, bias too", partial(activated_backward, of_bias=True), alone=False),
    resampling("upfirdn2d, up 2, 4x4", partial(doubled, up=BOTH), SHORT, lambda side: (side // 2, side // 2)),
    resampling("upfirdn2d, down 2, 4x4", partial(halved, down=BOTH), SHORT, lambda side: (side, side)),
    resampling("upfirdn2d, same size, 4x4", kept, SHORT, lambda side: (side, side)),
    resampling("upfirdn2d, after a convolution, 4x4", padded, SHORT, lambda side: (side + 1, side + 1)),
    resampling("upfirdn2d, up 2 in x, 12", partial(doubled, up=(2, 1)), ACROSS, lambda side: (side, side // 2)),
    resampling("upfirdn2d, up 2 in y, 12", partial(doubled, up=(1, 2)), ALONG, lambda side: (side // 2, side)),
    resampling("upfirdn2d, down 2 in x, 12", partial(halved, down=(2, 1)), ACROSS, lambda side: (side, side)),
    resampling("upfirdn2d, down 2 in y, 12", partial(halved, down=(1, 2)), ALONG, lambda side: (side, side)),
    Case("epilogue", ended),
    Case("epilogue, backward", partial(ended_backward, of_all=False)),
    Case("epilogue, backward, all inputs", partial(ended_backward, of_all=True), alone=False),
)
