"""The augmentation pipeline against slow, plain ways of doing the same, and what it promises about chance."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from generators.ada.colour import recoloured
from generators.ada.corruption import REACH, band_matrices
from generators.ada.geometry import downsampling, margins, resampled, transformed, upsampling
from generators.ada.matrices import identity, rotate2d, scale2d, translate2d
from generators.ada.pipeline import augmented
from generators.ada.sampling import lookup
from generators.ada.settings import PIPELINES, Augmentations
from generators.ada.wavelets import SYM2, SYM6, bands
from generators.ops.upfirdn2d import downsample2d, upsample2d

SYMMETRIC = torch.from_numpy(SYM6 / SYM6.sum())


def blob(height: int, width: int, move: torch.Tensor | None = None) -> torch.Tensor:
    """(1, 1, H, W) float64: two soft spots; seen through `move`, (3, 3), where a pixel comes from."""
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    places = torch.stack([x - (width - 1) / 2, y - (height - 1) / 2, torch.ones_like(x)])
    x, y, _ = places if move is None else torch.einsum("ij,jhw->ihw", move, places)
    spot = torch.exp(-((x - 3) ** 2 + (y + 2) ** 2) / 18) - 0.7 * torch.exp(-((x + 4) ** 2 + (y - 5) ** 2) / 12)
    return spot[None, None]


@pytest.mark.parametrize("name", PIPELINES)
def test_strength_0_is_the_identity(name):
    images = torch.rand(2, 3, 24, 28)
    assert torch.equal(augmented(images, 0.0, PIPELINES[name]), images)


def test_filters_undo_each_other():
    images = torch.rand(2, 3, 12, 9, dtype=torch.float64)
    torch.testing.assert_close(resampled(images, identity(2, 3, torch.float64)), images, rtol=0, atol=1e-10)


@pytest.mark.parametrize("angle", [0.3, math.pi / 2, math.pi, -2.2])
@pytest.mark.parametrize("scale", [(1.0, 1.0), (1.2, 0.9)])
def test_a_picture_moves_as_its_formula_does(angle, scale):
    """A naive affine map: the formula of the picture, evaluated where each pixel comes from."""
    one = torch.ones(1, dtype=torch.float64)
    g = rotate2d(one * angle) @ scale2d(one * scale[0], one * scale[1]) @ translate2d(one * 1.3, -0.4 * one)
    found = transformed(blob(40, 48), g)
    truth = blob(40, 48, g[0])
    inner = (..., slice(6, -6), slice(6, -6))  # the edges show reflections
    assert (found - truth)[inner].abs().max() < 0.04  # bilinear, on twice the pixels; SYM6 is not quite symmetric
    assert (found - blob(40, 48))[inner].abs().max() > 0.2  # and it did move


def test_whole_pixels_are_exact_and_the_edge_is_reflected():
    images = torch.rand(1, 2, 10, 12, dtype=torch.float64)
    found = transformed(images, translate2d(*torch.tensor([[-3.0], [2.0]], dtype=torch.float64)))
    padded = F.pad(images, (3, 0, 0, 2), mode="reflect")
    torch.testing.assert_close(found, padded[..., 2:, :12], rtol=0, atol=1e-10)


def test_mirroring():
    one = torch.ones(1, dtype=torch.float64)
    found = transformed(blob(32, 32), scale2d(-one, one))
    assert (found - blob(32, 32).flip(3)).abs().max() < 0.02


def test_matrices_do_what_filters_do():
    images = torch.rand(1, 2, 7, 9, dtype=torch.float64)
    padded = F.pad(images, (5, 2, 6, 0), mode="reflect")
    truth = upsample2d(padded, SYMMETRIC)
    found = upsampling(7, 6, 0) @ images @ upsampling(9, 5, 2).T
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-12)
    large = torch.rand(1, 2, 2 * (7 + 6), 2 * (9 + 6), dtype=torch.float64)
    truth = downsample2d(large, SYMMETRIC, padding=-6, flip_filter=True)
    torch.testing.assert_close(downsampling(7) @ large @ downsampling(9).T, truth, rtol=0, atol=1e-12)


def test_bands_are_a_filter_bank():
    row = torch.rand(1, 1, 30, dtype=torch.float64)
    padded = F.pad(row, (REACH, REACH), mode="reflect")
    for matrix, band in zip(band_matrices(30), torch.from_numpy(bands()), strict=True):
        torch.testing.assert_close(row @ matrix.T, F.conv1d(padded, band[None, None]), rtol=0, atol=1e-12)
    torch.testing.assert_close(band_matrices(30).sum(0), torch.eye(30, dtype=torch.float64), rtol=0, atol=1e-12)
    peaks = torch.fft.rfft(torch.from_numpy(bands()), 512).abs().argmax(1) / 256  # of the highest frequency
    edges = torch.tensor([0, 1 / 8, 1 / 4, 1 / 2, 1])
    assert ((edges[:-1] <= peaks) & (peaks <= edges[1:])).all()
    for taps in (SYM2, SYM6):  # orthonormal
        assert abs(taps.sum() - math.sqrt(2)) < 1e-12
        assert all(abs((taps[k:] * taps[: len(taps) - k]).sum() - (k == 0)) < 1e-11 for k in range(0, len(taps), 2))


def test_lookup_is_torchs_and_differentiable_twice():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 2, 5, 6, dtype=torch.float64, generator=generator)
    places = torch.rand(2, 4, 3, 2, dtype=torch.float64, generator=generator) * 2.4 - 1.2
    torch.testing.assert_close(lookup(images, places), F.grid_sample(images, places, align_corners=False))
    images.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: lookup(x, places), images)
    assert torch.autograd.gradgradcheck(lambda x: lookup(x, places), images)


def test_the_pipeline_is_differentiable_twice():
    images = torch.rand(1, 3, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: augmented(x, 1.0, PIPELINES["bgc"], 0.3), images)
    assert torch.autograd.gradgradcheck(lambda x: augmented(x, 1.0, PIPELINES["bgc"], 0.3).square(), images)
    wide = torch.rand(1, 1, 22, 22, dtype=torch.float64, requires_grad=True)
    direction = torch.randn_like(wide)
    how = PIPELINES["bgcfnc"]

    def out(x):
        return augmented(x, 1.0, how, 0.6, torch.zeros_like(x))

    (gradient,) = torch.autograd.grad(out(wide).square().sum() / 2, wide)
    step = 1e-5 * direction
    slope = (out(wide + step).square().sum() - out(wide - step).square().sum()) / 2 / 2e-5
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-6, atol=1e-6)


def test_one_seed_one_result():
    images = torch.rand(3, 3, 24, 24)

    def drawn(seed):
        torch.manual_seed(seed)
        return augmented(images, 0.7, PIPELINES["bgcfnc"])

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    torch.manual_seed(1)  # the same, whether the content is a photo or a picture of a generator
    assert torch.allclose(augmented(images + 0.25, 0.7, PIPELINES["bg"]) - 0.25, mean_of(images, 1), atol=1e-4)


def mean_of(images: torch.Tensor, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    return augmented(images, 0.7, PIPELINES["bg"])


@pytest.mark.parametrize(
    "how",
    [
        {"brightness": 1.0},
        {"rotate": 1.0},
        {"scale": 0.5},
        {"noise": 1.0},
        {"cutout": 1.0, "cutout_size": 2.0},
    ],
    ids=str,
)
def test_an_operation_meets_a_share_of_p(how):
    n, p = 1500, 0.4
    images = torch.rand(n, 1, 4, 5)
    torch.manual_seed(0)
    changed = (augmented(images, p, Augmentations(**how)) != images).flatten(1).any(1).float().mean()
    expected = p * how.get("scale", 1.0)
    assert abs(float(changed) - expected) < 4 * math.sqrt(expected * (1 - expected) / n)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(24, 24), (32, 22)])
def test_channels_and_shapes(channels, size):
    images = torch.rand(4, channels, *size)
    for name in PIPELINES:
        torch.manual_seed(3)
        found = augmented(images, 0.9, PIPELINES[name])
        assert found.shape == images.shape
        assert torch.isfinite(found).all()
        assert not torch.equal(found, images), name


def test_colours_leave_alpha_alone_and_treat_grey_as_grey():
    images = torch.rand(6, 4, 8, 8)
    found = augmented(images, 1.0, PIPELINES["color"], 0.7)
    assert torch.equal(found[:, 3], images[:, 3])
    torch.testing.assert_close(found[:, :3], augmented(images[:, :3], 1.0, PIPELINES["color"], 0.7))
    grey = images[:, :1]
    as_rgb = augmented(grey.expand(-1, 3, -1, -1), 1.0, PIPELINES["color"], 0.7)
    torch.testing.assert_close(augmented(grey, 1.0, PIPELINES["color"], 0.7), as_rgb.mean(1, keepdim=True))
    pair = augmented(images[:, :2], 1.0, PIPELINES["color"], 0.7)
    torch.testing.assert_close(pair[:, :1], as_rgb.mean(1, keepdim=True))
    assert torch.equal(pair[:, 1], images[:, 1])
    matrix = torch.eye(4, dtype=torch.float64).repeat(6, 1, 1)
    matrix[:, :3, :3] = torch.tensor([[0, 1, 0], [0, 0, 1], [1, 0, 0]])  # red becomes green's and so on
    torch.testing.assert_close(recoloured(images, matrix)[:, :3], images[:, [1, 2, 0]])


def test_pictures_that_no_operation_meets_are_untouched():
    images = torch.rand(64, 3, 16, 16)
    torch.manual_seed(0)
    found = augmented(images, 0.05, PIPELINES["bg"])
    same = (found == images).flatten(1).all(1)
    assert 20 < int(same.sum()) < 64
    assert (found - images)[~same].abs().flatten(1).amax(1).min() > 1e-3


def test_half_precision_is_computed_in_single():
    images = torch.rand(2, 3, 16, 16).bfloat16()
    found = augmented(images, 1.0, PIPELINES["bgc"], 0.3)
    assert found.dtype == torch.bfloat16
    truth = augmented(images.float(), 1.0, PIPELINES["bgc"], 0.3)
    assert torch.equal(found, truth.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augmented(images.float(), 1.0, PIPELINES["bgc"], 0.3), truth)


def test_padding_covers_what_is_seen_and_no_more_than_reflection_gives():
    one = torch.ones(1, dtype=torch.float64)
    assert margins(identity(1, 3, torch.float64), 20, 10) == (6, 6, 6, 6)
    assert margins(translate2d(-4.2 * one, one), 20, 10) == (11, 2, 5, 7)
    assert margins(scale2d(9 * one, 9 * one), 20, 10) == (19, 19, 9, 9)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="5 channels"):
        augmented(torch.rand(1, 5, 8, 8), 0.5, PIPELINES["bgc"])
    with pytest.raises(ValueError, match="more than 21"):
        augmented(torch.rand(1, 3, 21, 30), 0.5, PIPELINES["filter"])
    with pytest.raises(ValueError, match="xflip -1"):
        Augmentations(xflip=-1)
    with pytest.raises(ValueError, match="four numbers"):
        Augmentations(imgfilter_bands=(1.0, 1.0))
