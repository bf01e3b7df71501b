from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from generators.families.gan import GAN, GANConfig, Maxout
from generators.family import Batch

TINY = GANConfig(resolution=8, latent=4, hidden=(6,), critic_hidden=(5,), pieces=3, dropout=0.0, dropout_seen=0.0)


def test_parameters_match_the_closed_form():
    with torch.device("meta"):
        family = GAN(GANConfig())
    pixels = 32 * 32 * 3
    drawn = (100 + 1) * 1200 + (1200 + 1) * 1200 + (1200 + 1) * pixels
    judged = (pixels + 1) * 240 * 5 + (240 + 1) * 240 * 5 + (240 + 1)
    assert sum(p.numel() for p in family.generator.parameters()) == drawn
    assert sum(p.numel() for p in family.discriminator.parameters()) == judged


def test_maxout_is_the_largest_of_its_pieces():
    torch.manual_seed(0)
    layer, x = Maxout(3, 2, 4), torch.randn(5, 3)
    weight, bias = layer.sums.weight.detach().view(2, 4, 3), layer.sums.bias.detach().view(2, 4)
    for n in range(5):
        for unit in range(2):
            sums = [float(weight[unit, piece] @ x[n] + bias[unit, piece]) for piece in range(4)]
            assert layer(x)[n, unit].item() == pytest.approx(max(sums), rel=1e-5)


def test_noise_enters_at_the_bottom_only_and_dropout_is_the_discriminators():
    family = GAN(GANConfig())
    assert [layer.p for layer in family.discriminator.look if isinstance(layer, nn.Dropout)] == [0.2, 0.5, 0.5]
    assert not any(isinstance(layer, nn.Dropout) for layer in family.generator.modules())
    z = family.draw(2)
    assert torch.equal(family.generator(z), family.generator(z))


def scores(family: GAN, images: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    fakes = family.generator(family.draw(len(images)))
    return torch.sigmoid(family.discriminator(images)), torch.sigmoid(family.discriminator(fakes))


@pytest.mark.parametrize("loss", ["non-saturating", "saturating"])
def test_losses_are_those_of_the_paper(loss):
    torch.manual_seed(0)
    family, images = GAN(replace(TINY, loss=loss)), torch.rand(6, 3, 8, 8) * 2 - 1
    real, fake = scores(family, images, 1)
    torch.manual_seed(1)
    outcome = family.tell_apart(Batch(images))
    assert outcome.loss.item() == pytest.approx(-(real.log() + (1 - fake).log()).mean().item(), rel=1e-5)
    assert outcome.measures["D real"].item() == pytest.approx((real > 0.5).float().mean().item())
    assert outcome.measures["D fake"].item() == pytest.approx((fake < 0.5).float().mean().item())
    expected = (1 - fake).log().mean() if loss == "saturating" else -fake.log().mean()
    torch.manual_seed(1)
    assert family.deceive(Batch(images)).loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("bias", [-6.0, 0.0, 6.0])
def test_the_saturating_loss_has_no_gradient_where_the_discriminator_is_sure(bias):
    """d/dlogit of log(1 - σ) is -σ, of -log σ it is -(1 - σ): one vanishes where the other is 1."""
    torch.manual_seed(0)
    images, found = torch.zeros(64, 3, 8, 8), {}
    state = GAN(TINY).state_dict()
    for loss in ("saturating", "non-saturating"):
        family = GAN(replace(TINY, loss=loss))
        family.load_state_dict(state)
        with torch.no_grad():
            family.discriminator.judge.weight.zero_()  # every picture has the logit `bias`
            family.discriminator.judge.bias.fill_(bias)
        torch.manual_seed(1)
        family.deceive(Batch(images)).loss.backward()
        found[loss] = family.discriminator.judge.bias.grad.item()
    sigma = torch.sigmoid(torch.tensor(bias)).item()
    assert found["saturating"] == pytest.approx(-sigma, rel=1e-4)
    assert found["non-saturating"] == pytest.approx(-(1 - sigma), rel=1e-4)


def test_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="non-saturating or saturating"):
        GANConfig(loss="hinge")
