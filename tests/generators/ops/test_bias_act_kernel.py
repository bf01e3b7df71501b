"""The kernel of bias_act, its .cu run on the CPU, against its twin."""

from __future__ import annotations

import pytest
import torch

from generators.ops.bias_act import ACTIVATIONS, bias_act
from generators.ops.cuda import layout

DTYPES = layout.DTYPES
CASES = {  # shape, dim, and whether a thread may take 16 bytes at once, in any type
    "one channel": ((1, 1, 3, 5), 1, False),
    "odd": ((2, 3, 5, 7), 1, False),
    "seventeen channels": ((2, 17, 5, 3), -3, False),
    "empty": ((0, 3, 4, 5), 1, None),
    "even": ((2, 3, 4, 8), 1, True),
    "rows": ((5, 16), 1, True),
    "alone": ((7,), 0, False),
    "middle": ((2, 3, 4, 5), 2, False),
    "last": ((2, 3, 1, 16), -1, True),
}


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_values(on_host, tolerance, act, dtype):
    for name, (shape, dim, wide) in CASES.items():
        x, b = 2 * normal(*shape, dtype=dtype), normal(shape[dim], seed=1, dtype=dtype)
        on_host.launched.clear()
        y = bias_act(x, b, dim, act, gain=1.3, clamp=2.1, impl="cuda")
        truth = bias_act(x.double(), b.double(), dim, act, gain=1.3, clamp=2.1, impl="reference")
        assert y.dtype == dtype
        torch.testing.assert_close(y.double(), truth, **tolerance[dtype], msg=lambda m, name=name: f"{name}: {m}")
        assert [bool(defines["WIDE"]) for _, defines in on_host.launched] == ([] if wide is None else [wide])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("channels", [3, 16])
def test_layouts(on_host, tolerance, channels, dtype):
    b = normal(channels, seed=1, dtype=dtype)
    last = normal(2, channels, 3, 5, dtype=dtype).contiguous(memory_format=torch.channels_last)
    turned = normal(2, 5, channels, 3, dtype=dtype).transpose(1, 2)
    cut = normal(2, channels, 4, 9, dtype=dtype)[..., 1:]
    shifted = normal(2 * channels * 16 + 1, dtype=dtype)[1:].reshape(2, channels, 4, 4)
    for x in (last, turned, cut, shifted):
        y = bias_act(x, b, act="lrelu", impl="cuda")
        torch.testing.assert_close(
            y.double(), bias_act(x.double(), b.double(), act="lrelu", impl="reference"), **tolerance[dtype]
        )
    assert bias_act(last, b, impl="cuda").is_contiguous(memory_format=torch.channels_last)
    wide = [defines["WIDE"] for _, defines in on_host.launched]
    assert wide == [int(channels == 16), 0 if channels == 3 and turned[0].numel() * 2 % 8 else wide[1], 1, 0, wide[0]]


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_derivatives_equal_differences_and_the_twins(on_host, same_derivatives, act):
    for dim, gain, clamp, alpha in ((1, 1.3, 1.1, 0.1), (3, -0.7, None, 0.3), (0, 1.0, 0.9, -0.2)):
        for last in (False, True):

            def of(x, b, impl="cuda", last=last, dim=dim, gain=gain, clamp=clamp, alpha=alpha):
                x = x.contiguous(memory_format=torch.channels_last) if last else x
                return bias_act(x, b, dim, act, alpha, gain, clamp, impl)

            x, b = normal(2, 4, 3, 2).requires_grad_(True), normal((2, 4, 3, 2)[dim], seed=1).requires_grad_(True)
            same_derivatives(of, lambda x, b, of=of: of(x, b, impl="reference"), x, b)
            if not last or dim == 1:
                assert torch.autograd.gradcheck(of, (x, b), fast_mode=True)
                assert torch.autograd.gradgradcheck(of, (x, b), fast_mode=True)
    entries = {defines["ORDER"] for _, defines in on_host.launched}
    assert entries == ({0, 1} if act in ("linear", "relu", "lrelu") else {0, 1, 2})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("act", ["lrelu", "swish", "tanh"])
