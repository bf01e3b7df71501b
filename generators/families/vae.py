"""The variational autoencoder: codes that fill a Gaussian, so that samples of it are pictures (Kingma, Welling 2013).

Since the autoencoder: the encoder says a distribution, the mean and log-variance of each number of a code;
a sample of it is decoded (reparameterised, so that gradients pass: section 2.4); and a second term of the
loss, the Kullback-Leibler divergence to N(0, I), keeps codes where z will be drawn from (appendix B).

The decoder is a Gaussian of fixed deviation around the picture it draws; the paper's for continuous data
learns it. `beta` weighs the divergence: 1 is the paper's bound, more makes codes simpler and pictures
blurrier (Higgins et al. 2017, "beta-VAE").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from generators.encoders import ConvDecoder, ConvEncoder
from generators.family import Adam, Batch, Family, Outcome, Paper, Phase, check_numbers


@dataclass(frozen=True)
class VAEConfig:
    """Convolutions for 32x32 faces, unless changed."""

    resolution: int = 32  # px, divisible by 2 for each of `hidden`
    latent: int = 64  # numbers in z
    channels: int = 3  # 3 colour, 1 grey
    hidden: tuple[int, ...] = (64, 128, 256)  # feature maps of the encoder's stages, and back
    beta: float = 1.0  # weight of the divergence
    deviation: float = 0.2  # of the decoder's Gaussian, in a picture's units: 2 from black to white
    lr: float = 1e-3  # Adam
    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # JSON has lists
        check_numbers(self, above=("lr", "deviation"), shares=("beta1", "beta2"))
        if not self.hidden or self.resolution % (1 << len(self.hidden)):
            raise ValueError(f"hidden {self.hidden}: {self.resolution} px must halve evenly, once for each")


class Coder(nn.Module):
    """Both halves, so that one optimiser teaches them and one average follows them. z (N, Z) → pictures."""

    def __init__(self, config: VAEConfig):
        super().__init__()
        shape = (config.channels, config.resolution)
        self.encoder = ConvEncoder(*shape, 2 * config.latent, config.hidden)
        self.decoder = ConvDecoder(*shape, config.latent, config.hidden)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, R, R) → mean and log-variance of its code, (N, Z) float32 each."""
        mean, log_variance = self.encoder(images).float().chunk(2, 1)
        return mean, log_variance

    def forward(self, z: Tensor) -> Tensor:
        return self.decoder(z)  # (N, C, R, R)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)) in nats, (N, Z) → (N,): closed form (appendix B)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


class VAE(Family):
    """One network of two halves, and the negative of the evidence's lower bound."""

    name = "vae"
    reconstructs = True
    paper = Paper("Auto-Encoding Variational Bayes", "Kingma, Welling", 2013, "https://arxiv.org/abs/1312.6114")
    presets: ClassVar[Mapping[str, VAEConfig]] = {
        "32": VAEConfig(),
        "beta": VAEConfig(beta=4.0),
        "faces": VAEConfig(hidden=(32, 64, 128), deviation=0.7),  # ships: a CPU's minutes
        "tiny": VAEConfig(resolution=16, latent=8, hidden=(4, 8)),
    }

    def __init__(self, config: VAEConfig):
        super().__init__(config, Coder(config))

    def phases(self) -> Sequence[Phase]:
        return (Phase("VAE", self.generator, self.bound),)

    def adam(self, learner: nn.Module) -> Adam:
        return Adam(self.config.lr, self.config.beta1, self.config.beta2)

    def bound(self, batch: Batch) -> Outcome:
        """-E[log p(x | z)] + β KL(q(z | x) || N(0, I)), nats a picture (equation 10), one z a picture.

        Without log p's constant: a perfect picture has 0. Measures: both terms apart, and the error of the
        pictures drawn, root mean square in grey levels of 255.
        """
        mean, log_variance = self.generator.encode(batch.images)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)  # (N, Z)
        error = (self.generator(z).float() - batch.images).square()  # (N, C, R, R)
        reconstruction = error.sum((1, 2, 3)).mean() / (2 * self.config.deviation**2)
        kl = divergence(mean, log_variance).mean()
        told = {"reconstruction": reconstruction, "KL": kl, "error": error.mean().sqrt() * 127.5}
        return Outcome(reconstruction + self.config.beta * kl, {name: t.detach() for name, t in told.items()})

    def reconstruct(self, images: Tensor) -> Tensor:
        """(N, C, R, R) in [-1, 1] → the same, through the mean of its code, by the averaged network."""
        mean, _ = self.average.encode(images)
        return self.average(mean)
