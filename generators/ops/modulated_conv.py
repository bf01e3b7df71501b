"""The convolution of StyleGAN2: weights scaled by a style, and scaled back to unit variance.

Karras et al. 2020, section 2.2, equations 1 to 3. Three ways to the same numbers:

- "literal": each sample has weights of its own, all in one grouped convolution, as the paper puts it;
- "scaled": activations are scaled before and after one shared convolution; w · s and s · x are the same
  product, and the demodulation needs only sums of w²;
- "auto": "scaled". On CPUs a grouped convolution runs at a fraction of the speed of a shared one. (Whole layers
  without gradients have a quicker way still, one sample after the other: styled_conv.py.)

Chosen by `forensics bench throughput`, which times all of them side by side.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from generators.ops.resampling_conv import conv2d_resample
from generators.precision import in_float16, in_full

Way = Literal["auto", "literal", "scaled"]
EPSILON = 1e-8  # keeps the demodulation of silent filters finite


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    noise: Tensor | None = None,
    up: int = 1,
    padding: int = 0,
    resample_filter: Tensor | None = None,
    demodulate: bool = True,
    flip_weight: bool = True,
    way: Way = "auto",
) -> Tensor:
    """(N, I, H, W), weights (O, I, K, K), styles (N, I) → (N, O, H·up, W·up), in the dtype of x.

    `noise`, broadcast over (N, 1, H', W'), is added after the demodulation. In float16 weights and styles are
    scaled to at most 1 first, so that their products stay finite; the demodulation undoes that.
    Raises ValueError for an unknown `way`.
    """
    if way not in ("auto", "literal", "scaled"):
        raise ValueError(f"way {way!r}: must be auto, literal or scaled")
    if demodulate and in_float16(x):
        fan = weight[0].numel() ** 0.5
        weight = weight / (weight.abs().amax((1, 2, 3), keepdim=True) * fan)
        styles = styles / styles.abs().amax(1, keepdim=True)
    convolve = literal if way == "literal" else scaled
    x = convolve(x, weight, styles, up, padding, resample_filter, demodulate, flip_weight)
    return x if noise is None else x + noise.to(x.dtype)


def scaled(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    up: int,
    padding: int,
    resample_filter: Tensor | None,
    demodulate: bool,
    flip_weight: bool,
) -> Tensor:
    x = x * styles.to(x.dtype)[:, :, None, None]
    x = conv2d_resample(x, weight.to(x.dtype), resample_filter, up, padding=padding, flip_weight=flip_weight)
    if demodulate:
        with in_full(x):  # sums of hundreds of squares
            power = styles.square() @ weight.square().sum((2, 3)).T  # (N, O): equation 3
        x = x * (power + EPSILON).rsqrt().to(x.dtype)[:, :, None, None]
    return x


def literal(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    up: int,
    padding: int,
    resample_filter: Tensor | None,
    demodulate: bool,
    flip_weight: bool,
) -> Tensor:
    n = len(x)
    w = weight[None] * styles[:, None, :, None, None]  # (N, O, I, K, K): equation 1
    if demodulate:
        w = w * (w.square().sum((2, 3, 4), keepdim=True) + EPSILON).rsqrt()  # equation 3
    x = x.reshape(1, -1, *x.shape[2:])  # (1, N I, H, W)
    w = w.flatten(0, 1).to(x.dtype)  # (N O, I, K, K)
    x = conv2d_resample(x, w, resample_filter, up, padding=padding, groups=n, flip_weight=flip_weight)
    return x.reshape(n, -1, *x.shape[2:])
