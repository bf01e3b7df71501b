"""What ProGAN and StyleGAN of TensorFlow have in common: how far they have grown, and which config of ours fits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from forensics.refusal import Refusal
from generators.family import Family
from generators.interop.networks import check_fit, sound
from generators.interop.options import base_and_most
from generators.progressive import doublings, even_schedule


def grown(level: float, resolution: int, of: str) -> dict[str, Tensor]:
    """Our stage and alpha of their level of detail: 0 is whole, 1 half the resolution, 0.3 fades between these."""
    last = doublings(resolution)
    if not 0 <= level <= last:
        raise Refusal(f"{of} has grown to level {level}, not 0 to {last}; get the file anew")
    finer = math.floor(level)
    return {"growth.stage": torch.tensor(last - finer), "growth.alpha": torch.tensor(1.0 - (level - finer))}


def config_of(kind: type, tensors: Mapping[str, Tensor], resolution: int, of: str, **more: Any) -> Any:
    """The config of a generator whose layers have these shapes. Raises Refusal when there is none."""
    first = tensors["fan.weight"] if "fan.weight" in tensors else tensors["mapping.fc0.weight"]
    stages = range(doublings(resolution) + 1)
    widths = {4 * 2**stage: tensors[f"rgb.{stage}.weight"].shape[1] for stage in stages}
    base, most = base_and_most(widths, of)
    smallest = 4 if "fan.weight" in tensors else 8
    try:
        return kind(
            resolution=resolution,
            latent=first.shape[1],
            channels=len(tensors["rgb.0.bias"]),
            channel_base=base,
            channel_max=most,
            schedule=even_schedule(smallest, resolution, 600.0),
            **more,
        )
    except (TypeError, ValueError) as error:
        raise Refusal(f"{of} tells options that no network here can have ({error})") from None


def check_growing(
    kind: type[Family], config: Any, tensors: Mapping[str, Tensor], of: str, size: int
) -> dict[str, Tensor]:
    """The tensors, sound. Raises Refusal where they are not those of the family's generator."""
    with torch.device("meta"):
        network = kind(config).average
    check_fit(network, tensors, of, size)
    numbers = {name: tensor for name, tensor in tensors.items() if name != "growth.stage"}
    return sound(numbers, of) | {"growth.stage": tensors["growth.stage"]}
