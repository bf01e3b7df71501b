"""The GAN: one network draws, another tells its pictures from photos (Goodfellow et al. 2014).

Since the VAE: no encoder and no error a pixel, which all blur. The only teacher is a discriminator, and it
learns as well. Both networks are dense: rectifiers in the generator, noise at its bottom only; maxout and
dropout in the discriminator (section 5). Sizes are those of the authors' published settings for MNIST.

Two losses for the generator: "saturating", the minimax game itself (equation 1), and "non-saturating",
which has the same fixed point but a gradient where the discriminator is sure (section 3, last paragraph).
Ours: Adam instead of momentum, tanh instead of a sigmoid at the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.augment import relit, shifted
from generators.family import Adam, Batch, Family, Outcome, Paper, Phase, check_numbers

Loss = Literal["non-saturating", "saturating"]


@dataclass(frozen=True)
class GANConfig:
    """The paper's networks on 32x32 pictures, unless changed."""

    resolution: int = 32  # px
    latent: int = 100  # numbers in z
    channels: int = 3  # 3 colour, 1 grey
    hidden: tuple[int, ...] = (1200, 1200)  # units of the generator's layers
    critic_hidden: tuple[int, ...] = (240, 240)  # units of the discriminator's layers,
    pieces: int = 5  # each the largest of so many sums
    dropout: float = 0.5  # of the discriminator's hidden units
    dropout_seen: float = 0.2  # of the picture's numbers before them
    loss: Loss = "non-saturating"
    lr: float = 2e-4  # Adam, both networks
    beta1: float = 0.5
    beta2: float = 0.999
    augment: bool = False  # shift and re-light what the discriminator sees; not the paper's

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # JSON has lists
        object.__setattr__(self, "critic_hidden", tuple(self.critic_hidden))
        check_numbers(self, above=("lr",), shares=("beta1", "beta2", "dropout", "dropout_seen"))
        if self.loss not in ("non-saturating", "saturating"):
            raise ValueError(f"loss {self.loss!r}: must be non-saturating or saturating")


class Generator(nn.Module):
    """z (N, Z) float → pictures (N, C, R, R) in [-1, 1] (tanh)."""

    def __init__(self, config: GANConfig):
        super().__init__()
        self.shape = (config.channels, config.resolution, config.resolution)
        layers: list[nn.Module] = []
        for before, after in pairwise([config.latent, *config.hidden]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        last = nn.Linear([config.latent, *config.hidden][-1], config.channels * config.resolution**2)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).unflatten(1, self.shape)  # (N, C, R, R)


class Maxout(nn.Module):
    """(N, I) → (N, O): the largest of `pieces` linear maps (Goodfellow et al. 2013, "Maxout Networks")."""

    def __init__(self, inside: int, outside: int, pieces: int):
        super().__init__()
        self.pieces = pieces
        self.sums = nn.Linear(inside, outside * pieces)

    def forward(self, x: Tensor) -> Tensor:
        return self.sums(x).unflatten(1, (-1, self.pieces)).amax(2)  # (N, O)


class Discriminator(nn.Module):
    """Pictures (N, C, R, R) in [-1, 1] → logits (N,): above 0 = looks like a photo."""

    def __init__(self, config: GANConfig):
        super().__init__()
        layers: list[nn.Module] = [nn.Dropout(config.dropout_seen)]
        for before, after in pairwise([config.channels * config.resolution**2, *config.critic_hidden]):
            layers += [Maxout(before, after, config.pieces), nn.Dropout(config.dropout)]
        self.look = nn.Sequential(*layers)
        self.judge = nn.Linear(config.critic_hidden[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.judge(self.look(images.flatten(1))).squeeze(1)  # (N,)


class GAN(Family):
    """Two dense networks and the minimax game."""

    name = "gan"
    paper = Paper(
        "Generative Adversarial Networks",
        "Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio",
        2014,
        "https://arxiv.org/abs/1406.2661",
    )
    presets: ClassVar[Mapping[str, GANConfig]] = {
        "32": GANConfig(),
        "saturating": GANConfig(loss="saturating"),
        "faces": GANConfig(hidden=(768, 768), augment=True),  # ships: few photos, a CPU
        "tiny": GANConfig(resolution=16, latent=8, hidden=(16, 16), critic_hidden=(8,), pieces=2),
    }

    def __init__(self, config: GANConfig):
        super().__init__(config, Generator(config))
        self.discriminator = Discriminator(config)

    def phases(self) -> Sequence[Phase]:
        return (
            Phase("D", self.discriminator, self.tell_apart),
            Phase("G", self.generator, self.deceive),
        )

    def adam(self, learner: nn.Module) -> Adam:
        return Adam(self.config.lr, self.config.beta1, self.config.beta2)

    def seen(self, images: Tensor) -> Tensor:
        """What reaches the discriminator: real and fake are changed alike."""
        return relit(shifted(images)) if self.config.augment else images

    def fakes(self, batch: Batch) -> Tensor:
        return self.generator(self.draw(len(batch), device=batch.images.device))

    def tell_apart(self, batch: Batch) -> Outcome:
        """-E[log D(x)] - E[log(1 - D(G(z)))]. Measures: shares of photos and of pictures told rightly."""
        with torch.no_grad():
            fakes = self.fakes(batch)
        real = self.discriminator(self.seen(batch.images)).float()  # (N,)
        fake = self.discriminator(self.seen(fakes)).float()  # (N,)
        told = {"D real": (real > 0).float().mean(), "D fake": (fake < 0).float().mean()}
        return Outcome(F.softplus(-real).mean() + F.softplus(fake).mean(), told)

    def deceive(self, batch: Batch) -> Outcome:
        """-E[log D(G(z))], or E[log(1 - D(G(z)))] with the saturating loss."""
        logits = self.discriminator(self.seen(self.fakes(batch))).float()  # (N,)
        if self.config.loss == "saturating":
            return Outcome(-F.softplus(logits).mean())
        return Outcome(F.softplus(-logits).mean())
