from __future__ import annotations

import pytest
import torch
from torch import nn

from generators.augment import relit, shifted
from generators.families.dcgan import DCGAN, DCGANConfig
from generators.family import Batch


def generator_parameters(c: DCGANConfig) -> int:
    """Closed form: dense from z, then widths w·2^(k-1) ... w, halving; 4x4 kernels; two numbers a batch norm."""
    k = c.doublings
    widths = [c.width * 2**i for i in reversed(range(k))]
    dense = c.latent * widths[0] * 16
    convolutions = sum(16 * a * b for a, b in zip(widths, [*widths[1:], c.channels], strict=True))
    return dense + convolutions + 2 * sum(widths)


def discriminator_parameters(c: DCGANConfig) -> int:
    k = c.doublings
    widths = [c.critic_width * 2**i for i in range(k)]
    convolutions = sum(16 * a * b for a, b in zip([c.channels, *widths], widths, strict=False))
    return convolutions + 2 * sum(widths[1:]) + widths[-1] * 16


@pytest.mark.parametrize("name", DCGAN.presets)
def test_parameters_match_the_closed_form(name):
    config = DCGAN.presets[name]
    with torch.device("meta"):
        family = DCGAN(config)
    assert sum(p.numel() for p in family.generator.parameters()) == generator_parameters(config)
    assert sum(p.numel() for p in family.discriminator.parameters()) == discriminator_parameters(config)


def test_the_papers_network_has_the_known_size():
    # the 64x64 network of the published Torch code: 3,576,704 and 2,765,568 parameters
    assert generator_parameters(DCGANConfig()) == 3_576_704
    assert discriminator_parameters(DCGANConfig()) == 2_765_568


def test_layer_shapes_of_the_papers_network():
    shapes: list[tuple[int, ...]] = []
    with torch.device("meta"):
        family = DCGAN(DCGANConfig())
        for network in (family.generator.paint, family.discriminator.look):
            for layer in network:
                if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                    layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
        logits = family.discriminator(family.generator(torch.empty(2, 100)))
    assert shapes[:4] == [(256, 8, 8), (128, 16, 16), (64, 32, 32), (3, 64, 64)]
    assert shapes[4:] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
    assert logits.shape == (2,)


def test_starts_as_the_paper_does():
    torch.manual_seed(0)
    family = DCGAN(DCGANConfig())
    assert family.generator.project.weight.std().item() == pytest.approx(0.02, rel=0.02)
    norm = family.generator.paint[0]
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.01)
    adam = family.adam(family.generator)
    assert (adam.lr, adam.beta1, adam.beta2) == (2e-4, 0.5, 0.999)
    z = family.draw(1000)
    assert -1 <= z.min() < -0.99
    assert 0.99 < z.max() <= 1


def test_losses_are_those_of_the_paper():
    torch.manual_seed(0)
    family = DCGAN(DCGANConfig(resolution=16, latent=8, width=4, critic_width=4))
    images = torch.rand(6, 3, 16, 16) * 2 - 1
    torch.manual_seed(1)
    outcome = family.tell_apart(Batch(images))
    torch.manual_seed(1)
    fakes = family.generator(family.draw(6)).detach()
    real, fake = torch.sigmoid(family.discriminator(images)), torch.sigmoid(family.discriminator(fakes))
    assert outcome.loss.item() == pytest.approx(-(real.log().mean() + (1 - fake).log().mean()).item(), rel=1e-5)
    assert outcome.measures["D real"].item() == pytest.approx((real > 0.5).float().mean().item())
    torch.manual_seed(2)
    loss = family.deceive(Batch(images)).loss
    torch.manual_seed(2)
    seen = torch.sigmoid(family.discriminator(family.generator(family.draw(6))))
    assert loss.item() == pytest.approx(-seen.log().mean().item(), rel=1e-5)


def test_resolution_must_be_a_power_of_two():
    for bad in (4, 48, 100):
        with pytest.raises(ValueError, match="power of two"):
            DCGANConfig(resolution=bad)


def test_settling_measures_batch_norm_over_fixed_latents():
    torch.manual_seed(0)
    family = DCGAN(DCGANConfig(resolution=16, latent=8, width=4, critic_width=4))
    family.settle(batches=4, size=32)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        before = torch.cat([family.average.project(family.draw(32, rng)) for _ in range(4)])
    norm = family.average.paint[0]
    expected = before.unflatten(1, (-1, 4, 4)).mean((0, 2, 3))
    assert torch.allclose(norm.running_mean, expected, atol=1e-6)
    assert not any(m.training for m in family.average.modules())
    mean = norm.running_mean.clone()
    family.settle(batches=4, size=32)
    assert torch.equal(norm.running_mean, mean)


def test_shifting_moves_whole_pictures_and_keeps_gradients():
    torch.manual_seed(0)
    images = torch.rand(16, 2, 8, 8).requires_grad_()
    moved = shifted(images)
    assert moved.shape == images.shape
    for before, after in zip(images, moved, strict=True):
        rolled = [
            torch.nn.functional.pad(before, (1, 1, 1, 1))[:, down : down + 8, right : right + 8]
            for down in range(3)
            for right in range(3)
        ]
        assert any(torch.equal(after, candidate) for candidate in rolled)
    moved.sum().backward()
    assert images.grad.abs().sum() > 0


def test_relighting_changes_light_not_shape():
    torch.manual_seed(0)
    grey = torch.linspace(-0.5, 0.5, 16 * 16).view(1, 1, 16, 16).expand(4, 3, 16, 16)
    lit = relit(grey)
    assert torch.allclose(lit, lit.mean(1, keepdim=True).expand_as(lit), atol=1e-6)  # grey stays grey
    order = lit[:, 0].flatten(1).diff(dim=1)
    assert (order > 0).all()  # darker stays darker
    assert lit.flatten(1).mean(1).std() > 0
