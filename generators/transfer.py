"""Transfer learning: start from the weights of another training, and tell of every tensor what became of it.

Tensors are matched by name. One of the same shape is copied. A dense layer with other columns (labels were added,
or are others) keeps the columns that both have: what comes in newly starts at zero, so that the pictures stay what
they were; only an embedding's new classes start at random. All others are left out, and ours stay at random.
A network that grows by a resolution matches in all layers but the new ones.

Optimisers, and state of the training itself (ADA's p, the mean path length), start anew.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from forensics.refusal import Refusal
from forensics.saving import write_at_once
from generators import snapshots
from generators.family import Family, family_named
from generators.layers import Dense
from generators.trained import told_by_run

LEAST = 0.5  # share of a generator's parameters that must fit
Fate = Literal["matched", "resized", "skipped", "fresh"]  # skipped: theirs, not taken; fresh: ours, at random


@dataclass(frozen=True)
class Told:
    """What became of one tensor."""

    name: str
    fate: Fate
    ours: tuple[int, ...] | None = None  # shapes
    theirs: tuple[int, ...] | None = None
    why: str = ""


def describe(path: Path) -> dict[str, Any]:
    """What a weights file tells of itself: family, preset, config, ... Raises Refusal when it is none of ours."""
    return described(path, snapshots.read(path)[1])


def described(path: Path, told: dict[str, Any]) -> dict[str, Any]:
    if path.parent.name == "snapshots" and "config" not in told:
        told = told | told_by_run(path.parent.parent)
    return told


def transfer(path: Path, family: Family, out: Path | None = None) -> list[str]:
    """Copy into a new family what fits of a snapshot or an exported file; returns what to say of it.

    Writes `out`/transfer.json. Raises Refusal for another family's weights (StyleGAN2 and StyleGAN2-ADA are one
    network), and when less than half of the generator's parameters fit; then nothing is changed.
    """
    tensors, told = snapshots.read(path)
    told = described(path, told)
    other = family_named(str(told.get("family")))
    if not (isinstance(family, other) or issubclass(other, type(family))):
        raise Refusal(f"{path} holds a {other.name}, not a {family.name}; weights go to their own family only")
    theirs = {n.removeprefix("family."): t for n, t in tensors.items() if n.startswith("family.")}
    average_only = not any(name.startswith("generator.") for name in theirs)
    if average_only:
        copies = {n.replace("average.", "generator.", 1): t for n, t in theirs.items() if n.startswith("average.")}
        theirs |= copies
    networks = tuple(f"{name}." for name, module in family.named_children() if any(True for _ in module.parameters()))
    ours = {name: tensor for name, tensor in family.state_dict().items() if name.startswith(networks)}
    taken, fates = fitted(family, ours, theirs)
    shares = {network: share_of(network, fates) for network in networks if network != "average."}
    if shares["generator."] < LEAST:
        skipped = next((fate for fate in fates if fate.fate == "skipped" and fate.ours), None)
        example = f"; e.g. {skipped.name} is {skipped.theirs} there, {skipped.ours} here" if skipped else ""
        raise Refusal(
            f"only {shares['generator.']:.0%} of this generator's parameters fit {path} (at least {LEAST:.0%} must)"
            f"{example}; choose the preset it was trained with ({told.get('preset')})"
        )
    with torch.no_grad():
        for name, value in taken.items():
            ours[name].copy_(value)
    if out is not None:
        origin = {"file": str(path), "sha256": sha256(path.read_bytes()).hexdigest()}
        origin |= {key: told[key] for key in ("family", "preset", "images_seen", "corpus", "domain") if key in told}
        report = {"from": origin, "parameters": shares, "tensors": [asdict(fate) for fate in fates]}
        write_at_once(out / "transfer.json", json.dumps(report, indent=1))
    return summary(path, fates, shares, average_only)


def fitted(
    family: Family, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[Told]]:
    """What to copy into our tensors, and the fate of every tensor of both sides."""
    taken: dict[str, Tensor] = {}
    fates = []
    networks = {name.split(".")[0] for name in ours}
    for name, mine in ours.items():
        if name not in theirs:
            fates.append(Told(name, "fresh", tuple(mine.shape), None, "not in the file"))
            continue
        value, fate = theirs[name].to(mine.device, mine.dtype), "matched"
        if value.shape != mine.shape:
            owner = family.get_submodule(name.rpartition(".")[0])
            value, fate = recolumned(mine, value, owner, name), "resized"
        shapes = tuple(mine.shape), tuple(theirs[name].shape)
        if value is None:
            fates.append(Told(name, "skipped", *shapes, "another shape; ours stays at random"))
            continue
        taken[name] = value
        fates.append(Told(name, fate, *shapes))
    for name in theirs.keys() - ours.keys():
        why = "no such layer here" if name.split(".")[0] in networks else "state of that training"
        fates.append(Told(name, "skipped", None, tuple(theirs[name].shape), why))
    return taken, sorted(fates, key=lambda fate: fate.name)


def recolumned(mine: Tensor, theirs: Tensor, owner: nn.Module, name: str) -> Tensor | None:
    """A dense layer's weights with as many columns as ours; None where that makes no sense."""
    if not (isinstance(owner, (Dense, nn.Linear)) and mine.ndim == theirs.ndim == 2 and len(mine) == len(theirs)):
        return None
    both = min(mine.shape[1], theirs.shape[1])
    value = mine.clone() if "embed" in name else torch.zeros_like(mine)
    scale = (
        math.sqrt(mine.shape[1] / theirs.shape[1]) if isinstance(owner, Dense) else 1
    )  # its gain is 1/sqrt(fan-in)
    value[:, :both] = theirs[:, :both] * scale
    return value


def share_of(network: str, fates: list[Told]) -> float:
    """The share of a network's numbers that come from the file."""
    numbers: Counter[bool] = Counter()
    for fate in fates:
        if fate.name.startswith(network) and fate.ours is not None:
            numbers[fate.fate in ("matched", "resized")] += math.prod(fate.ours)
    return numbers[True] / max(1, numbers.total())


def summary(path: Path, fates: list[Told], shares: Mapping[str, float], average_only: bool) -> list[str]:
    lines = [f"starting from {path}; every tensor's fate is in transfer.json"]
    for network, share in shares.items():
        count = Counter(fate.fate for fate in fates if fate.name.startswith(network))
        told = ", ".join(
            f"{count[fate]} {fate}" for fate in ("matched", "resized", "skipped", "fresh") if count[fate]
        )
        lines.append(f"  {network.removesuffix('.')}: {share:.1%} of its numbers; tensors: {told}")
    if average_only:
        lines.append("  THE FILE HOLDS THE AVERAGED GENERATOR ONLY: generator and average start from it;")
        lines.append("  any discriminator starts from nothing, and may undo part of it at first")
    return lines
