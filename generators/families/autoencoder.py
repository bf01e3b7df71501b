"""The autoencoder: a network learns to draw what it saw from a few numbers (Hinton and Salakhutdinov 2006).

The lineage starts here, with no forger yet: a picture is squeezed through a narrow layer, the code, and the
error of what comes out teaches both halves at once. The paper trained its halves layer by layer first; SELU
and Adam make that needless.

An autoencoder has no prior, so it cannot invent. To have samples all the same, a Gaussian is fitted to the
codes of the photos as they pass: z from N(0, I) is moved there and decoded. Its faces are ghosts, since
codes fill no Gaussian: what the VAE mends. What it is good at is `reconstruct`: a fake that is aligned
with its photo to the pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from generators.encoders import (
    Cell,
    ConvDecoder,
    ConvEncoder,
    DenseDecoder,
    DenseEncoder,
    RecurrentDecoder,
    RecurrentEncoder,
)
from generators.family import Adam, Batch, Family, Outcome, Paper, Phase, check_numbers
from generators.precision import in_full
from generators.ranks import in_order
from generators.spatial_coders import SpatialDecoder, SpatialEncoder, Upsampler

Architecture = Literal["dense", "convolutional", "recurrent", "spatial"]


@dataclass(frozen=True)
class AutoencoderConfig:
    """One layer there, one back, unless changed."""

    resolution: int = 32  # px; convolutional, spatial: divisible by 2 for each of `hidden`
    latent: int = 100  # numbers in a code: the bottleneck
    channels: int = 3  # 3 colour, 1 grey
    architecture: Architecture = "dense"
    hidden: tuple[int, ...] = ()  # units, or feature maps, of the encoder's layers before the code
    cell: Cell = "lstm"  # recurrent: which
    piece: tuple[int, int] = (1, 32)  # recurrent: rows, columns read at a time; (1, resolution) reads rows
    up: Upsampler = "transposed"  # spatial: how the decoder doubles
    lr: float = 1e-3  # Adam
    beta1: float = 0.9
    beta2: float = 0.999
    memory: int = 8192  # photos over which the codes' mean and covariance are taken

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # JSON has lists
        object.__setattr__(self, "piece", tuple(self.piece))
        check_numbers(self, above=("lr",), shares=("beta1", "beta2"))
        for name, allowed in (("architecture", get_args(Architecture)), ("up", get_args(Upsampler))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} {getattr(self, name)!r}: must be {', '.join(allowed)}")
        halves = self.architecture in ("convolutional", "spatial")
        if halves and (not self.hidden or self.resolution % (1 << len(self.hidden))):
            raise ValueError(f"hidden {self.hidden}: {self.resolution} px must halve evenly, once for each")
        if self.architecture == "recurrent":
            if len(self.hidden) != 1 or self.cell not in ("gru", "lstm"):
                raise ValueError(f"hidden {self.hidden}, cell {self.cell!r}: one layer, of gru or lstm")
            if len(self.piece) != 2 or any(side < 1 or self.resolution % side for side in self.piece):
                raise ValueError(f"piece {self.piece}: rows and columns must divide {self.resolution}")
        if self.architecture == "spatial" and self.latent % self.side**2:
            raise ValueError(f"latent {self.latent}: must be a number of maps of {self.side}x{self.side}")

    @property
    def side(self) -> int:
        """Of the code of a spatial architecture, in its own pixels."""
        return self.resolution >> len(self.hidden)


class Codes(nn.Module):
    """z (N, Z) from N(0, I) → codes (N, Z) as photos have them: mean + root(covariance) z.

    `maps`: where a code is M maps of many places, each place is a vector of M numbers, all of one Gaussian.
    """

    def __init__(self, latent: int, memory: int, maps: int | None = None):
        super().__init__()
        self.memory, self.maps = memory, maps or latent
        self.register_buffer("seen", torch.zeros([], dtype=torch.int64))  # photos
        self.register_buffer("mean", torch.zeros(self.maps))
        self.register_buffer("covariance", torch.eye(self.maps))
        self.register_buffer("root", torch.eye(self.maps))

    def forward(self, z: Tensor) -> Tensor:
        places = z.unflatten(1, (self.maps, -1)).transpose(1, 2)  # (N, places, M)
        return (self.mean + places @ self.root).transpose(1, 2).flatten(1)

    @torch.no_grad()
    def notice(self, codes: Tensor) -> None:
        """Take (N, Z) codes into mean and covariance: those of all codes so far, later of a running window.

        The old Gaussian and the new codes are mixed n : seen, and n : memory at least. Exact for a mixture:
        its covariance is the mean of the covariances and what the two means differ by.
        """
        with in_full(codes):
            self.seen += len(codes)
            rate = (len(codes) / self.seen).clamp(min=min(1.0, len(codes) / self.memory))
            codes = codes.float().unflatten(1, (self.maps, -1)).transpose(1, 2).flatten(0, 1)  # (N · places, M)
            mean = codes.mean(0)
            away, moved = codes - mean, mean - self.mean
            spread = away.T @ away / len(codes) + (1 - rate) * torch.outer(moved, moved)
            self.covariance.lerp_(spread, rate)
            self.mean.lerp_(mean, rate)

    @torch.no_grad()
    def settle(self) -> None:
        """Take the root anew. The symmetric one: Cholesky's does not exist while codes fill no volume."""
        if self.covariance.isfinite().all():
            values, vectors = torch.linalg.eigh(self.covariance.double())
            self.root.copy_(vectors * values.clamp(min=0).sqrt() @ vectors.T)


