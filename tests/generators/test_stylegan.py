"""StyleGAN: the paper's equations by loops, its losses in closed form, one latent one picture."""

from __future__ import annotations

from dataclasses import asdict, replace
from json import dumps, loads

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from forensics.refusal import Refusal
from generators import snapshots
from generators.families.stylegan import Layer, StyleGAN, StyleGANConfig, adain, cuts, mixed, r1
from generators.family import Batch
from generators.he import Convolution
from generators.plan import Plan
from generators.progressive import seen
from generators.styled import nearer
from generators.training import train

TINY = StyleGAN.presets["tiny"]


def test_the_papers_generator_has_the_published_size():
    """Section 2: 26.2 M trainable parameters; the mapping network is 8 dense layers of 512."""
    with torch.device("meta"):
        family = StyleGAN(StyleGANConfig())
    assert sum(p.numel() for p in family.generator.parameters()) == 26_219_627
    assert sum(p.numel() for p in family.generator.mapping.parameters()) == 8 * (512 * 512 + 512)
    assert len(family.generator.layers) == 18
    assert round(sum(p.numel() for p in family.discriminator.parameters()) / 1e6, 1) == 23.1


def test_adain_by_loop():
    """Equation 1."""
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64) * 3 + 1
    scale, mean = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    out = adain(x, scale, mean)
    for n in range(2):
        for c in range(3):
            plane = x[n, c]
            expected = scale[n, c] * (plane - plane.mean()) / plane.std(correction=0) + mean[n, c]
            assert torch.allclose(out[n, c], expected, atol=1e-6)


def test_a_layer_is_convolution_noise_activation_style():
    torch.manual_seed(0)
    layer = Layer(Convolution(4, 6), 6, 5, 8).double()
    nn.init.normal_(layer.strength)
    x, w = torch.randn(2, 4, 8, 8, dtype=torch.float64), torch.randn(2, 5, dtype=torch.float64)
    y = layer.conv(x) + layer.strength[:, None, None] * layer.noise
    scale, mean = layer.style(w).split(6, dim=1)
    assert torch.allclose(layer(x, w, fixed_noise=True), adain(F.leaky_relu(y, 0.2), scale, mean), atol=1e-12)
    assert not torch.allclose(layer(x, w, fixed_noise=False), layer(x, w, fixed_noise=False))


def test_noise_is_one_value_a_pixel_with_a_strength_a_map():
    torch.manual_seed(0)
    layer = Layer(None, 3, 5, 4)
    with torch.no_grad():
        layer.strength.copy_(torch.tensor([0.0, 1.0, -2.0]))
        layer.style.weight.zero_()
    out = layer(torch.full((1, 3, 4, 4), 100.0), torch.zeros(1, 5), fixed_noise=True)
    noise = layer.noise[0, 0]
    plane = (noise - noise.mean()) / noise.std(correction=0)
    assert out[0, 0].abs().max() < 1e-2
    assert torch.allclose(out[0, 1], plane, atol=1e-3)
    assert torch.allclose(out[0, 2], -plane, atol=1e-3)


def test_starts_as_the_paper_does():
    """Appendix C: constant 1, noise off, styles of scale 1 and mean 0 where w says nothing."""
    generator = StyleGAN(TINY).generator
    assert torch.equal(generator.start, torch.ones_like(generator.start))
    for layer, width in zip(generator.layers, [8, 8, 8, 8, 4, 4], strict=True):
        assert not layer.strength.any()
        assert layer.style.bias.tolist() == [1.0] * width + [0.0] * width
    dense = generator.mapping.fc0
    assert dense.weight_gain == pytest.approx(0.01 / 8**0.5)
    assert dense.weight.std().item() == pytest.approx(100, rel=0.3)


def test_mapping_starts_from_the_hypersphere():
    torch.manual_seed(0)
    mapping = StyleGAN(TINY).average.mapping
    z = torch.randn(3, 8)
    assert torch.allclose(mapping(z), mapping(z * 7), atol=1e-5)


def test_mixing_changes_latents_at_the_cut():
    w, other = torch.zeros(4, 2), torch.ones(4, 2)
    out = mixed(w, other, torch.tensor([1, 3, 5, 6]), 6)
    assert out.shape == (4, 6, 2)
    assert out[:, :, 0].tolist() == [[0, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1], [0] * 6]


def test_nine_pictures_in_ten_are_mixed_at_any_layer_but_the_first():
    torch.manual_seed(0)
    cut = cuts(20_000, 6, 0.9)
    counts = torch.bincount(cut, minlength=7) / 20_000
    assert counts[0] == 0
    assert torch.allclose(counts[1:6], torch.full((5,), 0.18), atol=0.01)
    assert counts[6].item() == pytest.approx(0.1, abs=0.01)
    assert (cuts(100, 6, 0.0) == 6).all()


def test_truncation_scales_the_distance_from_the_mean_in_the_first_layers():
    w, mean = torch.randn(3, 6, 4), torch.randn(4)
    out = nearer(w, mean, 0.7, 4)
    for layer in range(6):
        expected = mean + 0.7 * (w[:, layer] - mean) if layer < 4 else w[:, layer]
        assert torch.allclose(out[:, layer], expected, atol=1e-6)
    assert torch.allclose(nearer(w, mean, 0.0), mean.expand(3, 6, 4))
    assert torch.equal(nearer(w, mean, 1.0, 4), w)


