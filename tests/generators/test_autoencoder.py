from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.encoders import ConvDecoder, DenseEncoder, cut_up, put_together
from generators.families.autoencoder import Autoencoder, AutoencoderConfig, Codes
from generators.family import Batch

TINY = AutoencoderConfig(resolution=8, latent=5)
KINDS = {
    "dense": TINY,
    "deep": replace(TINY, hidden=(16, 12)),
    "convolutional": replace(TINY, architecture="convolutional", hidden=(4, 6)),
    "grey": replace(TINY, architecture="convolutional", hidden=(4,), channels=1),
    "rows": replace(TINY, architecture="recurrent", hidden=(16,), piece=(1, 8)),
    "patches": replace(TINY, architecture="recurrent", hidden=(16,), piece=(4, 2), cell="gru"),
}


def smooth(n: int, channels: int = 3) -> Tensor:
    """Pictures of two by two colours and what lies between, (N, C, 8, 8) in [-1, 1]."""
    return F.interpolate(torch.rand(n, channels, 2, 2) * 2 - 1, size=8, mode="bilinear")


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", KINDS)
def test_every_architecture_learns_to_redraw(name):
    torch.manual_seed(0)
    config = KINDS[name]
    family = Autoencoder(config)
    images = smooth(6, config.channels)
    adam = torch.optim.Adam(family.generator.parameters(), 1e-2)
    first = images.square().mean().item()  # of a grey picture
    for _ in range(60):
        adam.zero_grad()
        outcome = family.redraw(Batch(images))
        outcome.loss.backward()
        adam.step()
    assert outcome.loss.item() < first / 2
    assert outcome.measures["error"].item() == pytest.approx(outcome.loss.item() ** 0.5 * 127.5, rel=1e-5)
    family.follow(0.0)  # the average is the generator
    family.settle()
    with torch.no_grad():
        redrawn = family.reconstruct(images)
        assert redrawn.shape == images.shape
        assert (redrawn - images).square().mean().item() < first / 2
        assert family.sample(family.draw(3)).shape == (3, config.channels, 8, 8)


def test_parameters_match_the_closed_form():
    with torch.device("meta"):
        dense, narrow, deep = (
            Autoencoder(Autoencoder.presets[n]).generator for n in ("dense-100", "dense-10", "deep")
        )
        rows = Autoencoder(Autoencoder.presets["rows"]).generator
    pixels = 32 * 32 * 3
    for network, z in ((dense, 100), (narrow, 10)):
        assert count(network) == pixels * z + z + z * pixels + pixels
    widths = [pixels, 2000, 1000, 500, 30]
    there = sum(a * b for a, b in pairwise(widths))
    assert count(deep) == 2 * there + sum(widths[1:]) + sum(widths[:-1])
    lstm = 4 * 512 * (96 + 512 + 2)  # four gates, from a row and the state, two biases each
    assert count(rows.encoder) == lstm + 512 * 100 + 100
    assert count(rows.decoder) == 4 * 512 * (100 + 512 + 2) + 512 * 96 + 96


def test_bottlenecks_hold_what_their_name_says():
    for name, z in (("dense-100", 100), ("dense-10", 10)):
        family = Autoencoder(Autoencoder.presets[name])
        assert family.generator.encoder(torch.zeros(2, 3, 32, 32)).shape == (2, z)
        assert any(isinstance(layer, nn.SELU) for layer in family.generator.decoder.modules())


def test_starts_self_normalising():
    torch.manual_seed(0)
    encoder = DenseEncoder(3, 16, 64, (256, 256, 256))
    codes = encoder(torch.randn(512, 3, 16, 16))
    assert codes.std().item() == pytest.approx(1, abs=0.1)  # after four layers, with no normalisation
    decoder = ConvDecoder(3, 32, 64, (64, 64, 64))
    widths = []
    for stage in decoder.stages:
        if isinstance(stage, nn.ConvTranspose2d):
            stage.register_forward_hook(lambda _, __, out: widths.append(out.std().item()))
    decoder(torch.randn(64, 64))
    assert all(0.6 < width < 1.4 for width in widths)


def test_pieces_are_read_in_order_and_put_back():
    images = torch.arange(2 * 3 * 8 * 8.0).view(2, 3, 8, 8)
    rows = cut_up(images, (1, 8))
    assert rows.shape == (2, 8, 24)
    assert torch.equal(rows[1, 5].view(3, 8), images[1, :, 5])
    patches = cut_up(images, (4, 2))
    assert patches.shape == (2, 8, 24)
    assert torch.equal(patches[0, 5].view(3, 4, 2), images[0, :, 4:8, 2:4])  # second row, second column
    for piece in ((1, 8), (4, 2), (8, 8)):
        assert torch.equal(put_together(cut_up(images, piece), (3, 8, 8), piece), images)


def test_the_code_says_what_all_pieces_hold():
    """The last state hears of the first row, and every row of the picture hears the code."""
    torch.manual_seed(0)
    family = Autoencoder(KINDS["rows"])
    images = torch.rand(1, 3, 8, 8).requires_grad_()
    family.generator.encoder(images).sum().backward()
    assert (images.grad.abs().sum((0, 1, 3)) > 0).all()
    codes = torch.randn(1, 5, requires_grad=True)
    for row in family.generator.decoder(codes).sum((0, 1, 3)):
        (gradient,) = torch.autograd.grad(row, codes, retain_graph=True)
        assert gradient.abs().sum() > 0


