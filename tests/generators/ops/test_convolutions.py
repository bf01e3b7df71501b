"""Resampling and modulated convolutions against what they abbreviate."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from generators.ops.modulated_conv import modulated_conv2d
from generators.ops.resampling_conv import conv2d_resample
from generators.ops.upfirdn2d import downsample2d, setup_filter, upsample2d

BLUR = setup_filter([1, 3, 3, 1])
WAYS = ("auto", "literal", "scaled")


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one_by_one(x, weight, styles, up, demodulate):
    """Karras et al. 2020, equations 1 and 3, for one picture at a time, upsampling and convolution apart."""
    made = []
    for picture, style in zip(x, styles, strict=True):
        w = weight * style[:, None, None]
        if demodulate:
            w = w / (w.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        picture = upsample2d(picture[None], BLUR, up) if up > 1 else picture[None]
        made.append(F.conv2d(picture, w, padding=weight.shape[-1] // 2))
    return torch.cat(made)


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 3),
    inside=st.integers(1, 4),
    outside=st.integers(1, 4),
    size=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    kernel=st.sampled_from([1, 3]),
    up=st.sampled_from([1, 2]),
    demodulate=st.booleans(),
    seed=st.integers(0, 99),
)
def test_every_way_equals_one_picture_at_a_time(n, inside, outside, size, kernel, up, demodulate, seed):
    x, weight = normal(n, inside, *size, seed=seed), normal(outside, inside, kernel, kernel, seed=seed + 1)
    styles, noise = normal(n, inside, seed=seed + 2), normal(n, 1, size[0] * up, size[1] * up, seed=seed + 3)
    truth = one_by_one(x, weight, styles, up, demodulate) + noise
    for way in WAYS:
        f = BLUR if up > 1 else None
        ours = modulated_conv2d(x, weight, styles, noise, up, kernel // 2, f, demodulate, way=way)
        inner = (
            slice(2, -2) if up > 1 and kernel > 1 else slice(None)
        )  # zeros beyond the edge come in before or after
        torch.testing.assert_close(ours[:, :, inner, inner], truth[:, :, inner, inner], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("up", [1, 2])
def test_modulation_is_differentiable_twice(way, up):
    given = [normal(2, 2, 3, 3), normal(2, 2, 3, 3, seed=1), normal(2, 2, seed=2)]

    def convolved(x, weight, styles):
        return modulated_conv2d(x, weight, styles, None, up, 1, BLUR if up > 1 else None, way=way)

    assert torch.autograd.gradcheck(convolved, [t.requires_grad_(True) for t in given], fast_mode=True)
    assert torch.autograd.gradgradcheck(convolved, given, fast_mode=True)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("autocast", [False, True])
def test_float16_stays_finite_and_right_however_large_the_styles(way, autocast):
    """Demodulation undoes any scale of the styles, but products of float16 overflow at 65504."""
    x, weight, styles = (
        normal(2, 64, 6, 6).float(),
        normal(8, 64, 3, 3, seed=1).float(),
        normal(2, 64, seed=2).float(),
    )
    truth = modulated_conv2d(x.double(), weight.double(), styles.double(), padding=1)
    for scale in (1.0, 3e4):
        with torch.autocast("cpu", torch.float16, enabled=autocast):
            given = x if autocast else x.half()
            ours = modulated_conv2d(given, weight, styles * scale, padding=1, way=way)
        assert ((ours.double() - truth).norm() / truth.norm()).item() < 2e-3


def test_output_has_unit_variance_after_demodulation():
    x, styles = normal(4, 256, 16, 16), 5 * normal(4, 256, seed=2)
    y = modulated_conv2d(x, normal(32, 256, 3, 3, seed=1), styles, padding=1)[:, :, 1:-1, 1:-1]
    assert y.std().item() == pytest.approx(1, rel=0.03)


def test_refuses_an_unknown_way():
    with pytest.raises(ValueError, match="auto, literal or scaled"):
        modulated_conv2d(normal(1, 1, 3, 3), normal(1, 1, 1, 1), normal(1, 1), way="quick")


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("flip", [True, False])
def test_resampling_and_convolving_at_once_or_apart(kernel, groups, flip):
    x, w = normal(2, 4, 12, 14), normal(6, 4 // groups, kernel, kernel, seed=1)
    options = {"padding": kernel // 2, "groups": groups}
    turned = w if flip else w.flip((2, 3))
    torch.testing.assert_close(conv2d_resample(x, w, flip_weight=flip, **options), F.conv2d(x, turned, **options))
    for up, down in ((2, 1), (1, 2), (2, 2)):
        apart = F.conv2d(upsample2d(x, BLUR, up) if up > 1 else x, turned, **options)
        apart = downsample2d(apart, BLUR, down) if down > 1 else apart
        ours = conv2d_resample(x, w, BLUR, up, down, flip_weight=flip, **options)
        assert ours.shape == apart.shape
        edge = 2 if down > up else 4  # the edge is padded before or after
        inner = (..., slice(edge, -edge), slice(edge, -edge))
        assert ours[inner].numel()
        torch.testing.assert_close(ours[inner], apart[inner], rtol=1e-9, atol=1e-9)
