"""A kernel that fails in the middle of a pass, forward or backward: its twin's numbers, to the last derivative."""

from __future__ import annotations

import pytest
import torch

from generators.ops.bias_act import ACTIVATIONS, bias_act
from generators.ops.cuda import kernel
from generators.ops.cuda.driver import DriverError
from generators.ops.cuda.nvrtc import CompileError
from generators.ops.epilogue_cuda import Curve, epilogue_cuda
from generators.ops.styled_conv import SLOPES, styled_conv2d
from generators.ops.upfirdn2d import upfirdn2d
from tests.generators.ops.test_epilogue_kernel import normal, parts, twin


@pytest.fixture(params=[0, 1, 2, 3], ids="fails at {}".format)
def failing(request, host, monkeypatch):
    """Launches fail from some one on, though kernels seemed to be available."""
    launches, errors = [], (CompileError("a.cu(1): error"), DriverError("cuModuleLoadData: no"))

    def launch(*args):
        launches.append(args)
        if len(launches) > request.param:
            raise errors[request.param % 2]
        host.launch(*args)

    monkeypatch.setattr(kernel, "available", lambda like: True)
    monkeypatch.setattr(kernel, "launch", launch)
    return launches


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("alpha", [None, -0.2])
def test_bias_act(failing, same_derivatives, act, alpha):
    def of(x, b, impl="auto"):
        return bias_act(x, b, 1, act, alpha, 1.3, 0.9, impl)

    given = normal(2, 3, 2, 2), normal(3, seed=1)
    same_derivatives(of, lambda *given: of(*given, impl="reference"), *given)
    assert failing


@pytest.mark.parametrize(("up", "down", "size"), [((2, 2), (1, 1), 4), ((1, 1), (2, 1), 3)])
def test_upfirdn2d(failing, same_derivatives, up, down, size):
    f = torch.linspace(0.1, 1, size * size).reshape(size, size)

    def of(x, impl="auto"):
        y = upfirdn2d(x, f, up, down, [2, 1, 1, 2], gain=1.5, impl=impl)
        return upfirdn2d(y * y, f[0], padding=[1, 0, 2, -1], flip_filter=True, impl=impl)

    same_derivatives(of, lambda x: of(x, "reference"), normal(2, 3, 4, 5))
    assert failing


@pytest.mark.parametrize("act", SLOPES)
@pytest.mark.parametrize("noises", [0, 1, 2])
def test_epilogue(failing, same_derivatives, act, noises):
    x, d, noise, b, s = parts((2, 3, 2, 4), max(noises, 1))
    curve = Curve(act, SLOPES[act], 1.4, 1.0)
    given = (x, d, noise, b, s) if noises else (x, b)
    take = (lambda *p: p) if noises else (lambda x, b: (x, None, None, b, None))
    ours = lambda *p: epilogue_cuda(*take(*p)[:4], curve, take(*p)[4])  # noqa: E731
    plain = lambda *p: twin(*take(*p)[:4], curve, take(*p)[4])  # noqa: E731
    same_derivatives(ours, plain, *given)
    wanted = [p.detach().requires_grad_(True) for p in given]  # first gradients alone go another way
    both = [torch.autograd.grad(of(*wanted).pow(2).sum(), wanted) for of in (ours, plain)]
    for mine, truth in zip(*both, strict=True):
        torch.testing.assert_close(mine, truth)
    assert failing


@pytest.mark.parametrize("failing", [0], indirect=True)
def test_a_kernel_that_was_asked_for_raises(failing):
    x = normal(1, 2, 3, 3)
    with pytest.raises(CompileError):
        bias_act(x, normal(2), act="lrelu", impl="cuda")
    with pytest.raises(CompileError):
        upfirdn2d(x, torch.ones(2, 2), impl="cuda")
    with pytest.raises(CompileError):
        styled_conv2d(x, normal(2, 2, 3, 3), normal(1, 2), None, normal(2), impl="cuda")
    assert torch.equal(bias_act(x, act="lrelu"), bias_act(x, act="lrelu", impl="reference"))
