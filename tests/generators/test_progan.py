"""ProGAN: the table of layers, the losses in closed form, growing and resuming."""

from __future__ import annotations

from dataclasses import asdict, replace
from json import dumps, loads

import pytest
import torch
from torch import nn

from generators import snapshots
from generators.families.progan import ProGAN, ProGANConfig, gradient_penalty
from generators.family import Batch
from generators.he import Convolution
from generators.plan import Plan
from generators.progressive import seen
from generators.training import train

TINY = ProGAN.presets["tiny"]


def test_the_papers_networks_have_the_published_size():
    """Table 2: 23.1 M parameters each."""
    with torch.device("meta"):
        family = ProGAN(ProGANConfig())
    assert sum(p.numel() for p in family.generator.parameters()) == 23_079_115
    assert round(sum(p.numel() for p in family.discriminator.parameters()) / 1e6, 1) == 23.1


def test_layer_shapes_are_those_of_table_2():
    shapes: list[tuple[int, ...]] = []
    with torch.device("meta"):
        family = ProGAN(ProGANConfig())
        for network in (family.generator, family.discriminator):
            for layer in network.modules():
                if isinstance(layer, Convolution):
                    layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
        images = family.generator(torch.empty(4, 512))
        down = len(shapes)
        scores = family.discriminator(images)
    sides = [8, 16, 32, 64, 128, 256, 512, 1024]
    maps = [512, 512, 512, 256, 128, 64, 32, 16]
    up = [(512, 4, 4)] + [(width, side, side) for width, side in zip(maps, sides, strict=True) for _ in range(2)]
    assert shapes[:down] == [*up, (3, 1024, 1024)]
    expected = [(16, 1024, 1024)]  # from RGB
    for width, narrower, side in zip(maps[::-1], [*maps[-2::-1], 512], sides[::-1], strict=True):
        expected += [(width, side, side), (narrower, side, side)]  # then averaged to half the side
    assert shapes[down:] == [*expected, (512, 4, 4)]
    assert scores.shape == (4,)


def test_every_layer_of_the_generator_leaves_unit_pixels():
    torch.manual_seed(0)
    family = ProGAN(TINY)
    seen = []
    family.generator.blocks[-1].register_forward_hook(lambda _, __, out: seen.append(out))
    family.generator(family.draw(4))
    assert torch.allclose(seen[0].square().mean(1), torch.ones(4, 16, 16), atol=1e-3)


def test_latents_lie_on_the_hypersphere():
    z = ProGAN(TINY).draw(100)
    assert torch.allclose(z.square().mean(1), torch.ones(100), atol=1e-5)


