"""A checkpoint's generator as a family of ours: what `forge` and all that take weights need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from forensics.refusal import Refusal
from generators.families.stylegan2 import StyleGAN2
from generators.family import Family, family_named
from generators.interop.configs import config_of
from generators.interop.networks import Built, Checkpoint, Earlier, Network, Painter
from generators.interop.options import GeneratorOptions
from generators.interop.reading import read

KEPT = "family preset images_seen classes domain corpus photos seed batch precision versions".split()


class Published(StyleGAN2):
    """StyleGAN2 with a generator of options that its config does not have. It makes pictures; it does not train."""

    def __init__(self, options: GeneratorOptions, name: str):
        Family.__init__(self, config_of(options), Built(options))
        self.name = name


def generator_of(checkpoint: Checkpoint) -> tuple[str, Network]:
    """Which network makes the pictures: the average, or without one the generator as it was trained."""
    name = next((name for name in ("G_ema", "G") if name in checkpoint.makers), None)
    if name is None:
        raise Refusal(f"{checkpoint.of} holds {', '.join(checkpoint.makers)} only; pictures need a generator")
    return name, checkpoint.network(name)


def painter(path: Path) -> tuple[Family, dict[str, Any]]:
    """The family of a file of `reading.read`, its averaged generator having the file's weights, and what is told.

    Raises Refusal as `read` does, and for a file without a generator.
    """
    checkpoint = read(path)
    name, network = generator_of(checkpoint)
    told = {**kept(checkpoint.told), "from": checkpoint.kind, "network": name}
    with torch.device("meta"):
        if isinstance(network, Earlier):
            family: Family = family_named(network.family)(network.config)
            told["config"] = asdict(network.config)
        elif isinstance(network, Painter):
            known = told.get("family") in ("stylegan2", "stylegan2-ada")
            family = Published(network.options, str(told["family"]) if known else "stylegan2")
            told["options"] = network.options.kwargs()
        else:
            raise Refusal(f"{checkpoint.of}: {name} is a {network.summary}; pictures need a generator")
    family.average.load_state_dict(dict(network.tensors), assign=True)
    return family, {**told, "family": family.name}


def kept(told: Mapping[str, Any]) -> dict[str, Any]:
    """What goes with weights of ours wherever they go."""
    return {name: told[name] for name in KEPT if name in told}
