"""StyleGAN: z sets the style of every layer instead of entering the first (Karras, Laine and Aila 2019).

Since ProGAN: a mapping network makes w of z, with a hundredth of the learning rate; the picture starts from a
learned constant; affine maps of w set mean and scale of every feature map (AdaIN, equation 1) after noise has
been added a pixel at a time, with a learned strength a map; two latents share most pictures, at a random
layer's cut; w can be truncated towards its mean; growing starts at 8x8 and resampling is blurred.

The loss is the non-saturating one with the R1 penalty (Mescheder et al. 2018), gamma 10 (appendix C).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from forensics.refusal import Refusal
from generators import progressive
from generators.family import Adam, Batch, Outcome, Paper, Phase, check_numbers
from generators.growing_critic import Critic
from generators.he import Convolution, leaky
from generators.layers import Dense
from generators.mapping import Mapping as Mapper
from generators.progressive import Growth, Row, blend, check_schedule, doublings, enlarged, even_schedule, growth_at
from generators.styled import Style, Styled, style


@dataclass(frozen=True)
class StyleGANConfig:
    """The paper's network for FFHQ, unless changed."""

    resolution: int = 1024  # px, a power of two, at least 8
    latent: int = 512  # numbers in z, and in w
    channels: int = 3  # 3 colour, 1 grey
    channel_base: int = 16384  # feature maps at R px: channel_base / R,
    channel_max: int = 512  # but no more than this
    schedule: tuple[Row, ...] = even_schedule(8, 1024, 600.0)  # px, kimg to fade in, kimg to settle
    lr: float = 1e-3  # Adam, both networks
    gamma: float = 10.0  # weight of R1
    penalised: float = 1.0  # share of a batch that R1 is measured on
    mixing: float = 0.9  # share of pictures made of two latents
    cutoff: int | None = 8  # layers that truncation reaches: 8 are 4x4 to 32x32 (appendix B); None: all

    def __post_init__(self) -> None:
        check_numbers(self, above=("lr", "penalised"), shares=("penalised", "mixing"))
        if doublings(self.resolution) < 1:
            raise ValueError(f"resolution {self.resolution}: must be a power of two, at least 8")
        object.__setattr__(self, "schedule", check_schedule(self.schedule, self.resolution))  # lists, from JSON

    @property
    def widths(self) -> list[int]:
        """Feature maps at 4, 8, ... px."""
        sides = [4 * 2**stage for stage in range(doublings(self.resolution) + 1)]
        return [max(1, min(self.channel_base // side, self.channel_max)) for side in sides]


class Layer(nn.Module):
    """Convolution (none at the start), noise, leaky ReLU, style: (N, I, H, H), w (N, W) → (N, O, H', H')."""

    def __init__(self, conv: Convolution | None, width: int, latent: int, side: int):
        super().__init__()
        self.conv = conv
        self.bias = None if conv else nn.Parameter(torch.zeros(width))
        self.strength = nn.Parameter(torch.zeros(width))
        self.style = Dense(latent, 2 * width)
        with torch.no_grad():
            self.style.bias[:width] = 1  # scale 1, mean 0 to begin with (appendix C)
        self.register_buffer("noise", torch.randn(1, 1, side, side))

    def forward(self, x: Tensor, w: Tensor, fixed_noise: bool) -> Tensor:
        x = self.conv(x) if self.conv else x + self.bias[:, None, None]  # (N, O, H', H')
        noise = self.noise if fixed_noise else torch.randn_like(x[:, :1])
        x = torch.addcmul(x, noise.to(x.dtype), self.strength[:, None, None].to(x.dtype))
        return adain(leaky(x), *self.style(w).chunk(2, dim=1))


class Generator(nn.Module):
    """z (N, Z) → pictures (N, C, S, S) of the stage's side S, about [-1, 1] but not bounded.

    In training mode noise is random, some pictures are of two latents, and the mean w follows.
    """

    def __init__(self, config: StyleGANConfig):
        super().__init__()
        widths, latent = config.widths, config.latent
        self.mixing = config.mixing
        self.growth = Growth(len(widths))
        self.mapping = Mapper(latent, 0, latent, copies=0)
        self.start = nn.Parameter(torch.ones(1, widths[0], 4, 4))
        self.layers = nn.ModuleList()
        for stage, width in enumerate(widths):
            first = Convolution(widths[stage - 1], width, up=True, blur=True) if stage else None
            for conv in (first, Convolution(width, width)):
                self.layers.append(Layer(conv, width, latent, 4 * 2**stage))
        self.rgb = nn.ModuleList([Convolution(width, config.channels, 1, gain=1.0) for width in widths])

    def forward(self, z: Tensor) -> Tensor:
        w = self.mapping(z)[:, None].expand(-1, self.depth, -1)  # (N, layers, W)
        if self.training:
            other = self.mapping(torch.randn_like(z), follow=False)
            w = mixed(w[:, 0], other, cuts(len(z), self.depth, self.mixing, z.device), self.depth)
        return self.paint(w)

    @property
    def depth(self) -> int:
        """Layers there are at this stage."""
        return 2 * self.growth.now()[0] + 2

    def paint(self, w: Tensor) -> Tensor:
        """w (N, layers, W) → pictures (N, C, S, S)."""
        stage, alpha = self.growth.now()
        x = before = self.start.expand(len(w), -1, -1, -1)  # (N, 512, 4, 4) in the paper's network
        for number in range(self.depth):
            before = x if number % 2 == 0 else before  # what the stage before made
            x = self.layers[number](x, w[:, number], fixed_noise=not self.training)
        images = self.rgb[stage](x)  # (N, C, S, S)
        return images if alpha == 1 else blend(self.rgb[stage - 1](before), images, alpha)


class StyleGAN(Styled):
    """A style-based generator against ProGAN's discriminator."""

    name = "stylegan"
    paper = Paper(
        "A Style-Based Generator Architecture for Generative Adversarial Networks",
        "Karras, Laine, Aila",
        2019,
        "https://arxiv.org/abs/1812.04948",
    )
    presets: ClassVar[Mapping[str, StyleGANConfig]] = {
        "1024": StyleGANConfig(),
        "256": StyleGANConfig(resolution=256, schedule=even_schedule(8, 256, 600.0)),
        "faces": StyleGANConfig(  # ships: few photos, a CPU
            resolution=32,
            latent=128,
            channel_base=1024,
            channel_max=128,
            schedule=((8, 0, 6), (16, 4, 8), (32, 6, 30)),
            lr=2.5e-3,
            gamma=0.1,
            mixing=0.5,
            penalised=0.5,
        ),
        "tiny": StyleGANConfig(
            resolution=16,
            latent=8,
            channel_base=64,
            channel_max=8,
            schedule=((8, 0, 0.004), (16, 0.008, 0.004)),
        ),
    }

    def __init__(self, config: StyleGANConfig):
        super().__init__(config, Generator(config))
        self.discriminator = Critic(config.channels, config.widths, blur=True)

    @property
    def layers(self) -> int:
        return self.average.depth

    @property
    def reach(self) -> int:
        return self.layers if self.config.cutoff is None else min(self.config.cutoff, self.layers)

    @property
    def styles(self) -> Sequence[Style]:
        return [style(number, layer.style) for number, layer in enumerate(self.average.layers[: self.layers])]

    def to_w(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            raise Refusal(f"{self.name} has no classes; leave labels away")
        return self.average.mapping(z)[:, None].repeat(1, self.layers, 1)

    def paint(self, w: Tensor) -> Tensor:
        return enlarged(self.average.paint(w), self.config.resolution)

    def advance(self, images_seen: int) -> None:
        for network in (self.generator, self.discriminator, self.average):
            network.growth.set(*growth_at(self.config.schedule, images_seen))

    def phases(self) -> Sequence[Phase]:
        return (
            Phase("D", self.discriminator, self.tell_apart),
            Phase("G", self.generator, self.deceive),
        )

    def adam(self, learner: nn.Module) -> Adam:
        return Adam(self.config.lr, 0.0, 0.99)

    def tell_apart(self, batch: Batch) -> Outcome:
        """-E[log D(x)] - E[log(1 - D(G(z)))] + gamma / 2 · R1.

        Measures: the shares of real and of fake pictures that are told rightly, and R1.
        """
        photos = progressive.seen(batch.images, *self.discriminator.growth.now())  # (N, C, S, S)
        with torch.no_grad():
            fakes = self.generator(self.draw(len(batch), device=photos.device))
        real, fake = self.discriminator(photos).float(), self.discriminator(fakes).float()  # (N,)
        few = max(1, round(len(batch) * self.config.penalised))
        penalty = r1(self.discriminator, photos[:few])
        loss = F.softplus(-real).mean() + F.softplus(fake).mean() + self.config.gamma / 2 * penalty
        right = {"D real": (real > 0).float().mean(), "D fake": (fake < 0).float().mean()}
        return Outcome(loss, right | {"R1": penalty.detach()})

    def deceive(self, batch: Batch) -> Outcome:
        """-E[log D(G(z))]: the non-saturating loss."""
        fakes = self.generator(self.draw(len(batch), device=batch.images.device))
        return Outcome(F.softplus(-self.discriminator(fakes).float()).mean())


def adain(x: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
    """scale · (x - µ(x)) / σ(x) + mean for each map of each picture (equation 1): (N, C, H, W), two of (N, C).

    Batch norm of one picture with N · C channels is instance norm with a scale of its own for each picture.
    """
    n, c, h, w = x.shape
    each = x.reshape(1, n * c, h, w)
    normed = F.batch_norm(each, None, None, scale.flatten(), mean.flatten(), training=True, eps=1e-8)
    return normed.view(n, c, h, w)


def cuts(n: int, layers: int, share: float, device: torch.device | str = "cpu") -> Tensor:
    """The layer from which a second latent takes over, for each of n pictures; `layers`: never (section 3.1)."""
    at = torch.randint(1, layers, (n,), device=device)
    return torch.where(torch.rand(n, device=device) < share, at, layers)


def mixed(w: Tensor, other: Tensor, cut: Tensor, layers: int) -> Tensor:
    """w, other (N, W), cut (N,) → (N, layers, W): `w` before each picture's cut, `other` from there."""
    second = torch.arange(layers, device=w.device) >= cut[:, None]  # (N, layers)
    return torch.where(second[:, :, None], other[:, None], w[:, None])


def r1(critic: nn.Module, photos: Tensor) -> Tensor:
    """E[|dD/dx|²], a scalar, at `photos` (N, C, S, S) (Mescheder et al. 2018, equation 9)."""
    photos = photos.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(photos).float().sum(), photos, create_graph=True)
    return slope.float().square().sum((1, 2, 3)).mean()
