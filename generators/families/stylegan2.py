"""StyleGAN2: StyleGAN without its droplets and without its growing (Karras et al. 2020).

Since StyleGAN: modulated and demodulated convolutions instead of AdaIN (generators/synthesis.py); skip and
residual networks of all resolutions from the start instead of progressive growing; path length
regularisation, so that a step in w is a step in the picture; both regularisers lazy, every so many steps.
Kept: the mapping network, noise at every layer, style mixing, R1 with the non-saturating loss, truncation.

Labels, where a config has them, as in StyleGAN2-ADA (Karras et al. 2020b, appendix C). Pictures may have
1 to 4 channels, and any shape that a small grid doubled gives: see `start`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from forensics.refusal import Refusal
from generators.critic import Discriminator
from generators.family import Adam, Batch, Outcome, Paper, Phase, check_numbers
from generators.mapping import Mapping
from generators.ops.modulated_conv import Way
from generators.ranks import in_order, rank
from generators.styled import Style, Styled, style
from generators.synthesis import Architecture, Noise, Synthesis


@dataclass(frozen=True)
class StyleGAN2Config:
    """The paper's configuration F for faces at 1024x1024, unless changed."""

    resolution: int = 1024  # px, rows where `start` has 4; a power of two, at least 8
    start: tuple[int, int] = (4, 4)  # rows, columns of the learned constant; (4, 3) makes pictures of 4:3
    channels: int = 3  # 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha
    labels: int = 0  # columns of a label; 0: not conditional
    latent: int = 512  # numbers in z
    w: int = 512  # numbers in w
    mapping_layers: int = 8
    base: int = 32768  # a layer of R rows has base / R feature maps,
    most: int = 512  # at most so many
    critic_base: int = 32768  # the same in the discriminator
    generator_architecture: Architecture = "skip"
    critic_architecture: Architecture = "resnet"
    noise: bool = True  # per-layer noise inputs
    clamp: float | None = None  # of activations; 256 where float16 is used
    group: int = 4  # pictures that the minibatch statistic compares
    statistics: int = 1  # its feature maps; 0: none
    gamma: float = 10.0  # weight of R1
    r1_every: int = 16  # steps
    pl_weight: float = 2.0  # of path length regularisation; 0: none
    pl_every: int = 4  # steps
    pl_decay: float = 0.01  # of the mean path length
    pl_shrink: int = 2  # it looks at 1 / this of a batch: it costs memory
    mixing: float = 0.9  # share of pictures made from two w
    w_beta: float = 0.995  # of the mean w
    lr: float = 2e-3  # Adam, both networks
    average_kimg: float = 10.0  # half-life of the running average, thousands of pictures
    average_rampup: float | None = 0.05  # at most this share of the pictures seen

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", tuple(self.start))  # JSON has lists
        shares = ("pl_decay", "mixing", "w_beta")
        check_numbers(self, zero=("labels", "statistics"), above=("lr",), shares=shares, of=StyleGAN2Config)
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution {self.resolution}: must be a power of two, at least 8")
        if not 1 <= self.channels <= 4:
            raise ValueError(f"channels {self.channels}: must be 1 to 4")
        if len(self.start) != 2 or min(self.start) < 1:
            raise ValueError(f"start {self.start}: must be two numbers, rows and columns, at least 1")


class Generator(nn.Module):
    """z (N, Z), labels (N, K) or None → pictures (N, C, H, W), about [-1, 1]."""

    def __init__(self, config: StyleGAN2Config):
        super().__init__()
        self.synthesis = Synthesis(
            config.w,
            config.resolution,
            config.channels,
            config.base,
            config.most,
            config.generator_architecture,
            config.noise,
            clamp=config.clamp,
            start=config.start,
        )
        self.mapping = Mapping(
            config.latent,
            config.labels,
            config.w,
            self.synthesis.layers,
            config.mapping_layers,
            w_beta=config.w_beta,
        )

    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        truncation: float = 1.0,
        cutoff: int | None = None,
        noise: Noise = "const",
        way: Way = "auto",
    ) -> Tensor:
        return self.synthesis(self.mapping(z, labels, truncation, cutoff), noise, way)