def test_full_truncation_leaves_one_picture():
    torch.manual_seed(0)
    family = StyleGAN(replace(TINY, cutoff=None))
    z = family.draw(3)
    with torch.no_grad():
        whole, half, none = (family.sample(z, truncation=psi) for psi in (1.0, 0.5, 0.0))
    assert torch.allclose(none, none[:1].expand_as(none), atol=1e-5)
    assert not torch.allclose(half, none, atol=1e-2)
    assert not torch.allclose(half, whole, atol=1e-2)
    with pytest.raises(Refusal, match="no classes"):
        family.sample(z, torch.ones(3, 2))


def test_the_mean_of_w_follows_with_beta_0995():
    torch.manual_seed(0)
    generator = StyleGAN(TINY).generator
    z = torch.randn(16, 8)
    with torch.no_grad():
        generator(z)
        first = 0.005 * generator.mapping(z, follow=False).mean(0)
        assert torch.allclose(generator.mapping.w_avg, first, atol=1e-6)
        generator(z)
    assert torch.allclose(generator.mapping.w_avg, 1.995 * first, atol=1e-6)


def test_noise_is_fresh_in_training_and_fixed_in_pictures():
    torch.manual_seed(0)
    family = StyleGAN(replace(TINY, mixing=0.0))
    for network in (family.generator, family.average):
        for layer in network.layers:
            nn.init.ones_(layer.strength)
    z = family.draw(2)
    with torch.no_grad():
        assert not torch.equal(family.generator(z), family.generator(z))
        assert torch.equal(family.sample(z), family.sample(z))


def test_r1_of_a_quadratic_critic_has_a_closed_form():
    """D(x) = a |x|² / 2: slope a x, so R1 = a² E|x|²."""

    class Quadratic(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.tensor(0.7, dtype=torch.float64))

        def forward(self, x):
            return self.a * x.square().sum((1, 2, 3)) / 2

    critic = Quadratic()
    x = torch.randn(5, 3, 4, 4, dtype=torch.float64)
    penalty = r1(critic, x)
    mean = x.square().sum((1, 2, 3)).mean().item()
    assert penalty.item() == pytest.approx(0.49 * mean, rel=1e-5)
    penalty.backward()
    assert critic.a.grad.item() == pytest.approx(1.4 * mean, rel=1e-5)


def test_losses_are_those_of_the_paper():
    """Non-saturating, with gamma / 2 · R1 at real photos, in a fade."""
    torch.manual_seed(0)
    family = StyleGAN(replace(TINY, gamma=10.0))
    family.advance(8)
    assert family.discriminator.growth.now() == (2, 0.5)
    images = torch.rand(8, 3, 16, 16) * 2 - 1
    torch.manual_seed(1)
    outcome = family.tell_apart(Batch(images))
    torch.manual_seed(1)
    photos = seen(images, 2, 0.5).requires_grad_()
    fakes = family.generator(family.draw(8)).detach()
    real, fake = torch.sigmoid(family.discriminator(photos)), torch.sigmoid(family.discriminator(fakes))
    (slope,) = torch.autograd.grad(family.discriminator(photos).sum(), photos)
    expected = -(real.log().mean() + (1 - fake).log().mean()) + 5 * slope.square().sum((1, 2, 3)).mean()
    assert outcome.loss.item() == pytest.approx(expected.item(), rel=1e-4)
    torch.manual_seed(2)
    loss = family.deceive(Batch(images)).loss
    torch.manual_seed(2)
    score = family.discriminator(family.generator(family.draw(8)))
    assert loss.item() == pytest.approx(-torch.sigmoid(score).log().mean().item(), rel=1e-4)
    adam = family.adam(family.generator)
    assert (adam.lr, adam.beta1, adam.beta2) == (1e-3, 0.0, 0.99)


def test_a_fade_starts_from_the_stage_before():
    torch.manual_seed(0)
    generator = StyleGAN(TINY).average
    z = torch.randn(3, 8)
    generator.growth.set(1, 1.0)
    before = generator(z)
    generator.growth.set(2, 1.0)
    grown = generator(z)
    generator.growth.set(2, 0.25)
    expected = 0.75 * before.repeat_interleave(2, 2).repeat_interleave(2, 3) + 0.25 * grown
    assert torch.allclose(generator(z), expected, atol=1e-5)


def test_pictures_are_full_size_from_8_px_on():
    torch.manual_seed(0)
    family = StyleGAN(TINY)
    z = family.draw(2)
    for images_seen, side in ((0, 8), (6, 16), (10**6, 16)):
        family.advance(images_seen)
        assert family.generator(z).shape[-1] == side
        assert family.sample(z).shape == (2, 3, 16, 16)


def test_configs_survive_json_and_bad_ones_are_named():
    for config in StyleGAN.presets.values():
        assert StyleGANConfig(**loads(dumps(asdict(config)))) == config
    for bad, why in (
        ({"resolution": 48}, "power of two"),
        ({"penalised": 0.0}, "penalised"),
        ({"mixing": 1.5}, "mixing"),
        ({"schedule": ((4, 0, 1),)}, "end at"),
    ):
        with pytest.raises(ValueError, match=why):
            replace(TINY, **bad)


def test_resumes_in_the_middle_of_a_fade_bit_for_bit(pictures, tmp_path):
    plan = Plan("stylegan", pictures, kimg=0.014, preset="tiny", batch=2)
    whole = train(plan, tmp_path / "whole", "cpu")
    path = train(replace(plan, kimg=0.008), tmp_path / "parts", "cpu")
    tensors, _ = snapshots.read(path)
    assert 0 < tensors["family.generator.growth.alpha"].item() < 1
    assert tensors["family.generator.mapping.w_avg"].any()
    parts = train(plan, tmp_path / "parts", "cpu")
    (first, _), (second, _) = snapshots.read(whole), snapshots.read(parts)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
