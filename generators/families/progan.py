"""ProGAN: high resolutions, one after the other (Karras, Aila, Laine and Lehtinen 2018).

Since DCGAN: both networks grow from 4x4, each doubling fading in (section 2); nearest neighbour up, average
down, instead of strides; no batch norm: equalised learning rate (4.1) and pixel norm in the generator (4.2);
the discriminator sees how much a minibatch varies (3); WGAN-GP (Gulrajani et al. 2017) with a drift term
(appendix A.1); a running average of the generator makes the pictures.

Latents lie on the hypersphere; pictures leave linear, without tanh; Adam 1e-3, beta1 0, beta2 0.99.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from generators import progressive
from generators.family import Adam, Batch, Family, Outcome, Paper, Phase, check_numbers
from generators.growing_critic import Critic
from generators.he import Convolution, Fan, leaky
from generators.layers import unit
from generators.progressive import Growth, Row, blend, check_schedule, doublings, enlarged, even_schedule, growth_at


@dataclass(frozen=True)
class ProGANConfig:
    """The paper's network for CelebA-HQ, unless changed."""

    resolution: int = 1024  # px, a power of two, at least 8
    latent: int = 512  # numbers in z
    channels: int = 3  # 3 colour, 1 grey
    channel_base: int = 16384  # feature maps at R px: channel_base / R,
    channel_max: int = 512  # but no more than this
    schedule: tuple[Row, ...] = even_schedule(4, 1024, 800.0)  # px, kimg to fade in, kimg to settle
    lr: float = 1e-3  # Adam, both networks
    penalty: float = 10.0  # weight of the gradient penalty
    drift: float = 1e-3  # weight of the scores' squares: they stay near 0
    penalised: float = 1.0  # share of a batch that the penalty is measured on
    pooled_last: bool = True  # discriminator: average after the activation (table 2), or before, in half the time

    def __post_init__(self) -> None:
        check_numbers(self, above=("lr", "penalised"), shares=("penalised",))
        if doublings(self.resolution) < 1:
            raise ValueError(f"resolution {self.resolution}: must be a power of two, at least 8")
        object.__setattr__(self, "schedule", check_schedule(self.schedule, self.resolution))  # lists, from JSON

    @property
    def widths(self) -> list[int]:
        """Feature maps at 4, 8, ... px."""
        sides = [4 * 2**stage for stage in range(doublings(self.resolution) + 1)]
        return [max(1, min(self.channel_base // side, self.channel_max)) for side in sides]


class Doubling(nn.Module):
    """(N, I, H, H) → (N, O, 2 H, 2 H): repeat pixels, two convolutions, each with pixel norm."""

    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.conv0 = Convolution(inside, outside, up=True)
        self.conv1 = Convolution(outside, outside)

    def forward(self, x: Tensor) -> Tensor:
        x = unit(leaky(self.conv0(x)))
        return unit(leaky(self.conv1(x)))


class Generator(nn.Module):
    """z (N, Z) → pictures (N, C, S, S) of the stage's side S, about [-1, 1] but not bounded."""

    def __init__(self, config: ProGANConfig):
        super().__init__()
        widths = config.widths
        self.growth = Growth(len(widths))
        self.fan = Fan(config.latent, widths[0])
        self.conv = Convolution(widths[0], widths[0])
        self.blocks = nn.ModuleList([Doubling(*pair) for pair in pairwise(widths)])
        self.rgb = nn.ModuleList([Convolution(width, config.channels, 1, gain=1.0) for width in widths])

    def forward(self, z: Tensor) -> Tensor:
        stage, alpha = self.growth.now()
        x = before = unit(leaky(self.fan(unit(z))))  # (N, 512, 4, 4) in the paper's network
        x = unit(leaky(self.conv(x)))
        for block in self.blocks[:stage]:
            before, x = x, block(x)
        images = self.rgb[stage](x)  # (N, C, S, S)
        return images if alpha == 1 else blend(self.rgb[stage - 1](before), images, alpha)


class ProGAN(Family):
    """Two growing networks and the Wasserstein loss with a gradient penalty."""

    name = "progan"
    paper = Paper(
        "Progressive Growing of GANs for Improved Quality, Stability, and Variation",
        "Karras, Aila, Laine, Lehtinen",
        2018,
        "https://arxiv.org/abs/1710.10196",
    )
    presets: ClassVar[Mapping[str, ProGANConfig]] = {
        "1024": ProGANConfig(),
        "256": ProGANConfig(resolution=256, schedule=even_schedule(4, 256, 800.0)),
        "faces": ProGANConfig(  # ships: few photos, a CPU
            resolution=64,
            latent=128,
            channel_base=1024,
            channel_max=96,
            schedule=((4, 0, 6), (8, 6, 10), (16, 10, 14), (32, 8, 10), (64, 8, 30)),
            lr=2e-3,
            penalised=0.25,
            pooled_last=False,
        ),
        "tiny": ProGANConfig(
            resolution=16,
            latent=8,
            channel_base=64,
            channel_max=8,
            schedule=((4, 0, 0.004), (8, 0.004, 0.004), (16, 0.008, 0.004)),
        ),
    }

    def __init__(self, config: ProGANConfig):
        super().__init__(config, Generator(config))
        self.discriminator = Critic(config.channels, config.widths, pooled_last=config.pooled_last)

    def draw(self, n: int, rng: torch.Generator | None = None, device: torch.device | str = "cpu") -> Tensor:
        """n latents, (n, Z) float32, on the hypersphere: of mean square 1."""
        return unit(super().draw(n, rng, device))

    def sample(self, z: Tensor, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        images = super().sample(z, labels, truncation)
        return enlarged(images, self.config.resolution).float().clamp(-1, 1)

    def advance(self, images_seen: int) -> None:
        for network in (self.generator, self.discriminator, self.average):
            network.growth.set(*growth_at(self.config.schedule, images_seen))

    def phases(self) -> Sequence[Phase]:
        return (
            Phase("D", self.discriminator, self.criticise),
            Phase("G", self.generator, self.please),
        )

    def adam(self, learner: nn.Module) -> Adam:
        return Adam(self.config.lr, 0.0, 0.99)

    def criticise(self, batch: Batch) -> Outcome:
        """E[D(G(z))] - E[D(x)] + 10 · penalty + 0.001 · E[D(x)²] (appendix A.1).

        Measures: the shares of real and fake pictures on their side of the middle between the mean scores,
        and the distance between these.
        """
        photos = progressive.seen(batch.images, *self.discriminator.growth.now())  # (N, C, S, S)
        with torch.no_grad():
            fakes = self.generator(self.draw(len(batch), device=photos.device)).to(photos.dtype)
        real, fake = self.discriminator(photos).float(), self.discriminator(fakes).float()  # (N,)
        few = max(1, round(len(batch) * self.config.penalised))
        mixing = torch.rand(few, 1, 1, 1, device=photos.device)
        penalty = gradient_penalty(self.discriminator, photos[:few].lerp(fakes[:few], mixing))
        loss = fake.mean() - real.mean() + self.config.penalty * penalty + self.config.drift * real.square().mean()
        middle = (real.mean() + fake.mean()) / 2
        right = {"D real": (real > middle).float().mean(), "D fake": (fake < middle).float().mean()}
        return Outcome(loss, right | {"distance": (real.mean() - fake.mean()).detach(), "penalty": penalty.detach()})

    def please(self, batch: Batch) -> Outcome:
        """-E[D(G(z))]."""
        fakes = self.generator(self.draw(len(batch), device=batch.images.device))
        return Outcome(-self.discriminator(fakes).float().mean())


def gradient_penalty(critic: nn.Module, images: Tensor, target: float = 1.0) -> Tensor:
    """E[(|dD/dx| - target)²], a scalar, at `images` (N, C, S, S) (Gulrajani et al. 2017, equation 3)."""
    images = images.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(images).float().sum(), images, create_graph=True)
    return (slope.float().flatten(1).norm(dim=1) - target).square().mean()
