"""Settings by picture size and number of GPUs: the rule `auto` of StyleGAN2-ADA, and its published settings.

Karras et al. 2020b, appendix C and table 5 (paper256, paper512, paper1024, cifar); `auto` is the rule of their
PyTorch release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What depends on the size of pictures and of the machine."""

    batch: int  # pictures of a step, over all GPUs
    gpus: int  # that these settings are for
    group: int  # pictures that the minibatch statistic compares
    feature_maps: float  # 1: base of 32768, the paper's for 1024x1024
    lr: float
    gamma: float  # weight of R1
    average_kimg: float  # half-life of the running average, thousands of pictures
    average_rampup: float | None  # at most this share of the pictures seen
    mapping_layers: int
    kimg: float = 25000.0  # length of training

    @property
    def base(self) -> int:
        """A layer of R rows has base / R feature maps, at most 512."""
        return int(32768 * self.feature_maps)


def auto(resolution: int, gpus: int = 1) -> Settings:
    """A good start for pictures of `resolution` px. Raises ValueError for either below 1."""
    if resolution < 1 or gpus < 1:
        raise ValueError(f"resolution {resolution}, gpus {gpus}: must be at least 1")
    each = max(min(4096 // resolution, 32), 1)  # what fits into a GPU
    batch = max(min(gpus * each, 64), gpus)
    return Settings(
        batch=batch,
        gpus=gpus,
        group=min(batch // gpus, 4),
        feature_maps=1 if resolution >= 512 else 0.5,
        lr=0.002 if resolution >= 1024 else 0.0025,
        gamma=0.0002 * resolution**2 / batch,
        average_kimg=batch * 10 / 32,
        average_rampup=0.05,
        mapping_layers=2,
    )


PUBLISHED: Mapping[str, Settings] = {
    "stylegan2": Settings(32, 8, 4, 1, 0.002, 10, 10, None, 8),
    "paper256": Settings(64, 8, 8, 0.5, 0.0025, 1, 20, None, 8),
    "paper512": Settings(64, 8, 8, 1, 0.0025, 0.5, 20, None, 8),
    "paper1024": Settings(32, 8, 4, 1, 0.002, 2, 10, None, 8),
    "cifar": Settings(64, 2, 32, 1, 0.0025, 0.01, 500, 0.05, 2, kimg=100000.0),
}
