"""DCGAN: the first GAN whose faces hold together (Radford, Metz and Chintala 2015).

Since the GAN of 2014: no dense layers but one at z, strided convolutions instead of pooling, batch norm
in both networks, ReLU in the generator, leaky ReLU (0.2) in the discriminator (section 3).

Layers follow the authors' published Torch code: kernels of 4x4, the generator's widest layer at 4x4.
Latents are uniform in [-1, 1]; weights start from N(0, 0.02); Adam 2e-4, beta1 0.5 (section 4).

Beyond the paper, and only in presets that say so: one-sided label smoothing (Salimans et al. 2016) and
augmentation of what the discriminator sees (Zhao et al. 2020), for corpora of a few thousand photos.
In all presets the pictures come from the running average of the generator's weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.augment import relit, shifted
from generators.family import Adam, Batch, Family, Outcome, Paper, Phase, check_numbers


@dataclass(frozen=True)
class DCGANConfig:
    """The paper's network for 64x64 faces, unless changed."""

    resolution: int = 64  # px, a power of two, at least 8
    latent: int = 100  # numbers in z
    channels: int = 3  # 3 colour, 1 grey
    width: int = 64  # feature maps of the generator's last hidden layer
    critic_width: int = 64  # feature maps of the discriminator's first layer
    lr: float = 2e-4  # Adam, both networks
    beta1: float = 0.5
    beta2: float = 0.999
    real_target: float = 1.0  # below 1: one-sided label smoothing
    augment: bool = False  # shift and re-light what the discriminator sees

    def __post_init__(self) -> None:
        check_numbers(self, above=("lr",), shares=("beta1", "beta2", "real_target"))
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution {self.resolution}: must be a power of two, at least 8")

    @property
    def doublings(self) -> int:
        """Strided layers between 4x4 and the picture."""
        return int(math.log2(self.resolution)) - 2


class Generator(nn.Module):
    """z (N, Z) float → pictures (N, C, R, R) in [-1, 1] (tanh)."""

    def __init__(self, config: DCGANConfig):
        super().__init__()
        widest = config.width * 2 ** (config.doublings - 1)
        self.project = nn.Linear(config.latent, widest * 16, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(widest), nn.ReLU()]
        for step in range(1, config.doublings):
            before, after = widest >> (step - 1), widest >> step
            layers += [
                nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        layers += [nn.ConvTranspose2d(config.width, config.channels, 4, 2, 1, bias=False), nn.Tanh()]
        self.paint = nn.Sequential(*layers)
        self.apply(start_small)

    def forward(self, z: Tensor) -> Tensor:
        x = self.project(z).unflatten(1, (-1, 4, 4))  # (N, 16 R, 4, 4) where width is 64
        x = x.contiguous(memory_format=memory_format_of(self.paint[-2].weight))
        return self.paint(x)  # (N, C, R, R)


class Discriminator(nn.Module):
    """Pictures (N, C, R, R) in [-1, 1] → logits (N,): above 0 = looks like a photo."""

    def __init__(self, config: DCGANConfig):
        super().__init__()
        width = config.critic_width
        layers: list[nn.Module] = [nn.Conv2d(config.channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for _ in range(1, config.doublings):
            layers += [
                nn.Conv2d(width, width * 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width * 2),
                nn.LeakyReLU(0.2),
            ]
            width *= 2
        self.look = nn.Sequential(*layers)
        self.judge = nn.Linear(width * 16, 1, bias=False)
        self.apply(start_small)

    def forward(self, images: Tensor) -> Tensor:
        x = self.look(images)  # (N, 8 W, 4, 4) at 64 px
        return self.judge(x.flatten(1)).squeeze(1)  # (N,)


def start_small(layer: nn.Module) -> None:
    """Weights from N(0, 0.02), batch norm gains from N(1, 0.02) (section 4)."""
    if getattr(getattr(layer, "weight", None), "is_meta", False):
        return  # shapes only; and drawing normals there makes torch import its compiler, for a second
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


def memory_format_of(weight: Tensor) -> torch.memory_format:
    last = weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


class DCGAN(Family):
    """Two networks and the non-saturating loss (Goodfellow et al. 2014, section 3)."""

    name = "dcgan"
    paper = Paper(
        "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
        "Radford, Metz, Chintala",
        2015,
        "https://arxiv.org/abs/1511.06434",
    )
    presets: ClassVar[Mapping[str, DCGANConfig]] = {
        "64": DCGANConfig(),
        "32": DCGANConfig(resolution=32),
        "faces": DCGANConfig(width=48, critic_width=48, real_target=0.9, augment=True),  # ships: few photos, a CPU
        "tiny": DCGANConfig(resolution=16, latent=8, width=4, critic_width=4),
    }

    def __init__(self, config: DCGANConfig):
        super().__init__(config, Generator(config))
        self.discriminator = Discriminator(config)

    def draw(self, n: int, rng: torch.Generator | None = None, device: torch.device | str = "cpu") -> Tensor:
        """n latents, (n, Z) float32, uniform in [-1, 1) (section 4.1)."""
        return torch.rand(n, self.config.latent, generator=rng, device=device) * 2 - 1

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

    def tell_apart(self, batch: Batch) -> Outcome:
        """-E[log D(x)] - E[log(1 - D(G(z)))]. Real and fake pass apart: batch norm must not mix them.

        Measures: the shares of real and of fake pictures that are told rightly.
        """
        with torch.no_grad():
            fakes = self.generator(self.draw(len(batch), device=batch.images.device))
        real = self.discriminator(self.seen(batch.images)).float()  # (N,)
        fake = self.discriminator(self.seen(fakes)).float()  # (N,)
        target = torch.full_like(real, self.config.real_target)
        loss = F.binary_cross_entropy_with_logits(real, target) + F.softplus(fake).mean()
        return Outcome(loss, {"D real": (real > 0).float().mean(), "D fake": (fake < 0).float().mean()})

    def deceive(self, batch: Batch) -> Outcome:
        """-E[log D(G(z))]: the non-saturating loss."""
        fakes = self.generator(self.draw(len(batch), device=batch.images.device))
        return Outcome(F.softplus(-self.discriminator(self.seen(fakes)).float()).mean())
