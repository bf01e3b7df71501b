from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, distributions
from torch.nn import functional as F

from generators.families.vae import VAE, VAEConfig, divergence
from generators.family import Batch

TINY = VAEConfig(resolution=8, latent=4, hidden=(4, 6))


def test_divergence_is_that_of_the_distributions():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    said = distributions.Normal(mean, (log_variance / 2).exp())
    prior = distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    assert torch.allclose(divergence(mean, log_variance), distributions.kl_divergence(said, prior).sum(1))
    z = said.sample((100_000,))  # Monte Carlo, with nothing but densities
    sampled = (said.log_prob(z) - prior.log_prob(z)).sum(2)
    error = sampled.std(0) / 100_000**0.5
    assert ((sampled.mean(0) - divergence(mean, log_variance)).abs() < 5 * error).all()
    assert divergence(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0, 0]


def test_bound_is_the_papers():
    """Both terms from torch's own densities; what is left away is the Gaussian's constant."""
    torch.manual_seed(0)
    family = VAE(replace(TINY, beta=3.0, deviation=0.3))
    images = torch.rand(6, 3, 8, 8) * 2 - 1
    torch.manual_seed(1)
    outcome = family.bound(Batch(images))
    torch.manual_seed(1)
    mean, log_variance = family.generator.encoder(images).chunk(2, 1)
    z = mean + (0.5 * log_variance).exp() * torch.randn(6, 4)
    drawn = family.generator(z)
    likelihood = distributions.Normal(drawn, 0.3)
    constant = likelihood.log_prob(drawn).flatten(1).sum(1)
    reconstruction = (constant - likelihood.log_prob(images).flatten(1).sum(1)).mean()
    kl = divergence(mean, log_variance).mean()
    assert outcome.measures["reconstruction"].item() == pytest.approx(reconstruction.item(), rel=1e-4)
    assert outcome.measures["KL"].item() == pytest.approx(kl.item(), rel=1e-5)
    assert outcome.loss.item() == pytest.approx((reconstruction + 3 * kl).item(), rel=1e-4)
    error = (drawn - images).square().mean().sqrt().item() * 127.5
    assert outcome.measures["error"].item() == pytest.approx(error, rel=1e-5)


def test_gradients_reach_mean_and_log_variance_through_the_sample():
    torch.manual_seed(0)
    family = VAE(replace(TINY, beta=0.0))  # no other way than through z
    family.bound(Batch(torch.rand(6, 3, 8, 8) * 2 - 1)).loss.backward()
    gradient = family.generator.encoder.sum_up.weight.grad
    assert (gradient[:4].abs().sum(1) > 0).all()
    assert (gradient[4:].abs().sum(1) > 0).all()


def smooth(n: int) -> Tensor:
    """Pictures of two by two colours and what lies between, (N, 3, 8, 8) in [-1, 1]."""
    rng = torch.Generator().manual_seed(0)
    return F.interpolate(torch.rand(n, 3, 2, 2, generator=rng) * 2 - 1, size=8, mode="bilinear")


def trained(config: VAEConfig, images: Tensor) -> VAE:
    torch.manual_seed(0)
    family = VAE(config)
    adam = torch.optim.Adam(family.generator.parameters(), 1e-2)
    for _ in range(80):
        adam.zero_grad()
        family.bound(Batch(images)).loss.backward()
        adam.step()
    family.follow(0.0)  # the average is the generator
    return family


def test_beta_trades_error_for_divergence():
    images = smooth(8)
    found = {}
    for beta in (0.1, 30.0):
        torch.manual_seed(1)
        found[beta] = trained(replace(TINY, beta=beta), images).bound(Batch(images)).measures
    assert found[0.1]["KL"] > 2 * found[30.0]["KL"]
    assert found[0.1]["reconstruction"] < found[30.0]["reconstruction"]


def test_reconstructs_through_the_mean():
    images = smooth(8)
    family = trained(replace(TINY, beta=0.1), images)
    with torch.no_grad():
        redrawn = family.reconstruct(images)
        assert torch.equal(redrawn, family.reconstruct(images))  # no noise
        assert torch.equal(redrawn, family.sample(family.average.encode(images)[0]))
    assert redrawn.shape == images.shape
    apart = (images - images.mean(0)).square().mean()
    assert (redrawn - images).square().mean() < apart * 0.6


def test_samples_from_a_standard_normal():
    family = VAE(TINY)
    z = family.draw(4000, torch.Generator().manual_seed(0))
    assert z.mean().abs() < 0.05
    assert z.std().item() == pytest.approx(1, abs=0.02)
    assert torch.equal(family.sample(z[:3]), family.average.decoder(z[:3]))


def test_bad_configs_are_refused():
    for bad, says in (
        ({"resolution": 10}, "halve evenly"),
        ({"hidden": ()}, "halve evenly"),
        ({"beta": -1.0}, "beta"),
        ({"deviation": 0.0}, "deviation"),
    ):
        with pytest.raises(ValueError, match=says):
            replace(TINY, **bad)
