"""A checkpoint as a snapshot of ours: what a training that starts from it takes (transfer.py)."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from forensics.refusal import Refusal
from generators.interop.configs import config_of, critic_options, generator_options
from generators.interop.networks import Critic, Painter
from generators.interop.painting import generator_of, kept
from generators.interop.reading import read


def as_snapshot(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """As `snapshots.read` gives them: tensors under our names, and what is told, with a config of StyleGAN2.

    A discriminator that our config cannot tell is left away. Raises Refusal as `reading.read` does, and for a
    generator that our config cannot tell: our training has no such.
    """
    checkpoint = read(path)
    _, painted = generator_of(checkpoint)
    if not isinstance(painted, Painter):
        raise Refusal(f"{path} holds a {painted.summary}; trainings start from StyleGAN2's")
    found = {"average": painted}
    if "G" in checkpoint.makers:
        found["generator"] = checkpoint.network("G")
    critic = checkpoint.network("D") if "D" in checkpoint.makers else None
    o = painted.options
    config = config_of(o, critic.options if isinstance(critic, Critic) else None)
    plain = replace(o, half=0, mapping_width=usual(o.mapping_width, o.w), mapping_embed=usual(o.mapping_embed, o.w))
    if odd := [name for name, value in vars(generator_options(config)).items() if getattr(plain, name) != value]:
        raise Refusal(f"{path} has a generator with {odd[0]} {getattr(o, odd[0])}, which no training of ours has")
    if isinstance(critic, Critic) and same(critic, config):
        found["discriminator"] = critic
    tensors = {f"family.{place}.{n}": t for place, network in found.items() for n, t in network.tensors.items()}
    return tensors, {**kept(checkpoint.told), "family": "stylegan2", "config": asdict(config)}


def same(critic: Critic, config: Any) -> bool:
    o, ours = critic.options, critic_options(config)
    width = min(o.base // 4, o.most)
    names = ("projected", "mapping_width", "mapping_embed")
    plain = replace(o, half=0, **{name: usual(getattr(o, name), width) for name in names})
    return plain == ours or (not o.labels and replace(plain, mapping_layers=ours.mapping_layers) == ours)


def usual(width: int | None, untold: int) -> int | None:
    """None for the width that is meant where none is told."""
    return None if width == untold else width