def test_gradient_penalty_of_a_linear_critic_has_a_closed_form():
    """D(x) = w · x: penalty (|w| - 1)², its gradient 2 (|w| - 1) w / |w|."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)).double()
    w = critic[1].weight
    penalty = gradient_penalty(critic, torch.randn(5, 3, 2, 2, dtype=torch.float64))
    assert penalty.item() == pytest.approx((w.norm().item() - 1) ** 2, rel=1e-6)
    penalty.backward()
    assert torch.allclose(w.grad, 2 * (w.norm() - 1) * w.detach() / w.norm(), atol=1e-6)


def test_losses_are_those_of_the_paper():
    """Wasserstein distance, 10 · penalty between real and fake, 0.001 · drift (appendix A.1), in a fade."""
    torch.manual_seed(0)
    family = ProGAN(TINY)
    family.advance(16)
    assert family.discriminator.growth.now() == (2, 0.5)
    images = torch.rand(8, 3, 16, 16) * 2 - 1
    torch.manual_seed(1)
    outcome = family.criticise(Batch(images))
    torch.manual_seed(1)
    photos = seen(images, 2, 0.5)
    fakes = family.generator(family.draw(8)).detach()
    mixing = torch.rand(8, 1, 1, 1)
    between = ((1 - mixing) * photos + mixing * fakes).requires_grad_()
    (slope,) = torch.autograd.grad(family.discriminator(between).sum(), between)
    penalty = (slope.square().sum((1, 2, 3)).sqrt() - 1).square().mean()
    real, fake = family.discriminator(photos), family.discriminator(fakes)
    expected = fake.mean() - real.mean() + 10 * penalty + 0.001 * real.square().mean()
    assert outcome.loss.item() == pytest.approx(expected.item(), rel=1e-4)
    assert outcome.measures["distance"].item() == pytest.approx(
        (real.mean() - fake.mean()).item(), rel=1e-3, abs=1e-6
    )
    torch.manual_seed(2)
    loss = family.please(Batch(images)).loss
    torch.manual_seed(2)
    assert loss.item() == pytest.approx(
        -family.discriminator(family.generator(family.draw(8))).mean().item(), abs=1e-6
    )
    adam = family.adam(family.generator)
    assert (adam.lr, adam.beta1, adam.beta2) == (1e-3, 0.0, 0.99)


def test_the_penalty_may_be_measured_on_a_share_of_the_batch(monkeypatch):
    import generators.families.progan as module

    sizes = []

    def penalty(critic, images):
        sizes.append(len(images))
        return torch.ones(())

    monkeypatch.setattr(module, "gradient_penalty", penalty)
    for share in (1.0, 0.25, 0.01):
        ProGAN(replace(TINY, penalised=share)).criticise(Batch(torch.zeros(8, 3, 16, 16)))
    assert sizes == [8, 2, 1]


def test_a_fade_starts_from_the_stage_before_and_ends_at_its_own():
    torch.manual_seed(0)
    generator = ProGAN(TINY).generator
    z = torch.randn(3, 8)
    generator.growth.set(1, 1.0)
    before = generator(z)
    assert before.shape == (3, 3, 8, 8)
    generator.growth.set(2, 1.0)
    grown = generator(z)
    for alpha in (0.0, 0.25, 0.75):
        generator.growth.set(2, alpha)
        expected = (1 - alpha) * before.repeat_interleave(2, 2).repeat_interleave(2, 3) + alpha * grown
        assert torch.allclose(generator(z), expected, atol=1e-6)


def test_pictures_are_full_size_at_every_stage():
    torch.manual_seed(0)
    family = ProGAN(TINY)
    z = family.draw(2)
    for images_seen, side in ((0, 4), (6, 8), (10, 8), (16, 16)):
        family.advance(images_seen)
        assert family.generator(z).shape[-1] == side
        with torch.no_grad():
            pictures = family.sample(z)
        assert pictures.shape == (2, 3, 16, 16)
        block = 16 // side
        assert torch.equal(
            pictures, pictures[:, :, ::block, ::block].repeat_interleave(block, 2).repeat_interleave(block, 3)
        )


def test_configs_survive_json():
    for config in ProGAN.presets.values():
        assert ProGANConfig(**loads(dumps(asdict(config)))) == config


def test_bad_configs_are_named():
    for bad, why in (
        ({"resolution": 48}, "power of two"),
        ({"resolution": 4}, "at least 8"),
        ({"resolution": 512}, "end at"),
    ):
        with pytest.raises(ValueError, match=why):
            ProGANConfig(**bad)
    with pytest.raises(ValueError, match=r"penalised 0\.0: must be a number above 0"):
        replace(TINY, penalised=0.0)


def test_resumes_in_the_middle_of_a_fade_bit_for_bit(pictures, tmp_path):
    plan = Plan("progan", pictures, kimg=0.02, preset="tiny", batch=2)
    whole = train(plan, tmp_path / "whole", "cpu")
    for kimg in (0.008, 0.018):  # the last step is halfway into the fades to 8 and 16 px
        path = train(replace(plan, kimg=kimg), tmp_path / "parts", "cpu")
        tensors, _ = snapshots.read(path)
        assert 0 < tensors["family.generator.growth.alpha"].item() < 1
    parts = train(plan, tmp_path / "parts", "cpu")
    (first, _), (second, _) = snapshots.read(whole), snapshots.read(parts)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
