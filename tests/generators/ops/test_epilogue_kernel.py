"""The kernel after a modulated convolution, its .cu run on the CPU, against the plain operations one by one."""

from __future__ import annotations

import pytest
import torch

from generators.ops.bias_act import ACTIVATIONS, bias_act
from generators.ops.choice import twins_only
from generators.ops.cuda import layout
from generators.ops.epilogue_cuda import Curve, epilogue_cuda
from generators.ops.styled_conv import SLOPES, styled_conv2d
from generators.ops.upfirdn2d import setup_filter

DTYPES = layout.DTYPES
BLUR = setup_filter([1, 3, 3, 1])
SHAPES = {
    "odd": (2, 3, 5, 7),
    "one": (1, 1, 3, 5),
    "even": (3, 16, 4, 4),
    "empty": (0, 3, 4, 2),
    "many": (2, 17, 2, 3),
}


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def twin(x, d, noise, b, curve, s=None):
    x = x if d is None else x * d[:, :, None, None]
    x = x if noise is None else x + noise
    y = bias_act(x, b, 1, curve.act, curve.alpha, curve.gain, curve.clamp, impl="reference")
    return y if s is None else y * s[:, :, None, None]


def parts(shape, noises, dtype=torch.float64):
    """x, d, noise, b, s, of a picture's own noise or one for all."""
    n, c, h, w = shape
    noise = normal(h, w, seed=3, dtype=dtype) if noises == 0 else normal(min(noises, n), 1, h, w, seed=3, dtype=dtype)
    x, d = normal(*shape, dtype=dtype), normal(n, c, seed=1, dtype=dtype).abs()
    return x, d, noise, normal(c, seed=2, dtype=dtype), normal(n, c, seed=4, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("act", SLOPES)
def test_values(on_host, tolerance, act, dtype):
    curve = Curve(act, SLOPES[act], 1.3, 2.0)
    for shape in SHAPES.values():
        for noises in (0, 1, shape[0]):
            x, d, noise, b, s = parts(shape, noises, dtype)
            truth = twin(*(t.double() for t in (x, d, noise, b)), curve, s.double())
            turned = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
            for laid in (x, x.contiguous(memory_format=torch.channels_last), turned):
                y = epilogue_cuda(laid, d, noise, b, curve, s)
                assert y.dtype == dtype
                torch.testing.assert_close(y.double(), truth, **tolerance[dtype])
    x, d, noise, b, s = parts(SHAPES["even"], 0, dtype)
    torch.testing.assert_close(
        epilogue_cuda(x, None, None, None, curve).double(),
        twin(x.double(), None, None, None, curve),
        **tolerance[dtype],
    )
    used = {(defines["LAST"], defines["WIDE"]) for _, defines in on_host.launched}
    assert used == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("act", SLOPES)
@pytest.mark.parametrize("last", [False, True])
def test_derivatives_equal_differences_and_the_twins(on_host, same_derivatives, act, last):
    for noises, clamp, gain in ((0, 0.9, 1.3), (1, None, -0.7), (2, 1.1, 1.0)):
        curve = Curve(act, SLOPES[act], gain, clamp)

        def of(x, d, noise, b, s, by=epilogue_cuda, curve=curve):
            return by(x.contiguous(memory_format=torch.channels_last) if last else x, d, noise, b, curve, s)

        given = [t.requires_grad_(True) for t in parts((2, 4, 3, 2), noises)]
        same_derivatives(of, lambda *given, of=of: of(*given, by=twin), *given)
        assert torch.autograd.gradcheck(of, given, fast_mode=True)
        assert torch.autograd.gradgradcheck(of, given, fast_mode=True)


def test_first_gradients_in_one_pass(on_host):
    """Without create_graph the backward pass is one launch; each gradient alone is the same as all together."""
    curve = Curve("lrelu", 0.2, 1.4, 1.0)
    for noises in (0, 1, 2):
        given = [t.requires_grad_(True) for t in parts((2, 8, 4, 2), noises)]
        x, d, noise, b, s = given
        truth = torch.autograd.grad(twin(x, d, noise, b, curve, s).pow(3).sum(), given)
        on_host.launched.clear()
        ours = torch.autograd.grad(epilogue_cuda(x, d, noise, b, curve, s).pow(3).sum(), given)
        assert [defines["ORDER"] for _, defines in on_host.launched] == [0, 1]
        for mine, exact in zip(ours, truth, strict=True):
            torch.testing.assert_close(mine, exact, rtol=1e-11, atol=1e-11)
        for number in range(5):
            only = [t if at == number else t.detach() for at, t in enumerate(given)]
            y = epilogue_cuda(*only[:4], curve, only[4])
            torch.testing.assert_close(torch.autograd.grad(y.pow(3).sum(), given[number])[0], truth[number])
    (dx,) = torch.autograd.grad(epilogue_cuda(x, None, None, None, curve).pow(3).sum(), x)
    torch.testing.assert_close(dx, torch.autograd.grad(twin(x, None, None, None, curve).pow(3).sum(), x)[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_first_gradients_in_few_digits(on_host, tolerance, dtype):
    """What is not summed is one rounding off; sums are of rounded terms, as many as pixels or channels."""
    curve = Curve("lrelu", 0.2, 2**0.5, 256.0)
    given = parts((2, 16, 4, 6), 2, dtype)
    dy = normal(2, 16, 4, 6, seed=9, dtype=dtype)

    def gradients(by, given, dy):
        x, d, noise, b, s = given = [t.detach().requires_grad_(True) for t in given]
        return torch.autograd.grad(by(x, d, noise, b, curve, s), given, dy)

    ours = gradients(epilogue_cuda, given, dy)
    truth = gradients(twin, [t.double() for t in given], dy.double())
    torch.testing.assert_close(ours[0].double(), truth[0], **tolerance[dtype])
    for mine, exact in zip(ours[1:], truth[1:], strict=True):
        assert (mine.double() - exact).norm() <= 2 * tolerance[dtype]["rtol"] * exact.norm()


@pytest.mark.parametrize("up", [1, 2])
@pytest.mark.parametrize("act", SLOPES)
def test_a_whole_layer_and_its_derivatives(on_host, same_derivatives, up, act):
    given = (
        normal(2, 3, 4, 5),
        normal(4, 3, 3, 3, seed=1),
        normal(2, 3, seed=2),
        normal(2, 1, 4 * up, 5 * up, seed=3),
        normal(4, seed=4),
    )
    f = BLUR if up > 1 else None

    def of(*given, impl="cuda"):
        return styled_conv2d(*given, up, f, act, 0.7, 0.9, impl=impl)

    on_host.launched.clear()
    with torch.no_grad():
        torch.testing.assert_close(of(*given), of(*given, impl="reference"), rtol=1e-12, atol=1e-12)
    # The reference launches nothing, the filter of its upsampling included.
    assert [entry for entry, _ in on_host.launched] == ["upfirdn2d_tile", "epilogue"][2 - up :]
    same_derivatives(of, lambda *given: of(*given, impl="reference"), *given)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_a_whole_layer_in_few_digits(on_host, dtype):
    """Styles that overflow float16 are undone by the demodulation; errors are those of the convolution's inputs."""
    x, weight, styles, bias = (
        normal(2, 32, 6, 6),
        normal(8, 32, 3, 3, seed=1),
        normal(2, 32, seed=2),
        normal(8, seed=3),
    )
    noise = normal(6, 6, seed=4)
    truth = styled_conv2d(x, weight, styles, noise, bias, act="lrelu", impl="reference")
    x, weight, styles, noise, bias = x.to(dtype), *(t.float() for t in (weight, 3e4 * styles, noise, bias))
    y = styled_conv2d(x, weight, styles, noise, bias, act="lrelu", impl="cuda")
    assert y.dtype == dtype
    bound = {torch.float16: 1e-3, torch.bfloat16: 8e-3, torch.float32: 1e-6}[dtype]
    assert ((y.double() - truth).norm() / truth.norm()).item() < bound


def test_indices_of_64_bits_and_few_blocks(on_host, monkeypatch):
    curve, (x, d, noise, b, s) = Curve("lrelu", 0.2, 1.4, 1.0), parts((2, 3, 17, 13), 2)
    short = epilogue_cuda(x, d, noise, b, curve, s)
    monkeypatch.setattr(layout, "INT_BELOW", 1)
    monkeypatch.setattr(layout, "BLOCKS", 2)
    assert torch.equal(epilogue_cuda(x, d, noise, b, curve, s), short)
    assert [defines["INDEX"] for _, defines in on_host.launched] == ["int", "long long"]


def test_function_transforms(on_host):
    curve, (x, d, noise, b, s) = Curve("lrelu", 0.2, ACTIVATIONS["lrelu"].gain, 1.0), parts((2, 3, 2, 4), 1)

    def penalty(x, d, by):
        dx = torch.func.grad(lambda x: by(x, d, noise, b, curve, s).pow(3).sum())(x)
        return dx.square().sum()

    for mine, truth in zip(
        *(torch.func.grad(penalty, (0, 1))(x, d, by) for by in (epilogue_cuda, twin)), strict=True
    ):
        torch.testing.assert_close(mine, truth)


def test_networks_can_be_kept_to_the_twins(on_host):
    given = normal(1, 2, 3, 3), normal(2, 2, 3, 3), normal(1, 2), None, normal(2)
    with twins_only():
        without = styled_conv2d(*given, 2, BLUR)
        assert not on_host.launched
        torch.testing.assert_close(styled_conv2d(*given, 2, BLUR, impl="cuda"), without)
    assert [entry for entry, _ in on_host.launched] == ["epilogue"]
    styled_conv2d(*given, 2, BLUR)
    assert [entry for entry, _ in on_host.launched[1:]] == ["upfirdn2d_tile", "epilogue"]


def test_says_what_it_cannot_do(on_host):
    given = normal(1, 2, 3, 3), normal(2, 2, 3, 3), normal(1, 2), None, normal(2)
    with pytest.raises(ValueError, match="not in tanh"):
        styled_conv2d(*given, act="tanh", impl="cuda")
    with pytest.raises(ValueError, match="demodulation in the weights"):
        styled_conv2d(*given, way="literal", impl="cuda")
