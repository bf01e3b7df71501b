"""Bias, activation, gain, clamp in one go: y = clamp(act(x + b) · gain), in plain PyTorch or by a CUDA kernel.

The gain keeps the variance of unit normal input (He et al. 2015; Karras et al. 2018, section 4.1).
The plain one is differentiable twice and more; it is the specification of the kernel (bias_act_cuda.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from generators.ops.bias_act_cuda import Curve, bias_act_cuda
from generators.ops.choice import Impl, takes_kernel


@dataclass(frozen=True)
class Activation:
    """A pointwise function of x and alpha, with its usual alpha and gain."""

    of: Callable[[Tensor, float], Tensor]
    gain: float = 1.0
    alpha: float = 0.0


ACTIVATIONS = {
    "linear": Activation(lambda x, alpha: x),
    "relu": Activation(lambda x, alpha: F.relu(x), math.sqrt(2)),
    "lrelu": Activation(F.leaky_relu, math.sqrt(2), 0.2),
    "tanh": Activation(lambda x, alpha: torch.tanh(x)),
    "sigmoid": Activation(lambda x, alpha: torch.sigmoid(x)),
    "elu": Activation(lambda x, alpha: F.elu(x)),
    "selu": Activation(lambda x, alpha: F.selu(x)),
    "softplus": Activation(lambda x, alpha: F.softplus(x)),
    "swish": Activation(lambda x, alpha: x * torch.sigmoid(x), math.sqrt(2)),
}


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    dim: int = 1,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Any shape → the same shape and dtype. `b`, (x.shape[dim],), is added along `dim`.

    `alpha` and `gain` are the activation's own unless given; `clamp` bounds |y|. `impl`: the kernel ("cuda", twice
    differentiable), the plain twin ("reference"), or the kernel where it can run. Raises ValueError for an
    unknown activation, a bias that does not fit, a clamp below 0 or an `impl` that can't be had.
    """
    if act not in ACTIVATIONS:
        raise ValueError(f"activation {act!r}: must be one of {', '.join(ACTIVATIONS)}")
    if clamp is not None and clamp < 0:
        raise ValueError(f"clamp {clamp}: must be 0 or more")
    spec = ACTIVATIONS[act]
    alpha, gain = spec.alpha if alpha is None else alpha, spec.gain if gain is None else gain
    if b is not None and b.shape != (x.shape[dim],):
        raise ValueError(f"bias of shape {tuple(b.shape)} for {x.shape[dim]} channels")
    if takes_kernel(impl, x):
        return bias_act_cuda(x, b, Curve(act, alpha, gain, clamp, dim, impl == "cuda"))
    if b is not None:
        x = x + b.to(x.dtype).reshape([-1 if axis == dim % x.ndim else 1 for axis in range(x.ndim)])
    x = spec.of(x, alpha)
    if gain != 1:
        x = x * gain
    return x if clamp is None else x.clamp(-clamp, clamp)