def test_running_statistics_equal_those_of_all_codes():
    torch.manual_seed(0)
    codes = torch.randn(96, 4) @ torch.randn(4, 4) + torch.tensor([5.0, -1, 0, 2])
    running = Codes(4, memory=1000)
    for part in codes.split([32, 8, 40, 16]):
        running.notice(part)
    assert running.seen == 96
    assert torch.allclose(running.mean, codes.mean(0), atol=1e-5)
    assert torch.allclose(running.covariance, torch.cov(codes.T, correction=0), atol=1e-4)


def test_old_codes_are_forgotten():
    """Beyond the memory, each batch weighs n / memory: what is left of the old is (1 - n / memory)^steps."""
    running = Codes(1, memory=20)
    for _ in range(2):
        running.notice(torch.zeros(10, 1))
    for _ in range(3):
        running.notice(torch.ones(10, 1))
    left = 0.5**3
    assert running.mean.item() == pytest.approx(1 - left)
    assert running.covariance.item() == pytest.approx(left * (1 - left))  # of a coin


def test_samples_have_the_codes_mean_and_covariance():
    torch.manual_seed(0)
    running = Codes(3, memory=10**6)
    codes = torch.randn(50, 2) @ torch.randn(2, 3) + 3  # fills a plane only: a Cholesky root does not exist
    running.notice(codes)
    running.settle()
    assert torch.allclose(running.root @ running.root.T, running.covariance, atol=1e-5)
    drawn = running(torch.randn(200_000, 3))
    assert torch.allclose(drawn.mean(0), running.mean, atol=0.02)
    assert torch.allclose(torch.cov(drawn.T), running.covariance, atol=0.05)
    running.covariance.fill_(torch.nan)
    running.settle()  # a run that diverged is refused by the loop, not here
    assert running.root.isfinite().all()


def test_places_of_a_spatial_code_share_a_gaussian():
    torch.manual_seed(0)
    mix = torch.randn(2, 2)
    codes = torch.randn(40, 9, 2) @ mix + torch.tensor([3.0, -1])  # 9 places of 2 maps
    running = Codes(18, memory=1000, maps=2)
    for part in codes.transpose(1, 2).flatten(1).split([8, 32]):
        running.notice(part)
    running.settle()
    assert running.seen == 40
    places = codes.flatten(0, 1)
    assert torch.allclose(running.mean, places.mean(0), atol=1e-5)
    assert torch.allclose(running.covariance, torch.cov(places.T, correction=0), atol=1e-4)
    drawn = running(torch.randn(20_000, 18)).unflatten(1, (2, 9))
    assert torch.allclose(drawn.mean((0, 2)), running.mean, atol=0.05)


@pytest.mark.parametrize("up", ["transposed", "nearest", "shuffle"])
def test_a_spatial_coder_takes_any_size_and_sees_locally(up):
    torch.manual_seed(0)
    family = Autoencoder(AutoencoderConfig(16, 3 * 4**2, architecture="spatial", hidden=(4, 8), up=up))
    assert family.stride == 4
    photo = torch.rand(1, 3, 24, 64) * 2 - 1
    assert family.reconstruct(photo).shape == photo.shape
    other = photo.clone()
    other[..., :8] = 0
    far = (family.reconstruct(photo) - family.reconstruct(other)).abs().sum((0, 1, 2))
    assert far[:8].min() > 0
    assert far[48:].max() == 0
    with pytest.raises(ValueError, match="number of maps"):
        AutoencoderConfig(16, 50, architecture="spatial", hidden=(4, 8))


def test_training_notices_codes_and_settling_hands_them_over():
    torch.manual_seed(0)
    family = Autoencoder(KINDS["convolutional"])
    images = torch.rand(16, 3, 8, 8) * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        family.redraw(Batch(images))
    family.generator.eval()
    codes = family.generator.encoder(images)
    assert torch.allclose(family.generator.codes.mean, codes.mean(0), atol=0.02)
    assert torch.equal(family.average.codes.mean, torch.zeros(5))
    family.settle()
    assert torch.equal(family.average.codes.mean, family.generator.codes.mean)
    root = family.average.codes.root
    assert torch.allclose(root @ root.T, family.generator.codes.covariance, atol=1e-5)
    z = family.draw(4)
    expected = family.average.decoder(family.average.codes.mean + z @ root)
    assert torch.allclose(family.sample(z), expected, atol=1e-6)  # processors may fuse the sum


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"architecture": "fractal"}, "must be dense"),
        ({"architecture": "convolutional"}, "halve evenly"),
        ({"architecture": "convolutional", "hidden": (4,) * 4, "resolution": 24}, "halve evenly"),
        ({"architecture": "recurrent", "hidden": (4, 4)}, "one layer"),
        ({"architecture": "recurrent", "hidden": (4,), "cell": "rnn"}, "gru or lstm"),
        ({"architecture": "recurrent", "hidden": (4,), "piece": (3, 8)}, "must divide 8"),
    ],
)
def test_bad_configs_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        replace(TINY, **changes)
