"""A whole layer of StyleGAN2's synthesis in one op: modulated convolution, noise, bias, activation, clamp.

y = clamp(act(demod(w · s) ∗ x + noise + bias) · gain), Karras et al. 2020, figure 2c. The plain twin is
`modulated_conv2d` and `bias_act` one after the other. On a CPU memory costs more than arithmetic: without
gradients, each sample's style, demodulation and gain go into its own weights, bias into the last
convolution, and the rest is done in place. act(a·x) = a·act(x) for a > 0 allows it for (leaky) ReLU.
On a GPU one kernel does all that comes after the convolution (epilogue_cuda.py).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from generators.ops.bias_act import ACTIVATIONS, bias_act
from generators.ops.choice import Impl, takes_kernel, twins_only
from generators.ops.cuda.kernels import FLAT, slope_below
from generators.ops.epilogue_cuda import Curve, epilogue_cuda
from generators.ops.modulated_conv import EPSILON, Way, modulated_conv2d, scaled
from generators.ops.upfirdn2d import upfirdn2d
from generators.precision import in_float16, in_full

SLOPES = {act: slope_below(act, ACTIVATIONS[act].alpha) for act in FLAT}


def styled_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    noise: Tensor | None,
    bias: Tensor,
    up: int = 1,
    resample_filter: Tensor | None = None,
    act: str = "lrelu",
    gain: float = 1.0,
    clamp: float | None = None,
    way: Way = "auto",
    impl: Impl = "auto",
) -> Tensor:
    """(N, I, H, W), weights (O, I, 3, 3), styles (N, I), bias (O,) → (N, O, H·up, W·up); `up` is 1 or 2.

    `noise`: (1 or N, 1, H', W') or (H', W'); `gain` comes on top of the activation's own. `way` as in
    `modulated_conv2d`; "auto" takes the quickest that was measured. `impl`: the kernel after the convolution
    ("cuda"), the plain twin ("reference"), or the kernel where it can run. Raises ValueError where it can't be had.
    """
    if takes_kernel(impl, x, obstacle(way, act)):
        return fused(x, weight, styles, noise, bias, up, resample_filter, act, gain, clamp, impl == "cuda")
    if impl == "auto" and way == "auto" and quick(x, act):
        return by_sample(x, weight, styles, noise, bias, up, resample_filter, act, gain, clamp)
    # As published: upsampling mirrors the kernel, that is, it convolves; otherwise it correlates.
    with twins_only(impl == "reference"):
        x = modulated_conv2d(x, weight, styles, noise, up, 1, resample_filter, True, up == 1, way)
    return bias_act(x, bias, 1, act, None, ACTIVATIONS[act].gain * gain, clamp, impl)


def obstacle(way: Way, act: str) -> str | None:
    """Why the kernel can't do it, if so."""
    if way == "literal":
        return "way='literal' has its demodulation in the weights"
    return None if act in SLOPES else f"its layers end in {', '.join(SLOPES)}, not in {act}"


def fused(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    noise: Tensor | None,
    bias: Tensor,
    up: int,
    resample_filter: Tensor | None,
    act: str,
    gain: float,
    clamp: float | None,
    forced: bool,
) -> Tensor:
    """The layer as x · style, one shared convolution, and one kernel for the rest."""
    if in_float16(x):  # products stay finite; the demodulation undoes it
        weight = weight / (weight.abs().amax((1, 2, 3), keepdim=True) * weight[0].numel() ** 0.5)
        styles = styles / styles.abs().amax(1, keepdim=True)
    with in_full(x):
        demodulation = (styles.square() @ weight.square().sum((2, 3)).T + EPSILON).rsqrt()  # (N, O)
    x = scaled(x, weight, styles, up, 1, resample_filter, False, up == 1)
    curve = Curve(act, SLOPES[act], ACTIVATIONS[act].gain * gain, clamp, forced)
    return epilogue_cuda(x, demodulation, noise, bias, curve)


def quick(x: Tensor, act: str) -> bool:
    """Whether `by_sample` may take its twin's place: on a CPU, without gradients, maps larger than weights."""
    precise = x.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled("cpu")
    large = x.shape[2] * x.shape[3] > 4 * x.shape[1]  # below, weights of one's own cost more than they save
    return x.device.type == "cpu" and precise and large and act in SLOPES and not torch.is_grad_enabled()


def by_sample(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    noise: Tensor | None,
    bias: Tensor,
    up: int,
    resample_filter: Tensor | None,
    act: str,
    gain: float,
    clamp: float | None,
) -> Tensor:
    """The layer, one sample after the other, with weights of its own."""
    gain = gain * ACTIVATIONS[act].gain
    demodulation = (styles.square() @ weight.square().sum((2, 3)).T + EPSILON).rsqrt() * gain  # (N, O)
    bias = bias * gain
    noise = None if noise is None else (noise * gain).expand(len(x), 1, *noise.shape[-2:])
    done = []
    for number in range(len(x)):
        sample = x[number : number + 1]  # (1, I, H, W), laid out as x is
        w = weight * (demodulation[number, :, None] * styles[number])[:, :, None, None]  # (O, I, 3, 3)
        if up == 1:
            y = F.conv2d(sample, w, bias, padding=1)  # (1, O, H, W)
        else:
            y = F.conv_transpose2d(sample, w.transpose(0, 1), stride=2)  # (1, O, 2H + 1, 2W + 1)
            y = smoothed(y, resample_filter, bias)  # (1, O, 2H, 2W)
        if noise is not None:
            y += noise[number]
        y = F.leaky_relu_(y, SLOPES[act]) if act != "linear" else y
        done.append(y if clamp is None else y.clamp_(-clamp, clamp))
    return torch.cat(done) if len(done) > 1 else done[0]


def smoothed(y: Tensor, f: Tensor, bias: Tensor) -> Tensor:
    """The filter after a transposed convolution, (1, O, 2H + 1, 2W + 1) → (1, O, 2H, 2W), and the bias."""
    width = f.shape[-1]
    before, after = (width + 1) // 2 - 1, (width - 2) // 2
    if f.ndim == 1 or before != after:
        return upfirdn2d(y, f, padding=(before, after, before, after), gain=4) + bias[:, None, None]
    kernel = (f * 4).flip((0, 1)).to(y.dtype).expand(y.shape[1], 1, width, width)
    return F.conv2d(y, kernel, bias, padding=before, groups=y.shape[1])
