"""Activations against closed forms, and their derivatives against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.ops.bias_act import ACTIVATIONS, bias_act

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
CLOSED = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0) * math.sqrt(2),
    "lrelu": lambda x: np.where(x > 0, x, 0.2 * x) * math.sqrt(2),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * (np.exp(x) - 1)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "swish": lambda x: x / (1 + np.exp(-x)) * math.sqrt(2),
}


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_closed_forms(act, x):
    b = torch.tensor([0.3, -1.2, 0.0, 2.0], dtype=torch.float64)
    truth = CLOSED[act](x.numpy() + b.numpy()[:, None])
    np.testing.assert_allclose(bias_act(x, b, act=act).numpy(), truth, rtol=1e-12, atol=1e-14)
    clamped = bias_act(x, b, act=act, gain=1.5, clamp=0.4)
    truth = np.clip(truth / ACTIVATIONS[act].gain * 1.5, -0.4, 0.4)
    np.testing.assert_allclose(clamped.numpy(), truth, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_differentiable_twice(act, x):
    x.requires_grad_(True)
    b = torch.linspace(-0.5, 0.5, 5, dtype=torch.float64, requires_grad=True)

    def acted(x, b):
        return bias_act(x, b, dim=2, act=act, alpha=0.1, gain=1.3, clamp=1.1)

    assert torch.autograd.gradcheck(acted, (x, b))
    assert torch.autograd.gradgradcheck(acted, (x, b))


@settings(max_examples=30, deadline=None)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_the_bias_goes_along_its_axis(shape, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x, b = torch.randn(shape), torch.arange(shape[dim], dtype=torch.float32)
    truth = (x.movedim(dim, -1) + b).movedim(-1, dim)
    assert torch.equal(bias_act(x, b, dim), truth)


def test_unit_variance_in_unit_variance_out():
    """What the gain is for (He et al. 2015): the mean square of lrelu and relu stays 1, nearly."""
    x = torch.randn(200_000, generator=torch.Generator().manual_seed(0))[None]
    assert bias_act(x, act="relu").square().mean().item() == pytest.approx(1, rel=0.02)
    assert bias_act(x, act="lrelu").square().mean().item() == pytest.approx(1.04, rel=0.02)


def test_keeps_the_type_of_its_input_and_refuses_nonsense():
    assert bias_act(torch.zeros(2, 3, dtype=torch.float16), torch.zeros(3), act="lrelu").dtype == torch.float16
    x = torch.zeros(2, 3)
    for bad, says in (({"act": "relü"}, "must be one of linear"), ({"clamp": -1}, "0 or more")):
        with pytest.raises(ValueError, match=says):
            bias_act(x, **bad)
    with pytest.raises(ValueError, match="3 channels"):
        bias_act(x, torch.zeros(2))
