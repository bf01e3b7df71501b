"""The augmentation pipeline against published numbers: 119 cases, two gradients, sampling matrices, wavelets."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from generators.ada.draws import Draws
from generators.ada.geometry import inverse_transforms, lookup_matrices, margins
from generators.ada.pipeline import augmented
from generators.ada.settings import PIPELINES, Augmentations
from generators.ada.wavelets import SYM6, bands

# The fixtures were computed in float64 and stored as float32: half a unit in the last place is 3e-8 of a value.
STORED = 1e-7
FLOAT32 = 1e-5  # what is asked of float32; the published code's own is off by up to 8.7e-6


@pytest.fixture(scope="module")
def cases(parity):
    with np.load(parity / "augment_pipe.npz", allow_pickle=False) as arrays:
        return json.loads((parity / "augment_pipe.json").read_text()), dict(arrays)


def off(found: torch.Tensor, truth: np.ndarray) -> float:
    """Relative distance, L2."""
    truth = torch.from_numpy(truth).double()
    return float((found.double() - truth).norm() / truth.norm())


def inputs(case, arrays, dtype):
    images = torch.from_numpy(arrays["in/" + case["input"]]).to(dtype)
    n, channels, height, width = images.shape
    noise = torch.from_numpy(arrays["in/noise_draw"]).to(dtype)[:n, :channels, :height, :width]
    return images, 1.0 if case["p"] is None else case["p"], Augmentations(**case["flags"]), noise


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, STORED), (torch.float32, FLOAT32)], ids=str)
def test_every_case(cases, dtype, bound):
    table, arrays = cases
    assert len(table["cases"]) == 119
    for case in table["cases"]:
        images, p, how, noise = inputs(case, arrays, dtype)
        found = augmented(images, p, how, case["debug_percentile"], noise)
        assert found.dtype == dtype
        error = off(found, arrays[f"{case['id']}/y"])
        assert error < bound, f"case {case['id']} ({case['tag']}, {case['input']}): {error:.2e}"


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, STORED), (torch.float32, FLOAT32)], ids=str)
@pytest.mark.parametrize("name", ["bgc", "bgcf"])
def test_gradients(cases, name, dtype, bound):
    table, arrays = cases
    images = torch.from_numpy(arrays["in/rgb"]).to(dtype).requires_grad_(True)
    found = augmented(images, 1.0, PIPELINES[name], table["grad_cases"][name])
    product = (found * torch.from_numpy(arrays[f"grad/{name}/cot"])).sum()
    (gradient,) = torch.autograd.grad(product, images)
    assert off(gradient, arrays[f"grad/{name}/gx"]) < bound


def test_sampling_matrices(cases):
    table, arrays = cases
    checked = 0
    for case in table["cases"]:
        if f"{case['id']}/theta" not in arrays:
            continue
        images, p, how, _ = inputs(case, arrays, torch.float64)
        n, _, height, width = images.shape
        g = inverse_transforms(Draws(n, p, case["debug_percentile"]), width, height, how)
        theta = lookup_matrices(g, width, height, margins(g, width, height))[:1]
        np.testing.assert_allclose(theta.numpy(), arrays[f"{case['id']}/theta"], atol=1e-9)
        checked += 1
    assert checked > 50


def test_wavelets(cases):
    _, arrays = cases
    np.testing.assert_allclose(bands(), arrays["buffers/Hz_fbank"], atol=1e-9)
    np.testing.assert_allclose(SYM6 / SYM6.sum(), arrays["buffers/Hz_geom"], atol=1e-7)


def test_named_pipelines(cases):
    table, _ = cases
    assert {name: Augmentations(**flags) for name, flags in table["pipelines"].items()} == dict(PIPELINES)
