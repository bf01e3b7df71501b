"""`bias_act` by its CUDA kernel, differentiable twice; bias_act.py says what it computes.

Where the activation is piecewise linear, the sign of y tells its slope: y is kept for the backward pass, which the
next layer keeps anyway, and x can go. Where it is curved x is kept, so that second derivatives are exact in any type.
A stored y that equals the clamp counts as clamped. Arithmetic is in float, in double for float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import Function

from generators.ops.cuda import kernel, layout
from generators.ops.cuda.kernels import ACTS, BIAS_ACT, FLAT, slope_below


@dataclass(frozen=True)
class Curve:
    """y = clamp(act(x + b) · gain), b along `dim`."""

    act: str
    alpha: float
    gain: float
    clamp: float | None
    dim: int
    forced: bool = False  # raise what fails, rather than compute it as the twin does

    @property
    def flat(self) -> bool:
        """Whether second derivatives are 0."""
        return self.act in FLAT

    @property
    def from_y(self) -> bool:
        """Whether y has the sign of x + b, wherever that matters."""
        return self.act == "linear" or (self.flat and self.gain > 0 and self.alpha >= 0)


def bias_act_cuda(x: Tensor, b: Tensor | None, curve: Curve) -> Tensor:
    """As `bias_act`, its arguments checked. Third derivatives raise NotImplementedError."""
    if b is None and curve.act == "linear" and curve.gain == 1 and curve.clamp is None:
        return x
    return BiasAct.apply(x, layout.parameter(b, x.dtype), curve)


class BiasAct(Function):
    """x, b → y."""

    @staticmethod
    def forward(x: Tensor, b: Tensor | None, curve: Curve) -> Tensor:
        return run(0, x, None, None, b, curve)

    @staticmethod
    def setup_context(ctx, inputs, output: Tensor) -> None:
        x, b, ctx.curve = inputs
        ctx.save_for_backward(output if ctx.curve.from_y else x, b)

    @staticmethod
    def backward(ctx, dy: Tensor):
        at, b = ctx.saved_tensors
        if ctx.curve.act == "linear" and ctx.curve.clamp is None:
            dx = dy if ctx.curve.gain == 1 else dy * ctx.curve.gain
        else:
            dx = Slope.apply(dy, at, b, ctx.curve)
        return dx, along(dx, b, ctx.curve.dim) if ctx.needs_input_grad[1] else None, None


class Slope(Function):
    """dy → dx at x or y: linear in dy, so that its own derivative by dy is itself."""

    @staticmethod
    def forward(dy: Tensor, at: Tensor, b: Tensor | None, curve: Curve) -> Tensor:
        return run(1, dy, None, at, b, curve)

    @staticmethod
    def setup_context(ctx, inputs, output: Tensor) -> None:
        dy, at, b, ctx.curve = inputs
        ctx.save_for_backward(None if ctx.curve.flat else dy, at, b)

    @staticmethod
    def backward(ctx, ddx: Tensor):
        dy, at, b = ctx.saved_tensors
        by_dy, by_at, by_b, _ = ctx.needs_input_grad
        first = Slope.apply(ddx, at, b, ctx.curve) if by_dy else None
        if ctx.curve.flat or not (by_at or by_b):
            return first, None, None, None
        second = Curvature.apply(ddx, dy, at, b, ctx.curve)
        return first, second, along(second, b, ctx.curve.dim) if by_b else None, None


class Curvature(Function):
    """ddx, dy → the gradient of Σ ddx · dx by x."""

    @staticmethod
    def forward(ddx: Tensor, dy: Tensor, at: Tensor, b: Tensor | None, curve: Curve) -> Tensor:
        return run(2, ddx, dy, at, b, curve)

    @staticmethod
    def setup_context(ctx, inputs, output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx, _):
        raise NotImplementedError("third derivatives of bias_act: only impl='reference' has them")


def run(order: int, given: Tensor, dy: Tensor | None, at: Tensor | None, b: Tensor | None, curve: Curve) -> Tensor:
    """bias_act.cu says what is made of what."""
    form = layout.dense(given if at is None else at)
    given, dy, at = (None if t is None else layout.alike(t, form) for t in (given, dy, at))
    out = torch.empty_like(form)
    if not out.numel():
        return out
    from_y = order > 0 and curve.from_y
    b = None if from_y else b
    channels, step = form.shape[curve.dim], max(form.stride(curve.dim), 1)
    pack = layout.pack(form.dtype)
    spread = b is not None and step == 1 and channels % pack == 0  # a pack has as many channels as numbers
    fits = form.numel() % pack == 0 and (b is None or spread or step % pack == 0)
    wide = fits and layout.aligned(given, dy, at, b if spread else None, out)
    name, whole = layout.index(form)
    defines = {
        "ACT": ACTS.index(curve.act),
        "ORDER": order,
        "FROM_Y": int(from_y),
        "BIAS": 0 if b is None else 2 if wide and spread else 1,
        "WIDE": int(wide),
        "INDEX": name,
    }
    numbers = [curve.alpha, curve.gain, -1.0 if curve.clamp is None else curve.clamp]
    args = [*map(layout.pointer, (given, dy, at, b, out)), whole(form.numel()), whole(step), whole(channels)]
    args += [layout.real(number, form.dtype) for number in numbers]
    try:
        kernel.launch(BIAS_ACT, form, defines, *layout.blocks(form.numel() // (pack if wide else 1)), args)
    except kernel.FAILURES:
        if curve.forced:
            raise
        return plain(order, given, dy, at, b, curve)
    return out


def plain(order: int, given: Tensor, dy: Tensor | None, at: Tensor | None, b: Tensor | None, curve: Curve) -> Tensor:
    """What the kernel would have made, where it fails in the middle of a pass."""
    from generators.ops.bias_act import bias_act  # which imports this file

    if order and curve.from_y:
        below = curve.gain * slope_below(curve.act, curve.alpha)
        slopes = given.new_tensor([below, curve.gain], dtype=layout.real_dtype(given.dtype))
        slope = slopes[(at > 0).long()]
        slope = slope if curve.clamp is None else slope.where(at.abs() < curve.clamp, 0)
        return (given * slope).to(given.dtype)
    shaped = curve.dim, curve.act, curve.alpha, curve.gain, curve.clamp, "reference"
    if order == 0:
        return bias_act(given, b, *shaped)
    with torch.enable_grad():
        x = at.detach().requires_grad_(True)
        first = given if order == 1 else dy
        (dx,) = torch.autograd.grad(bias_act(x, b, *shaped), x, first, create_graph=order == 2)
        return dx if order == 1 else torch.autograd.grad(dx, x, given, materialize_grads=True)[0]


def along(dx: Tensor, b: Tensor, dim: int) -> Tensor:
    """The gradient of the bias: a sum over all other axes."""
    axes = [axis for axis in range(dx.ndim) if axis != dim % dx.ndim]
    return dx.sum(axes, dtype=b.dtype) if axes else dx.to(b.dtype)
