"""StyleGAN2-ADA: StyleGAN2 for a few thousand photos, or a few hundred (Karras et al. 2020b).

Since StyleGAN2: the discriminator never sees a photo or a picture as it is. Both pass through the same random
augmentations (generators/ada/pipeline.py), with a chance p that follows how much the discriminator overfits
(generators/ada/controller.py); p and its window are saved with the networks. Half of the photos are mirrored
by the loader, not by the pipeline (`mirror`). Transfer learning from a network of another domain may freeze
the discriminator's first layers (Freeze-D, Mo et al. 2020). Settings follow from size and machine
(generators/ada/auto.py). Conditional as StyleGAN2 is.

R1 is taken at the photos themselves, through the augmentation: what is regularised is the discriminator of
section 2 as a function of its input, D after T, so that strong enlargement, say, is not free.

The pipeline's p is capped at 0.8 unless a config says otherwise; the paper's is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from generators.ada.auto import PUBLISHED, Settings, auto
from generators.ada.controller import LEAKS_FROM, Strength
from generators.ada.corruption import REACH
from generators.ada.pipeline import augmented
from generators.ada.settings import PIPELINES
from generators.critic import Discriminator
from generators.families.stylegan2 import StyleGAN2, StyleGAN2Config
from generators.family import Batch, Outcome, Paper, check_numbers


@dataclass(frozen=True)
class StyleGAN2ADAConfig(StyleGAN2Config):
    """StyleGAN2's, and what becomes of photos and pictures before the discriminator sees them."""

    augment: str = "bgc"  # one of PIPELINES, or "none"
    p: float = 0.0  # chance of an augmentation at the start
    target: float | None = 0.6  # of r_t, None: p stays
    ada_every: int = 4  # steps between changes of p
    ada_kimg: float = 500.0  # thousands of photos in which p could go from 0 to 1
    cap: float | None = LEAKS_FROM  # p's largest value, None: as published
    freeze_d: int = 0  # layers of the discriminator that keep their weights, from the highest resolution down
    mirror: bool = True  # mirror half of the photos
    batch: int = 32  # photos of a step that these settings are meant for

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.augment not in (*PIPELINES, "none"):
            raise ValueError(f"augment {self.augment!r}: must be one of {', '.join(PIPELINES)}, none")
        check_numbers(
            self, zero=("labels", "statistics", "freeze_d"), above=("lr", "ada_kimg"), shares=("p", "cap", "target")
        )
        smallest = self.resolution * min(self.start) // 4
        if self.augment != "none" and PIPELINES[self.augment].imgfilter and smallest <= REACH:
            raise ValueError(f"augment {self.augment!r} filters bands of pictures above {REACH} px, not {smallest}")
        layers = 1 + 2 * (self.resolution.bit_length() - 3)
        if not 0 <= self.freeze_d <= layers:
            raise ValueError(f"freeze_d {self.freeze_d}: must be 0 to {layers} at {self.resolution} px")


def settled(resolution: int, settings: Settings) -> StyleGAN2ADAConfig:
    """The config of published or automatic settings."""
    return StyleGAN2ADAConfig(
        resolution=resolution,
        base=settings.base,
        critic_base=settings.base,
        mapping_layers=settings.mapping_layers,
        group=settings.group,
        gamma=settings.gamma,
        lr=settings.lr,
        average_kimg=settings.average_kimg,
        average_rampup=settings.average_rampup,
        batch=settings.batch,
    )


def grown(config: StyleGAN2Config) -> StyleGAN2ADAConfig:
    """The same networks, augmented."""
    return StyleGAN2ADAConfig(**asdict(config))


class StyleGAN2ADA(StyleGAN2):
    """StyleGAN2, whose discriminator sees augmented photos and pictures."""

    name = "stylegan2-ada"
    replayable = False  # augmentations draw on the CPU, and pad by what they drew
    paper = Paper(
        "Training Generative Adversarial Networks with Limited Data",
        "Karras, Aittala, Hellsten, Laine, Lehtinen, Aila",
        2020,
        "https://arxiv.org/abs/2006.06676",
    )
    presets: ClassVar[Mapping[str, StyleGAN2ADAConfig]] = {
        **{f"auto{side}": settled(side, auto(side)) for side in (256, 32, 64, 128, 512, 1024)},  # one GPU
        "paper256": settled(256, PUBLISHED["paper256"]),
        "paper512": settled(512, PUBLISHED["paper512"]),
        "paper1024": settled(1024, PUBLISHED["paper1024"]),
        "stylegan2": settled(1024, PUBLISHED["stylegan2"]),
        "cifar": replace(  # appendix C: without style mixing, path length and residual discriminator
            settled(32, PUBLISHED["cifar"]), mixing=0.0, pl_weight=0.0, critic_architecture="orig"
        ),
        # Ships: from StyleGAN2's "faces" on, so that p may move faster than from nothing.
        "faces": replace(grown(StyleGAN2.presets["faces"]), ada_kimg=100.0),
        "faces128": replace(grown(StyleGAN2.presets["faces128"]), ada_kimg=100.0),  # the same, from a GPU
        "tiny": replace(grown(StyleGAN2.presets["tiny"]), p=0.5, ada_every=2, ada_kimg=0.1, batch=4),
    }

    def __init__(self, config: StyleGAN2ADAConfig):
        super().__init__(config)
        self.strength = Strength(config.p, config.target, config.ada_every, config.ada_kimg, config.cap)
        freeze(self.discriminator, config.freeze_d)

    def seen(self, images: Tensor) -> Tensor:
        """(N, C, H, W) augmented with chance p: photos and pictures alike."""
        if self.config.augment == "none":
            return images
        return augmented(images, float(self.strength.p), PIPELINES[self.config.augment])

    def noticed(self, real: Tensor) -> None:
        self.strength.notice(real)

    def advance(self, images_seen: int) -> None:
        super().advance(images_seen)
        self.strength.advance(images_seen)

    def tell_apart(self, batch: Batch) -> Outcome:
        """StyleGAN2's. Measures, too: p, and r_t of the last whole window."""
        outcome = super().tell_apart(batch)
        told = {"ADA p": self.strength.p.clone(), "r_t": self.strength.r_t.clone()}
        return Outcome(outcome.loss, {**outcome.measures, **told})

    def warnings(self) -> Sequence[str]:
        augments = self.config.augment != "none"
        return (*super().warnings(), *(self.strength.warnings() if augments else ()))


@torch.no_grad()
def freeze(critic: Discriminator, layers: int) -> None:
    """Make the weights of the first `layers` layers buffers: saved and loaded under their names, never learned.

    Layers in the order in which a picture meets them: fromrgb, then conv0 and conv1 of each resolution; the
    parallel way round a block (skip) goes with its conv1. Other implementations may count skips apart: a freeze_d
    of theirs need not freeze the same layers.
    """
    met: list[tuple[nn.Module, ...]] = []
    for block in critic.blocks():
        first = (block.fromrgb,) if hasattr(block, "fromrgb") else ()
        if first and not met:
            met.append(first)
            first = ()
        met += [(*first, block.conv0), (block.conv1, *((block.skip,) if hasattr(block, "skip") else ()))]
    for layer in (layer for group in met[:layers] for layer in group):
        for name, weight in list(layer.named_parameters(recurse=False)):
            delattr(layer, name)
            layer.register_buffer(name, weight.detach())