class StyleGAN2(Styled):
    """Two networks, the non-saturating loss, and two lazy regularisers."""

    name = "stylegan2"
    replayable = True
    paper = Paper(
        "Analyzing and Improving the Image Quality of StyleGAN",
        "Karras, Laine, Aittala, Hellsten, Lehtinen, Aila",
        2020,
        "https://arxiv.org/abs/1912.04958",
    )
    presets: ClassVar[Table[str, StyleGAN2Config]] = {
        "1024": StyleGAN2Config(),
        "256": StyleGAN2Config(resolution=256, base=16384, critic_base=16384, gamma=1.0),
        "faces": StyleGAN2Config(  # ships: 32x32, a CPU
            resolution=32,
            latent=128,
            w=128,
            mapping_layers=2,
            base=1024,
            most=128,
            critic_base=1024,
            gamma=0.05,
            lr=2.5e-3,
        ),
        "faces128": StyleGAN2Config(  # for shipping from a GPU: under 8 MB as float16
            resolution=128,
            latent=256,
            w=256,
            mapping_layers=2,
            base=8192,
            most=192,
            critic_base=8192,
            gamma=0.1,
            lr=2.5e-3,
        ),
        "tiny": StyleGAN2Config(
            resolution=16,
            latent=8,
            w=8,
            mapping_layers=2,
            base=64,
            most=8,
            critic_base=64,
            r1_every=2,
            pl_every=2,
        ),
    }

    def __init__(self, config: StyleGAN2Config):
        super().__init__(config, Generator(config))
        self.discriminator = Discriminator(
            config.resolution,
            config.channels,
            config.labels,
            config.critic_base,
            config.most,
            config.critic_architecture,
            clamp=config.clamp,
            group=config.group,
            statistics=config.statistics,
            mapping_layers=config.mapping_layers,
            start=config.start,
        )
        self.register_buffer("pl_mean", torch.zeros([]))
        self.average_kimg, self.average_rampup = config.average_kimg, config.average_rampup

    @property
    def size(self) -> tuple[int, int]:
        rows, columns = self.config.start
        return self.config.resolution * rows // 4, self.config.resolution * columns // 4

    @property
    def layers(self) -> int:
        return self.average.synthesis.layers

    @property
    def styles(self) -> Sequence[Style]:
        convs = (conv for block in self.average.synthesis.blocks() for conv in block.convs())
        return [style(layer, conv.affine) for layer, conv in enumerate(convs)]

    def to_w(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if (labels is None) == bool(self.config.labels):
            takes = f"{self.config.labels} classes: say which" if self.config.labels else "no classes"
            raise Refusal(f"this {self.name} has {takes}")
        return self.average.mapping(z, labels)

    def paint(self, w: Tensor) -> Tensor:
        return self.average.synthesis(w, "const")

    def phases(self) -> Sequence[Phase]:
        config, phases = self.config, [Phase("G", self.generator, self.deceive)]
        if config.pl_weight:
            phases.append(Phase("PL", self.generator, self.even_paths, config.pl_every))
        phases.append(Phase("D", self.discriminator, self.tell_apart))
        if config.gamma:
            phases.append(Phase("R1", self.discriminator, self.flat_at_photos, config.r1_every))
        return phases

    def adam(self, learner: nn.Module) -> Adam:
        return Adam(self.config.lr, 0.0, 0.99)

    def seen(self, images: Tensor) -> Tensor:
        """What reaches the discriminator, of photos and pictures alike."""
        return images

    def mixed(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """w (N, layers, W); from a random layer on, of a second z (style mixing: 2019, section 3.1)."""
        ws = self.generator.mapping(z, labels)
        if self.config.mixing:
            layers = ws.shape[1]
            cut = torch.randint(1, layers, (), device=z.device)  # there, so that a CUDA graph draws anew
            own = torch.arange(layers, device=z.device) < cut
            own = own | (torch.rand((), device=z.device) >= self.config.mixing)
            second = self.draw(len(z), device=z.device).to(z.dtype)
            ws = torch.where(own[:, None], ws, self.generator.mapping(second, labels, follow=False))
        return ws

    def fakes(self, batch: Batch, share: int = 1) -> tuple[Tensor, Tensor, Tensor | None]:
        """Pictures, their w and their labels, for 1 / share of a batch."""
        n = max(1, len(batch) // share)
        labels = self.asked(batch, n)
        ws = self.mixed(self.draw(n, device=batch.images.device).to(batch.images.dtype), labels)
        return self.generator.synthesis(ws, "random"), ws, labels

    def asked(self, batch: Batch, n: int) -> Tensor | None:
        """Labels of n pictures to make, (n, K): those of the first photos, as often as the photos have them."""
        return None if batch.labels is None else batch.labels[:n]

    def deceive(self, batch: Batch) -> Outcome:
        """-E[log D(G(z))], D's output through a sigmoid: the non-saturating loss."""
        images, _, labels = self.fakes(batch)
        return Outcome(F.softplus(-self.discriminator(self.seen(images), labels)).mean())

    def even_paths(self, batch: Batch) -> Outcome:
        """Path length regularisation: E[(|J_w^T y| - a)²], y white noise in the picture (2020, equation 4)."""
        images, ws, _ = self.fakes(batch, self.config.pl_shrink)
        lengths = path_lengths(images, ws, torch.randn_like(images))
        mean = self.pl_mean
        for number, theirs in enumerate(in_order(lengths.mean())):
            if number == rank():
                target = mean.lerp(lengths.mean(), self.config.pl_decay)
            mean = mean.lerp(theirs.to(mean.dtype), self.config.pl_decay)
        self.pl_mean.copy_(mean.detach())
        penalty = (lengths - target).square().mean() * self.config.pl_weight
        # Times 0: what paths do not depend on has a gradient, of 0, and Adam's moments decay, as published.
        return Outcome(penalty + images[:, 0, 0, 0].mean() * 0, {"path length": self.pl_mean.clone()})

    def tell_apart(self, batch: Batch) -> Outcome:
        """-E[log D(x)] - E[log(1 - D(G(z)))]. Measures: shares of photos and pictures told rightly."""
        with torch.no_grad():
            images, _, labels = self.fakes(batch)
        fake = self.discriminator(self.seen(images), labels)  # (N,)
        real = self.discriminator(self.seen(batch.images), batch.labels)  # (N,)
        self.noticed(real)
        told = {"D real": (real > 0).float().mean(), "D fake": (fake < 0).float().mean()}
        return Outcome(F.softplus(-real).mean() + F.softplus(fake).mean(), told)

    def flat_at_photos(self, batch: Batch) -> Outcome:
        """R1: γ/2 E[|∇D(x)|²] at photos (Mescheder et al. 2018, equation 9)."""
        images = batch.images.detach().requires_grad_(True)
        logits = self.discriminator(self.seen(images), batch.labels)
        self.noticed(logits)
        penalty = steepness(logits, images).mean()
        loss = penalty * (self.config.gamma / 2) + logits.mean() * 0  # times 0: as for the paths
        return Outcome(loss, {"R1 penalty": penalty.detach()})

    def noticed(self, real: Tensor) -> None:
        """Called with the logits of photos, (N,): StyleGAN2-ADA listens."""


def path_lengths(images: Tensor, ws: Tensor, y: Tensor) -> Tensor:
    """|J_w^T y|, (N,): how far pictures (N, C, H, W) move with w (N, layers, W), root mean square over layers.

    `y` is standard normal, shaped like the pictures. Differentiable again (2020, equation 4 and appendix B).
    """
    y = y / math.sqrt(images.shape[2] * images.shape[3])  # so that lengths do not depend on the resolution
    (gradient,) = torch.autograd.grad((images * y).sum(), ws, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def steepness(logits: Tensor, images: Tensor) -> Tensor:
    """|∇D(x)|², (N,), of logits (N,) by the pictures (N, C, H, W) they are of. Differentiable again."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3))
