"""Resampling against loops in numpy that say the same slowly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from generators.ops.upfirdn2d import downsample2d, filter2d, setup_filter, upfirdn2d, upsample2d

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def slowly(x, f, up, down, padding, flip, gain):
    """Put zeros in, pad or crop, correlate with the mirrored filter, keep every so many pixels."""
    f = np.outer(f, f) if f.ndim == 1 else f
    f = f * gain if flip else f[::-1, ::-1] * gain
    left, right, top, bottom = padding
    made = []
    for plane in x.reshape(-1, *x.shape[2:]):
        wide = np.zeros((plane.shape[0] * up[1], plane.shape[1] * up[0]))
        wide[:: up[1], :: up[0]] = plane
        wide = np.pad(wide, ((max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))))
        wide = wide[max(-top, 0) : wide.shape[0] - max(-bottom, 0), max(-left, 0) : wide.shape[1] - max(-right, 0)]
        rows = range(0, wide.shape[0] - f.shape[0] + 1, down[1])
        columns = range(0, wide.shape[1] - f.shape[1] + 1, down[0])
        made.append([[(wide[r : r + f.shape[0], c : c + f.shape[1]] * f).sum() for c in columns] for r in rows])
    return np.array(made).reshape(*x.shape[:2], len(rows), len(columns))


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    taps=st.tuples(st.integers(1, 4), st.integers(0, 4)),
    up=pairs,
    down=pairs,
    padding=st.tuples(*[st.integers(-2, 4)] * 4),
    flip=st.booleans(),
    gain=st.floats(0.5, 4),
    seed=st.integers(0, 99),
)
def test_any_resampling_equals_the_loop(shape, taps, up, down, padding, flip, gain, seed):
    across, along = taps
    width, height = across, along or across
    assume(shape[3] * up[0] + padding[0] + padding[1] >= width)
    assume(shape[2] * up[1] + padding[2] + padding[3] >= height)
    assume(max(-padding[0], 0) + max(-padding[1], 0) < shape[3] * up[0])
    assume(max(-padding[2], 0) + max(-padding[3], 0) < shape[2] * up[1])
    rng = np.random.default_rng(seed)
    x, f = rng.normal(size=shape), rng.normal(size=(along, across) if along else (across,))
    ours = upfirdn2d(torch.from_numpy(x), torch.from_numpy(f), up, down, padding, flip, gain)
    truth = slowly(x, f, up, down, padding, flip, gain)
    np.testing.assert_allclose(ours.numpy(), truth, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("taps", [[1, 3, 3, 1], [1.0, 2.0, 4.0, 1.0, 0.5, 1.0, 3.0, 2.0, 1.0]])
def test_differentiable_twice(taps):
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    f = setup_filter(taps)

    def resampled(x):
        return upfirdn2d(x, f, up=2, down=[1, 3], padding=[3, 2, 4, 3], gain=3).square()

    assert torch.autograd.gradcheck(resampled, x)
    assert torch.autograd.gradgradcheck(resampled, x)


def test_filters_sum_to_one_and_separate_from_eight_taps():
    assert torch.equal(setup_filter([1, 3, 3, 1]) * 64, torch.outer(*[torch.tensor([1.0, 3, 3, 1])] * 2))
    assert setup_filter(range(1, 8)).shape == (7, 7)
    assert setup_filter(range(1, 9)).shape == (8,)
    assert setup_filter(range(1, 9), separable=False).shape == (8, 8)
    assert setup_filter(range(1, 9), gain=4).sum().item() == pytest.approx(2)  # of each axis: 4 in all
    assert torch.equal(setup_filter([1, 2], flip=True), setup_filter([2, 1]))
    assert setup_filter([1, 3], normalize=False).sum().item() == 16
    for bad in ([], [[[1.0]]]):
        with pytest.raises(ValueError, match="dimensions"):
            setup_filter(bad)
    with pytest.raises(ValueError, match="separable"):
        setup_filter([[1, 2], [3, 4]], separable=True)


@pytest.mark.parametrize("taps", [[1, 3, 3, 1], [1, 2, 1], [1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1]])
def test_flat_pictures_stay_flat(taps):
    f, flat = setup_filter(taps), torch.ones(1, 3, 24, 32, dtype=torch.float64)
    for out, size in (
        (filter2d(flat, f), (24, 32)),
        (upsample2d(flat, f), (48, 64)),
        (downsample2d(flat, f), (12, 16)),
        (upsample2d(flat, f, up=[2, 1]), (24, 64)),
        (downsample2d(flat, f, down=[2, 1]), (24, 16)),
    ):
        assert out.shape[2:] == size
        inner = out[:, :, 4:-4, 4:-4] if size == (12, 16) else out[:, :, 7:-7, 7:-7]  # the edge is not flat
        assert inner.numel()
        torch.testing.assert_close(inner, torch.ones_like(inner), rtol=1e-6, atol=1e-6)


def test_refuses_what_makes_no_sense():
    for bad in ({"up": 0}, {"down": [1, 0]}):
        with pytest.raises(ValueError, match="1 or more"):
            upfirdn2d(torch.zeros(1, 1, 4, 4), None, **bad)