class Coder(nn.Module):
    """Both halves, so that one optimiser teaches them and one average follows them. z (N, Z) → pictures."""

    def __init__(self, config: AutoencoderConfig):
        super().__init__()
        self.encoder, self.decoder = halves(config)
        maps = config.latent // config.side**2 if config.architecture == "spatial" else None
        self.codes = Codes(config.latent, config.memory, maps)

    def forward(self, z: Tensor) -> Tensor:
        return self.decoder(self.codes(z))  # (N, C, R, R)


def halves(config: AutoencoderConfig) -> tuple[nn.Module, nn.Module]:
    """The encoder and the decoder of an architecture."""
    c = config
    match c.architecture:
        case "dense":
            shape = (c.channels, c.resolution, c.latent, c.hidden)
            return DenseEncoder(*shape), DenseDecoder(*shape)
        case "convolutional":
            shape = (c.channels, c.resolution, c.latent, c.hidden)
            return ConvEncoder(*shape), ConvDecoder(*shape)
        case "recurrent":
            how = (c.latent, c.hidden[0], c.cell, c.piece)
            return RecurrentEncoder(c.channels, *how), RecurrentDecoder(c.channels, c.resolution, *how)
        case "spatial":
            maps = c.latent // c.side**2
            decoder = SpatialDecoder(c.channels, maps, c.hidden, (c.side, c.side), c.up)
            return SpatialEncoder(c.channels, maps, c.hidden), decoder


class Autoencoder(Family):
    """One network of two halves, and the squared error of what it draws."""

    name = "autoencoder"
    reconstructs = True
    paper = Paper(
        "Reducing the Dimensionality of Data with Neural Networks",
        "Hinton, Salakhutdinov",
        2006,
        "https://doi.org/10.1126/science.1127647",
    )
    presets: ClassVar[Mapping[str, AutoencoderConfig]] = {
        "dense-100": AutoencoderConfig(),
        "dense-10": AutoencoderConfig(latent=10),
        "deep": AutoencoderConfig(latent=30, hidden=(2000, 1000, 500), lr=2e-4),  # the paper's for faces
        "convolutional": AutoencoderConfig(latent=128, architecture="convolutional", hidden=(64, 128, 256)),
        "rows": AutoencoderConfig(architecture="recurrent", hidden=(512,)),
        "patches": AutoencoderConfig(architecture="recurrent", hidden=(512,), cell="gru", piece=(4, 4)),
        "spatial": AutoencoderConfig(128, 8 * 32**2, architecture="spatial", hidden=(32, 64), memory=512),
        "faces": AutoencoderConfig(latent=256),  # ships: of what a CPU learns in minutes, the sharpest
        "tiny": AutoencoderConfig(resolution=16, latent=8, architecture="convolutional", hidden=(4, 8), lr=5e-3),
    }

    def __init__(self, config: AutoencoderConfig):
        super().__init__(config, Coder(config))

    def phases(self) -> Sequence[Phase]:
        return (Phase("AE", self.generator, self.redraw),)

    def adam(self, learner: nn.Module) -> Adam:
        return Adam(self.config.lr, self.config.beta1, self.config.beta2)

    def redraw(self, batch: Batch) -> Outcome:
        """E[(x - decode(encode(x)))²]. Measures: its root in grey levels of 255."""
        codes = self.generator.encoder(batch.images)  # (N, Z)
        for each in in_order(codes):
            self.generator.codes.notice(each)
        error = (self.generator.decoder(codes).float() - batch.images).square().mean()
        return Outcome(error, {"error": error.detach().sqrt() * 127.5})

    @property
    def stride(self) -> int | None:
        """Of a spatial architecture, which reconstructs pictures of any size: they are padded to a multiple."""
        return 1 << len(self.config.hidden) if self.config.architecture == "spatial" else None

    def reconstruct(self, images: Tensor) -> Tensor:
        """(N, C, R, R) in [-1, 1] → the same, through the averaged network; (N, C, H, W) where it has a `stride`."""
        codes = self.average.encoder(images)
        if self.stride is None:
            return self.average.decoder(codes)
        return self.average.decoder(codes, (images.shape[2] // self.stride, images.shape[3] // self.stride))

    def settle(self, batches: int = 8, size: int = 64) -> None:
        """See Family; and the Gaussian of codes is made ready to draw from."""
        super().settle(batches, size)
        self.average.codes.settle()
