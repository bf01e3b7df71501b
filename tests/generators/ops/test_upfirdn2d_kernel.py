"""The kernels of upfirdn2d, their .cu run on the CPU, against a loop that says the same, and against the twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from generators.ops.cuda import layout
from generators.ops.cuda.kernels import TILES
from generators.ops.upfirdn2d import downsample2d, filter2d, setup_filter, upfirdn2d, upsample2d

DTYPES = layout.DTYPES


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def slowly(x, f, up, down, padding, flip, gain):
    """Each output, tap by tap."""
    f = np.outer(f, f) if f.ndim == 1 else f
    f = f if flip else f[::-1, ::-1]
    left, right, top, bottom = padding
    height = (x.shape[2] * up[1] + top + bottom - f.shape[0]) // down[1] + 1
    width = (x.shape[3] * up[0] + left + right - f.shape[1]) // down[0] + 1
    y = np.zeros((*x.shape[:2], height, width))
    for row, column in np.ndindex(height, width):
        for ky, kx in np.ndindex(f.shape):
            v, u = row * down[1] + ky - top, column * down[0] + kx - left
            inside = 0 <= v < x.shape[2] * up[1] and 0 <= u < x.shape[3] * up[0]
            if inside and v % up[1] == 0 and u % up[0] == 0:
                y[:, :, row, column] += gain * f[ky, kx] * x[:, :, v // up[1], u // up[0]]
    return y


@pytest.mark.parametrize("seed", range(24))
def test_any_resampling_equals_the_loop(on_host, seed):
    rng = np.random.default_rng(seed)
    shape = (rng.integers(1, 3), rng.choice([1, 2, 3, 4]), *rng.integers(5, 9, 2))
    up, down = rng.integers(1, 5, 2), rng.integers(1, 5, 2)
    taps = (rng.integers(1, 6),) if seed % 3 == 0 else rng.integers(1, 6, 2)
    padding, flip = rng.integers(-1, 7, 4).tolist(), bool(rng.integers(2))
    x, f = rng.normal(size=shape), rng.normal(size=taps)
    given = torch.from_numpy(x)
    for laid in (given, last(given), given.transpose(2, 3).contiguous().transpose(2, 3)):
        y = upfirdn2d(laid, torch.from_numpy(f), up.tolist(), down.tolist(), padding, flip, 1.7, impl="cuda")
        truth = slowly(x, f, up, down, padding, flip, 1.7)
        np.testing.assert_allclose(y.numpy(), truth, rtol=1e-10, atol=1e-10)
    assert {entry for entry, _ in on_host.launched} == {"upfirdn2d"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("number", range(len(TILES)))
def test_tiles(on_host, tolerance, number, dtype):
    """Every phase of the padding, sizes that tiles don't divide, one channel to many, both orders, both ways."""
    tile, rng = TILES[number], np.random.default_rng(number)
    f = torch.from_numpy(rng.uniform(-1, 1, tile.taps[::-1])).float()
    for channels, (height, width) in ((1, (5, 11)), (3, (21, 15)), (16, (9, 15))):
        x = normal(2, channels, height, width, dtype=dtype)
        for padding in ((6, 7, 6, 5), (5, 6, 7, 8), (-1, 12, 10, -2), (12, -3, -2, 11)):
            options = (tile.up, tile.down, padding, padding[0] > 0, 2.5)
            truth = upfirdn2d(x.double(), f, *options, impl="reference")
            for laid in (x, last(x)):
                y = upfirdn2d(laid, f, *options, impl="cuda")
                assert y.dtype == dtype
                assert y.is_contiguous(memory_format=torch.channels_last) or laid is x
                summed = {**tolerance[dtype], "atol": max(tolerance[dtype]["atol"], 1e-5 * (dtype != torch.float64))}
                torch.testing.assert_close(y.double(), truth, **summed)  # float's error is of the largest term
    assert {entry for entry, _ in on_host.launched} == {"upfirdn2d_tile"}
    assert {(defines["LAST"], defines["WIDE"]) for _, defines in on_host.launched} == {(0, 0), (1, 0), (1, 1)}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_any_filter_in_any_type(on_host, tolerance, dtype):
    x, f = normal(2, 8, 5, 7, dtype=dtype), normal(3, 5, seed=1).float()
    truth = upfirdn2d(x.double(), f, 2, 3, 4, impl="reference")
    for laid in (x, last(x)):
        y = upfirdn2d(laid, f, 2, 3, 4, impl="cuda")
        assert y.dtype == dtype
        summed = {**tolerance[dtype], "atol": max(tolerance[dtype]["atol"], 1e-5 * (dtype != torch.float64))}
        torch.testing.assert_close(y.double(), truth, **summed)