def test_derivatives_in_few_digits(on_host, tolerance, act, dtype):
    """One rounding off those in float64 from the same numbers; only sums over pixels round more than once."""
    x, b, dy, ddx = (normal(*s, seed=n, dtype=dtype) for n, s in enumerate([(2, 8, 4, 4), (8,), *[(2, 8, 4, 4)] * 2]))

    def gradients(x, b, dy, ddx, impl):
        x, dy = x.detach().requires_grad_(True), dy.detach().requires_grad_(True)
        y = bias_act(x, b, act=act, clamp=0.9, impl=impl)  # which neither type has
        (dx,) = torch.autograd.grad(y, x, dy, create_graph=True)
        return dx, *torch.autograd.grad(dx, (dy, x), ddx, allow_unused=True, materialize_grads=True)

    ours = gradients(x, b, dy, ddx, "cuda")
    truth = gradients(*(t.double() for t in (x, b, dy, ddx)), "reference")
    y = bias_act(x.double(), b.double(), act=act, impl="reference").abs()
    decided = (y - 0.9).abs() > 2**-8  # where rounding y does not move it across the clamp
    assert decided.double().mean() > 0.95
    for mine, exact in zip(ours, truth, strict=True):
        torch.testing.assert_close(mine.double()[decided], exact[decided], **tolerance[dtype])


def test_nan_and_infinity_pass_as_in_the_twin(on_host):
    b = torch.zeros(1)
    x = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 7e4, 1e-40])[None, :, None]
    for dtype in DTYPES:
        for act in ("linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "softplus"):
            for clamp in (None, 2.0):
                ours, twin = (bias_act(x.to(dtype), b, 0, act, clamp=clamp, impl=i) for i in ("cuda", "reference"))
                torch.testing.assert_close(ours, twin, equal_nan=True)
    b = torch.tensor([0x7FFFFFFF], dtype=torch.int32).view(torch.float32)  # a NaN that rounding would carry to -0
    assert bias_act(torch.zeros(1, 1, dtype=torch.bfloat16), b, impl="cuda").isnan()


def test_without_bias(on_host, same_derivatives):
    same_derivatives(
        *(lambda x, by=by: bias_act(x, act="swish", impl=by) for by in ("cuda", "reference")), normal(3, 5)
    )
    x = normal(2, 3)
    assert bias_act(x, impl="cuda") is x


def test_indices_of_64_bits(on_host, monkeypatch):
    x, b = normal(3, 5, 2, 4), normal(5, seed=1)
    short = bias_act(x, b, act="swish", impl="cuda")
    monkeypatch.setattr(layout, "INT_BELOW", 1)
    assert torch.equal(bias_act(x, b, act="swish", impl="cuda"), short)
    assert [defines["INDEX"] for _, defines in on_host.launched] == ["int", "long long"]


def test_threads_take_several_packs_when_blocks_are_few(on_host, monkeypatch):
    x, b = normal(4, 3, 17, 19), normal(3, seed=1)
    monkeypatch.setattr(layout, "BLOCKS", 2)
    torch.testing.assert_close(bias_act(x, b, act="elu", impl="cuda"), bias_act(x, b, act="elu", impl="reference"))


@pytest.mark.parametrize("act", ["lrelu", "softplus"])
def test_function_transforms(on_host, act):
    x, b = normal(2, 3, 4, 4), normal(3, seed=1)

    def loss(x, b, impl):
        return bias_act(x, b, act=act, impl=impl).square().sum()

    def penalty(x, b, impl):
        return torch.func.grad(loss)(x, b, impl).square().sum()

    for of in (loss, penalty):
        ours, twins = (torch.func.grad(of, argnums=(0, 1))(x, b, impl) for impl in ("cuda", "reference"))
        for mine, truth in zip(ours, twins, strict=True):
            torch.testing.assert_close(mine, truth)


def test_says_what_it_cannot_do(on_host):
    x = normal(2, 3).requires_grad_(True)
    with pytest.raises(ValueError, match="auto, cuda or reference"):
        bias_act(x, impl="fast")
    with pytest.raises(ValueError, match=r"no kernel for torch\.int32"):
        bias_act(torch.zeros(2, 3, dtype=torch.int32), impl="cuda")
    (dx,) = torch.autograd.grad(bias_act(x, act="tanh", impl="cuda").sum(), x, create_graph=True)
    (ddx,) = torch.autograd.grad(dx.square().sum(), x, create_graph=True)
    with pytest.raises(NotImplementedError, match="third derivatives"):
        torch.autograd.grad(ddx.sum(), x)


def test_without_a_gpu_auto_is_the_twin():
    x = normal(2, 3)
    assert torch.equal(bias_act(x, act="lrelu"), bias_act(x, act="lrelu", impl="reference"))
    with pytest.raises(ValueError, match="no CUDA kernel can run on cpu"):
        bias_act(x, act="lrelu", impl="cuda")
