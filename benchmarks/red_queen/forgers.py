"""What a forger does to a generator so that its pictures are not told from photos: `STRATEGIES` is all of it.

A trained DCGAN is trained on against what tells its pictures:

    spectrum     its mean radial spectrum is drawn to that of photos (Durall et al. 2020, "Watch your Up-Convolution",
                 eq. 9), in decibels, of luminance and colour differences
    upsampling   its last upsampling, a transposed convolution, becomes bilinear with a convolution after it
    critic       the detector's network becomes its second discriminator, and goes on learning beside it
    all          the three together

An anchor, the mean distance from its own first pictures of the same z, holds it near what it could draw. Pictures
reach the critic as detectors will see them, through JPEG; the gradient passes JPEG as if it were not there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detectors.probes.network import Patches
from detectors.probes.spectrum import FLOOR, ring_means
from forensics.laundering import jpeg
from forensics.tensors import to_pictures, to_tensor
from generators.families.dcgan import DCGAN, Generator

BATCH = 16
RATE, FRESH_RATE, CRITIC_RATE = 1e-4, 2e-3, 3e-4  # Adam's: of what was trained, of a new last layer, of the critic
ANCHOR, SPECTRUM, CRITIC = 20.0, 2.0, 0.1  # weights; an anchor of 4 beside a critic of 0.5 left no face
QUALITY = 70, 96  # of the JPEG that the critic looks through


@dataclass(frozen=True)
class Strategy:
    """What is done at once."""

    name: str
    about: str
    spectrum: bool = False
    upsampling: bool = False
    critic: bool = False


STRATEGIES = (
    Strategy("spectrum", "its spectrum is drawn to that of photos", spectrum=True),
    Strategy("upsampling", "its last upsampling is exchanged", upsampling=True),
    Strategy("critic", "the detector's network is its second discriminator", critic=True),
    Strategy("all", "all three together", spectrum=True, upsampling=True, critic=True),
)


class Smoother(nn.Module):
    """A DCGAN's generator with another last layer: z (N, Z) → pictures (N, C, R, R) in [-1, 1].

    Bilinear instead of a transposed convolution, whose uneven overlap leaves a grid (Odena et al. 2016,
    "Deconvolution and Checkerboard Artifacts").
    """

    def __init__(self, generator: Generator):
        super().__init__()
        self.project, self.body = generator.project, generator.paint[:-2]
        last = generator.paint[-2]
        self.upsampling = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.draw = nn.Sequential(
            nn.Conv2d(last.in_channels, last.in_channels, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(last.in_channels, last.out_channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        x = self.body(self.project(z).unflatten(1, (-1, 4, 4)))  # (N, W, R/2, R/2)
        return self.draw(self.upsampling(x))  # (N, C, R, R)


def changed(generator: nn.Module, strategy: Strategy, seed: int = 0) -> nn.Module:
    """A copy to be trained, with what the strategy builds differently. Batch norms keep their statistics."""
    generator = copy.deepcopy(generator)
    if strategy.upsampling and isinstance(generator, Generator):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            generator = Smoother(generator)
    return generator.eval().requires_grad_(True)


def forged(
    strategy: Strategy,
    family: DCGAN,
    generator: nn.Module,
    reals: np.ndarray,
    critic: Patches,
    steps: int,
    seed: int,
    watch: Callable[[int], None] = lambda step: None,
) -> nn.Module:
    """The generator after `steps` of one strategy, against `critic` as it was trained on its pictures so far.

    reals: (N, R, R, 3) uint8, photos of the split "train". The first fifth of the steps only repeats the first
    pictures, where a new last layer has to learn them. The same seed gives the same on the same machine.
    """
    rng, chance = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    first, learner = family.average, changed(generator, strategy, seed)
    critic = copy.deepcopy(critic).requires_grad_(True)
    fresh = isinstance(learner, Smoother) and not isinstance(generator, Smoother)
    groups = [{"params": its, "lr": rate} for its, rate in paced(learner, fresh)]
    descent = torch.optim.Adam(groups, betas=(0.5, 0.99))
    judging = torch.optim.Adam(critic.parameters(), CRITIC_RATE, betas=(0.5, 0.99))
    rings = torch.from_numpy(ring_means(family.size[0]))
    wanted = decibels(to_tensor(reals[rng.permutation(len(reals))[:512]]), rings).mean(0)  # (3, R/2)
    repeat = steps // 5 if fresh else 0
    for step in range(steps):
        z = family.draw(BATCH, chance)
        images = learner(z)  # (N, 3, R, R)
        with torch.no_grad():
            before = first(z)
        loss = ANCHOR * (images - before).abs().mean()
        if step >= repeat:
            if strategy.spectrum:
                loss = loss + SPECTRUM * ((decibels(images, rings).mean(0) - wanted) / 10).square().mean()
            if strategy.critic:
                photos = to_tensor(reals[rng.integers(len(reals), size=BATCH)])
                judge(critic, judging, posted(photos, rng), posted(images.detach(), rng))
                critic.requires_grad_(False)
                loss = loss + CRITIC * F.softplus(critic(posted(images, rng))).mean()
                critic.requires_grad_(True)
        descent.zero_grad(set_to_none=True)
        loss.backward()
        descent.step()
        watch(step + 1)
    return learner.eval().requires_grad_(False)


def paced(learner: nn.Module, fresh: bool) -> list[tuple[list[nn.Parameter], float]]:
    """Parameters and their rates: a last layer that is new learns faster."""
    new = list(learner.draw.parameters()) if fresh else []
    kept = [p for p in learner.parameters() if not any(p is other for other in new)]
    return [(kept, RATE), *([(new, FRESH_RATE)] if new else [])]


def judge(critic: Patches, descent: torch.optim.Optimizer, photos: Tensor, pictures: Tensor) -> None:
    """One step of the critic: its logit is above 0 for what a generator made."""
    logits = critic(torch.cat([photos, pictures]))
    target = (torch.arange(len(logits)) >= len(photos)).float()
    descent.zero_grad(set_to_none=True)
    F.binary_cross_entropy_with_logits(logits, target).backward()
    descent.step()


def posted(images: Tensor, rng: np.random.Generator) -> Tensor:
    """(N, 3, R, R) → the same through JPEG of a drawn quality; gradients pass straight through."""
    coded = [jpeg(p, int(rng.integers(QUALITY[0], QUALITY[1] + 1))) for p in to_pictures(images)]
    return images + (to_tensor(coded) - images).detach()


def decibels(images: Tensor, rings: Tensor) -> Tensor:
    """As `detectors.probes.spectrum.profiles`, differentiable: (N, 3, R, R) in [-1, 1] → (N, 3, R/2)."""
    side = images.shape[-1]
    hann = torch.hann_window(side, periodic=True)
    window = hann[:, None] * hann
    red, green, blue = images.mul(127.5).unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = torch.stack([luma, 0.713 * (red - luma), 0.564 * (blue - luma)], 1)  # as OpenCV's Y, Cr, Cb
    planes = (planes - planes.mean((2, 3), keepdim=True)) * window
    power = torch.fft.fft2(planes).abs().square().flatten(2) @ (rings / window.square().sum())  # (N, 3, R/2)
    return 10 * torch.log10(power + FLOOR)