@pytest.mark.parametrize("up", [1, [2, 1], 3])
@pytest.mark.parametrize("down", [1, [1, 2], 4])
def test_differentiable_to_any_order(on_host, same_derivatives, up, down):
    f = setup_filter([[1.0, 2, 3], [4, 5, 7]], gain=3)
    for order in (torch.contiguous_format, torch.channels_last):

        def of(x, impl="cuda", order=order):
            x = x.contiguous(memory_format=order)
            return upfirdn2d(x, f, up, down, [3, -1, 2, 4], True, 2.0, impl).pow(3)

        x = normal(2, 2, 4, 5).requires_grad_(True)
        same_derivatives(of, lambda x, of=of: of(x, "reference"), x)
        assert torch.autograd.gradcheck(of, x, fast_mode=True)
        assert torch.autograd.gradgradcheck(of, x, fast_mode=True)


@pytest.mark.parametrize("taps", [[1, 3, 3, 1], range(1, 13)])
def test_resampling_by_name_with_its_gradients(on_host, same_derivatives, taps):
    f, x = setup_filter(taps), normal(2, 3, 12, 14)
    for of in (filter2d, upsample2d, downsample2d):
        same_derivatives(lambda x, of=of: of(x, f, impl="cuda"), lambda x, of=of: of(x, f, impl="reference"), x)
    tiled = {entry for entry, _ in on_host.launched}
    assert "upfirdn2d_tile" in tiled


def test_large_filters_none_and_nothing(on_host):
    x, f = normal(1, 2, 33, 40), normal(32, 32, seed=1)
    for of in (f, None):
        ours, twin = (upfirdn2d(x, of, 2, 3, 9, impl=impl) for impl in ("cuda", "reference"))
        torch.testing.assert_close(ours, twin, rtol=1e-11, atol=1e-11)
    assert upfirdn2d(x[:0], f, 2, impl="cuda").shape == upfirdn2d(x[:0], f, 2, impl="reference").shape
    with pytest.raises(ValueError, match="larger than the padded picture"):
        upfirdn2d(x[..., :8], f, impl="cuda")
    with pytest.raises(ValueError, match="no gradient by the filter"):
        upfirdn2d(x, f.requires_grad_(True), impl="cuda")
    on_host.launched.clear()
    assert upfirdn2d(x, f).requires_grad  # "auto" takes the twin
    assert not on_host.launched


@pytest.mark.parametrize("taps", [4, 5])
def test_indices_of_64_bits_and_few_blocks(on_host, monkeypatch, taps):
    x, f = normal(3, 2, 9, 11), normal(taps, taps, seed=1)
    short = upfirdn2d(x, f, 2, padding=3, impl="cuda")
    monkeypatch.setattr(layout, "INT_BELOW", 1)
    monkeypatch.setattr(layout, "BLOCKS", 1)
    assert torch.equal(upfirdn2d(x, f, 2, padding=3, impl="cuda"), short)
    assert [defines["INDEX"] for _, defines in on_host.launched] == ["int", "long long"]


def test_function_transforms(on_host):
    f, x = setup_filter([1, 3, 3, 1]), normal(1, 2, 5, 6)

    def penalty(x, impl):
        return torch.func.grad(lambda x: upsample2d(x, f, impl=impl).pow(3).sum())(x).square().sum()

    torch.testing.assert_close(torch.func.grad(penalty)(x, "cuda"), torch.func.grad(penalty)(x, "reference"))
