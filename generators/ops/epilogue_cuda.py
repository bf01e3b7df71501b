"""What follows a modulated convolution, by one CUDA kernel: y = clamp(act(x · d + noise + b) · gain) · s.

Demodulation d, noise, bias, (leaky) ReLU, gain, clamp, and the style s of the next layer where it is known.
The backward pass is one kernel, then sums over pixels, pictures or channels. Where that pass must itself be
differentiable (create_graph, torch.func), it is composed of PyTorch's own operations around the kernel's slope,
which is linear in the gradient and constant elsewhere: exact to any order, at the price of more passes over memory.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import Function

from generators.ops.cuda import kernel, layout
from generators.ops.cuda.kernels import ACTS, EPILOGUE, slope_below


@dataclass(frozen=True)
class Curve:
    """act is linear, relu or lrelu; `gain` is all of the gain."""

    act: str
    alpha: float
    gain: float
    clamp: float | None
    forced: bool = False  # raise what fails, rather than compute it as the twin does


def epilogue_cuda(
    x: Tensor,
    d: Tensor | None,
    noise: Tensor | None,
    b: Tensor | None,
    curve: Curve,
    s: Tensor | None = None,
) -> Tensor:
    """(N, C, H, W); d and s (N, C), b (C,), noise (1 or N, 1, H, W) or (H, W) → the shape and type of x."""
    if noise is not None:
        noise = noise.reshape(-1, *noise.shape[-2:]).expand(-1, *x.shape[2:])  # (1 or N, H, W)
    d, noise, b, s = (layout.parameter(given, x.dtype) for given in (d, noise, b, s))
    return Epilogue.apply(x, d, noise, b, s, curve)


class Epilogue(Function):
    """x, d, noise, b, s → y."""

    @staticmethod
    def forward(x: Tensor, d, noise, b, s, curve: Curve) -> Tensor:
        y = torch.empty_like(layout.dense(x))
        run(0, x, None, (d, noise, b, s), (y, None, None, None), curve)
        return y

    @staticmethod
    def setup_context(ctx, inputs, output: Tensor) -> None:
        *tensors, ctx.curve = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx, dy: Tensor):
        backward = composed if torch.is_grad_enabled() else fused
        return *backward(dy, *ctx.saved_tensors, ctx.curve, ctx.needs_input_grad), None


class Slope(Function):
    """g → g · ∂y/∂(x · d + noise + b), without s: linear in g, so that its own derivative by g is itself."""

    @staticmethod
    def forward(g: Tensor, x: Tensor, d, noise, b, curve: Curve) -> Tensor:
        out = torch.empty_like(layout.dense(x))
        run(1, x, g, (d, noise, b, None), (out, None, None, None), curve)
        return out

    @staticmethod
    def setup_context(ctx, inputs, output: Tensor) -> None:
        _, *tensors, ctx.curve = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx, h: Tensor):
        return Slope.apply(h, *ctx.saved_tensors, ctx.curve), None, None, None, None, None


def fused(dy: Tensor, x: Tensor, d, noise, b, s, curve: Curve, needed: tuple[bool, ...]):
    """Gradients of x, d, noise, b, s: what is asked for, in one pass, then summed."""
    by_x, by_d, by_noise, by_b, by_s, _ = needed
    like = layout.dense(x)
    plain = by_noise or by_b or (by_x and d is None)
    g, dx, for_d, for_s = (torch.empty_like(like) if w else None for w in (plain, by_x and d is not None, by_d, by_s))
    run(1, x, dy, (d, noise, b, s), (g, dx, for_d, for_s), curve)
    return (
        (g if d is None else dx) if by_x else None,
        for_d.sum((2, 3), dtype=d.dtype) if by_d else None,
        over_noise(g, noise) if by_noise else None,
        g.sum((0, 2, 3), dtype=b.dtype) if by_b else None,
        for_s.sum((2, 3), dtype=s.dtype) if by_s else None,
    )


def composed(dy: Tensor, x: Tensor, d, noise, b, s, curve: Curve, needed: tuple[bool, ...]):
    """The same, differentiable."""
    by_x, by_d, by_noise, by_b, by_s, _ = needed
    g = dy if s is None else dy * s.to(dy.dtype)[:, :, None, None]
    g = Slope.apply(g, x, d, noise, b, curve)
    return (
        (g if d is None else g * d.to(g.dtype)[:, :, None, None]) if by_x else None,
        (g * x).sum((2, 3), dtype=d.dtype) if by_d else None,
        over_noise(g, noise) if by_noise else None,
        g.sum((0, 2, 3), dtype=b.dtype) if by_b else None,
        (dy * Epilogue.apply(x, d, noise, b, None, curve)).sum((2, 3), dtype=s.dtype) if by_s else None,
    )


def over_noise(g: Tensor, noise: Tensor) -> Tensor:
    """Sums over what one grain of noise was added to: (N, C, H, W) → (1 or N, H, W)."""
    return g.sum(1, dtype=noise.dtype) if len(noise) == len(g) else g.sum((0, 1), dtype=noise.dtype)[None]


def run(order: int, x: Tensor, dy: Tensor | None, parameters, outputs, curve: Curve) -> None:
    """Fills `outputs`, laid out as x; epilogue.cu says with what. `parameters`: d, noise, b, s."""
    x = layout.dense(x)
    dy = None if dy is None else layout.alike(dy, x)
    if not x.numel():
        return
    last, pack = layout.channels_last(x), layout.pack(x.dtype)
    channels, pixels = x.shape[1], x.shape[2] * x.shape[3]
    fits = (channels if last else pixels) % pack == 0
    wide = fits and layout.aligned(x, dy, *parameters, *outputs)
    name, whole = layout.index(x)
    defines = {
        "ACT": ACTS.index(curve.act),
        "ORDER": order,
        "LAST": int(last),
        "WIDE": int(wide),
        "INDEX": name,
    }
    noise = parameters[1]
    sizes = [whole(x.numel()), whole(channels), whole(pixels), ctypes.c_int(0 if noise is None else len(noise))]
    numbers = [curve.alpha, curve.gain, -1.0 if curve.clamp is None else curve.clamp]
    args = [*map(layout.pointer, (x, dy, *parameters, *outputs)), *sizes]
    args += [layout.real(number, x.dtype) for number in numbers]
    try:
        kernel.launch(EPILOGUE, x, defines, *layout.blocks(x.numel() // (pack if wide else 1)), args)
    except kernel.FAILURES:
        if curve.forced:
            raise
        plain(order, x, dy, parameters, outputs, curve)


@torch.no_grad()
def plain(order: int, x: Tensor, dy: Tensor | None, parameters, outputs, curve: Curve) -> None:
    """Fills `outputs` with what the kernel would have made, where it fails in the middle of a pass."""
    real = layout.real_dtype(x.dtype)
    d, noise, b, s = parameters
    d, s = (torch.ones((), dtype=real, device=x.device) if p is None else p[:, :, None, None] for p in (d, s))
    z = x.to(real) * d
    z = z if noise is None else z + noise[:, None]
    z = z if b is None else z + b[:, None, None]
    alpha = slope_below(curve.act, curve.alpha)
    y = torch.where(z > 0, z, z * alpha) * curve.gain
    free = torch.ones_like(y, dtype=torch.bool) if curve.clamp is None else y.abs() <= curve.clamp
    y = y if curve.clamp is None else y.clamp(-curve.clamp, curve.clamp)
    if order == 0:
        outputs[0].copy_(y * s)
        return
    slopes = torch.tensor([curve.gain * alpha, curve.gain], dtype=real, device=x.device)
    g = dy.to(real) * s * slopes[(z > 0).long()] * free
    for out, value in zip(outputs, (g, g * d, g * x.to(real), dy.to(real) * y), strict=True):
        if out is not None:
            out.copy_(value)
