"""Small generators with weights that nobody trained: all that training would fill is filled with random numbers."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from generators import snapshots
from generators.families.stylegan import StyleGAN
from generators.families.stylegan2 import StyleGAN2
from generators.families.stylegan2_ada import StyleGAN2ADA
from generators.family import Family

STYLED = [
    (StyleGAN, {}),
    (StyleGAN, {"cutoff": 2}),
    (StyleGAN2, {}),
    (StyleGAN2, {"labels": 3}),
    (StyleGAN2ADA, {}),
    (StyleGAN2ADA, {"labels": 3}),
]


def called(case: Any) -> str:
    kind, config = case
    return "-".join([kind.name, *(f"{name} {value}" for name, value in config.items())])


def exported(kind: type[Family], path: Path, images_seen: int = 10**9, **config: Any) -> Path:
    """Its tiny preset, written as `forensics export` would; mean w and noise are not zero."""
    torch.manual_seed(0)
    family = kind(replace(kind.presets["tiny"], **config))
    family.advance(images_seen)
    family.settle(1, 4)
    tensors = family.average.state_dict()
    for name, tensor in tensors.items():
        if name.endswith(("w_avg", "strength")):
            tensor.normal_(0, 0.3)
    told = {"family": kind.name, "preset": "tiny", "config": asdict(family.config)}
    told |= {"classes": ["cat", "dog", "owl"]} if "labels" in config else {}
    snapshots.save_at_once({f"family.average.{name}": t for name, t in tensors.items()}, path, told)
    return path
