"""Equalised layers and the minibatch statistic, against loops and first principles."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from generators.layers import Conv, Dense, MinibatchStd, unit


def one_by_one(x: torch.Tensor, group: int, features: int) -> torch.Tensor:
    """Each picture's group are those that many apart; one number a group and feature, on every pixel."""
    n, c = x.shape[:2]
    size = max(k for k in range(1, group + 1) if k <= n and n % k == 0)
    step, share = n // size, c // features
    maps = torch.empty(n, features, *x.shape[2:], dtype=x.dtype)
    for picture in range(n):
        group_of = [other for other in range(n) if other % step == picture % step]
        assert len(group_of) == size
        for feature in range(features):
            mine = x[group_of, feature * share : (feature + 1) * share]
            maps[picture, feature] = (mine.var(0, unbiased=False) + 1e-8).sqrt().mean()
    return torch.cat([x, maps], 1)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 9),
    group=st.integers(1, 5),
    features=st.integers(1, 3),
    share=st.integers(1, 2),
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_minibatch_statistic_equals_the_loop(n, group, features, share, size):
    x = torch.randn(n, features * share, *size, dtype=torch.float64)
    torch.testing.assert_close(MinibatchStd(group, features)(x), one_by_one(x, group, features))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_minibatch_statistic_of_equal_pictures_has_a_gradient_in_half_precision(dtype):
    """Its epsilon, 1e-8, is 0 in float16, and the root of 0 has no slope."""
    x = torch.ones(4, 2, 3, 3, dtype=dtype, requires_grad=True)
    y = MinibatchStd()(x)
    assert y.dtype == dtype
    y.sum().backward()
    assert x.grad.isfinite().all()
    assert unit(torch.zeros(1, 4, dtype=dtype)).isfinite().all()


def test_weights_are_normal_and_scaled_when_used():
    torch.manual_seed(0)
    dense, conv = Dense(300, 200, lr_multiplier=0.01), Conv(64, 32, 3)
    assert dense.weight.std().item() == pytest.approx(100, rel=0.02)
    assert conv.weight.std().item() == pytest.approx(1, rel=0.02)
    x = torch.randn(64, 300)
    torch.testing.assert_close(dense(x), x @ dense.weight.T * 0.01 / math.sqrt(300))
    assert dense(x).std().item() == pytest.approx(1, rel=0.05)
    y = torch.randn(4, 64, 16, 16)
    torch.testing.assert_close(conv(y), F.conv2d(y, conv.weight / math.sqrt(64 * 9), padding=1), rtol=1e-4, atol=1e-4)


def test_the_learning_rate_multiplier_slows_weights_and_biases():
    """One step of Adam moves the used weight by lr · multiplier / sqrt(fan in), the used bias by lr · multiplier."""
    for multiplier in (1.0, 0.01):
        layer = Dense(4, 3, lr_multiplier=multiplier, bias_init=2.0)
        assert layer.bias.tolist() == [2.0] * 3
        before = layer(torch.eye(4)) - layer(torch.zeros(1, 4)), layer(torch.zeros(1, 4))
        layer(torch.ones(1, 4)).sum().backward()
        torch.optim.Adam(layer.parameters(), 1e-3).step()
        after = layer(torch.eye(4)) - layer(torch.zeros(1, 4)), layer(torch.zeros(1, 4))
        moved = [float((new - old).detach().mean()) for old, new in zip(before, after, strict=True)]
        assert moved == pytest.approx([-1e-3 * multiplier / 2, -1e-3 * multiplier], rel=0.05)


@settings(max_examples=20, deadline=None)
@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_unit_has_a_mean_square_of_one(shape):
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape))) * 7 + 1
    square = x.square().mean(1, keepdim=True)
    wanted = square / (square + 1e-8)  # eps counts where x is near 0
    torch.testing.assert_close(
        unit(x).square().mean(1, keepdim=True), wanted, rtol=1e-6, atol=1e-9
    )  # eps is float32's
    torch.testing.assert_close(unit(x) * (square + 1e-8).sqrt(), x, rtol=1e-6, atol=1e-9)


def test_gain_scales_output_and_clamp():
    torch.manual_seed(0)
    layer, x = Conv(2, 3, 3, activation="lrelu", clamp=0.5), torch.randn(1, 2, 5, 5) * 3
    torch.testing.assert_close(layer(x, 0.25), layer(x) * 0.25)
    assert layer(x).abs().max().item() == 0.5
