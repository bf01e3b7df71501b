"""From any file of weights to another code's: what `forensics convert` does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from forensics.refusal import Refusal
from generators import snapshots
from generators.families.stylegan2 import StyleGAN2, StyleGAN2Config
from generators.family import family_named
from generators.interop import named, rosinality
from generators.interop.configs import critic_options, generator_options
from generators.interop.networks import NAMES, Checkpoint, Critic, Earlier, Network, Painter, check_fit, sound
from generators.interop.networks import built as empty
from generators.interop.painting import kept
from generators.interop.reading import is_theirs, read
from generators.trained import AVERAGE, built, told_by_run, weights_of

PLACES = {"G_ema": "family.average.", "G": "family.generator.", "D": "family.discriminator."}  # in our snapshots
SUFFIXES = (".safetensors", ".pt")


def convert(given: str | Path, out: Path, wanted: str | None = None) -> list[str]:
    """Write networks of a file, a run or a family that ships to `out`; returns what to say of them.

    `.safetensors`: one network, the averaged generator unless `wanted` is another of NAMES, under NVIDIA's names;
    generators before StyleGAN2, which have none there, as our own exports. `.pt`: rosinality's, with all networks
    that the file has, or the one that is `wanted`. Raises Refusal for networks that the other code cannot be.
    """
    if out.suffix not in SUFFIXES:
        raise Refusal(f"{out} must end in {' or '.join(SUFFIXES)}: the ending says for whose code it is")
    if wanted is not None and wanted not in NAMES:
        raise Refusal(f"--network {wanted}: must be one of {', '.join(NAMES)}")
    path = weights_of(given)
    if out.exists():
        raise Refusal(f"{out} exists already; choose another name, or remove it")
    checkpoint = read(path) if is_theirs(path) else ours(path)
    names = [wanted] if wanted else [n for n in NAMES if n in checkpoint.makers]
    if not names:
        raise Refusal(f"{path} holds no network")
    if out.suffix == ".safetensors":
        names = names[:1]
    networks = {name: checkpoint.network(name) for name in names}
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".pt":
        rosinality.write(networks, checkpoint.told, checkpoint.of, out)
    else:
        write_one(*next(iter(networks.items())), checkpoint.told, out)
    left = [name for name in checkpoint.makers if name not in networks]
    lines = [f"found in {checkpoint.of}: {checkpoint.kind}"]
    lines += [f"  {name}: {network.summary}" for name, network in networks.items()]
    lines += [f"  {', '.join(left)}: left away; choose with --network"] if left else []
    return lines


def write_one(name: str, network: Network, told: Mapping[str, Any], out: Path) -> None:
    if isinstance(network, Earlier):
        header = {**told, "family": network.family, "config": asdict(network.config)}
        tensors = {AVERAGE + each: tensor.clone() for each, tensor in network.tensors.items()}
        snapshots.save_at_once(tensors, out, header)
    else:
        named.write(network, name, told, out)


def ours(path: Path) -> Checkpoint:
    """The networks of a snapshot or an export of ours. Raises Refusal for families before StyleGAN2."""
    tensors, told = snapshots.read(path)
    if path.parent.name == "snapshots" and "config" not in told:
        told |= told_by_run(path.parent.parent)
    kind = family_named(str(told.get("family")))
    if not issubclass(kind, StyleGAN2):
        raise Refusal(f"{path} holds weights of {kind.name}; StyleGAN2's can be converted")
    config = built(told, path).config
    if config.start != (4, 4):
        raise Refusal(f"{path} starts from {config.start[0]}x{config.start[1]}; other codes make squares only")
    makers = {}
    for name, place in PLACES.items():
        mine = {each.removeprefix(place): t for each, t in tensors.items() if each.startswith(place)}
        if mine:
            makers[name] = lambda name=name, mine=mine: network(name, config, mine, str(path))
    return Checkpoint(f"a {kind.name} of ours", str(path), makers, kept(told))


def network(name: str, config: StyleGAN2Config, tensors: Mapping[str, Tensor], of: str) -> Painter | Critic:
    options = critic_options(config) if name == "D" else generator_options(config)
    check_fit(empty(options, of), tensors, of, math.inf)
    return Critic(options, sound(tensors, of)) if name == "D" else Painter(options, sound(tensors, of))
