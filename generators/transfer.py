"""Transfer learning: start from the weights of another training, and tell of every tensor what became of it.

Tensors are matched by name. One of the same shape is copied. A dense layer with other columns (labels were added)
keeps the columns that both have: what comes in newly starts at zero, so that the pictures stay what they were.
An embedding's columns are classes: they follow their names where both sides tell them, and new classes start at
random. All others are left out, and ours stay at random. A network that grows by a resolution matches in all layers
but the new ones.

Optimisers, and state of the training itself (ADA's p, the mean path length), start anew.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
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
from generators.interop.reading import is_theirs
from generators.interop.resuming import as_snapshot
from generators.layers import Dense
from generators.trained import told_by_run

LEAST = 0.5  # share of a network's parameters that must fit, of each network that the file has
EMBEDDING = ".mapping.embed.weight"  # whose columns are classes
NAMED = 6  # tensors, or classes, that a line on the screen names
Fate = Literal["matched", "resized", "skipped", "fresh"]  # skipped: theirs, not taken; fresh: ours, at random


@dataclass(frozen=True)
class Columns:
    """Which of their classes' columns each of ours comes from."""

    theirs: tuple[str, ...]  # names, or numbers where none are told; () without classes
    ours: tuple[str, ...]

    @property
    def by_name(self) -> bool:
        """Numbers are no names where the other side has real ones; as names of each other they are in order."""
        return bool({*self.theirs} & {*self.ours}) or not (numbered(self.theirs) or numbered(self.ours))

    @property
    def sources(self) -> list[int | None]:
        """Of each of our columns, theirs; None for a new class."""
        if self.by_name:
            return [self.theirs.index(name) if name in self.theirs else None for name in self.ours]
        return [column if column < len(self.theirs) else None for column in range(len(self.ours))]

    def report(self) -> dict[str, Any]:
        sources = self.sources
        kept = {
            name: self.theirs[source] for name, source in zip(self.ours, sources, strict=True) if source is not None
        }
        return {
            "by": "name" if self.by_name else "column",
            "kept": kept,
            "new": [name for name, source in zip(self.ours, sources, strict=True) if source is None],
            "left": [name for column, name in enumerate(self.theirs) if column not in sources],
        }

    def lines(self) -> list[str]:
        """What to say of the classes; nothing where neither side, or only theirs, has some."""
        if not self.ours:
            return []
        report = self.report()
        kept = [ours if ours == theirs else f"{ours} from {theirs}" for ours, theirs in report["kept"].items()]
        how = "by name" if self.by_name else "BY COLUMN, for not both sides tell names"
        parts = {f"kept {how}": kept, "new, at random": report["new"], "left behind": report["left"]}
        return ["  classes " + "; ".join(f"{what}: {shortened(names)}" for what, names in parts.items() if names)]


def numbered(names: Sequence[str]) -> bool:
    return list(names) == [str(column) for column in range(len(names))]


def names_of_classes(
    tensors: Mapping[str, Tensor], told: Mapping[str, Any], family: Family, classes: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Theirs and ours; numbers where names are not told, or not of every column."""
    columns = next((t.shape[1] for name, t in tensors.items() if name.endswith(EMBEDDING) and t.ndim == 2), 0)
    sides = (tuple(map(str, told.get("classes") or ())), columns), (classes, getattr(family.config, "labels", 0))
    theirs, ours = (tuple(names) if len(names) == n else tuple(map(str, range(n))) for names, n in sides)
    return theirs, ours


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
    return described(path, read(path)[1])


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors under our names and what is told, of a file of ours or of another code (interop)."""
    return as_snapshot(path) if is_theirs(path) else snapshots.read(path)


def described(path: Path, told: dict[str, Any]) -> dict[str, Any]:
    if path.parent.name == "snapshots" and "config" not in told:
        told = told | told_by_run(path.parent.parent)
    return told


def transfer(path: Path, family: Family, out: Path | None = None, classes: Sequence[str] = ()) -> list[str]:
    """Copy into a new family what fits of a snapshot or an exported file; returns what to say of it.

    `classes`: names of the labels' columns here. Writes `out`/transfer.json. Raises Refusal for another family's
    weights (StyleGAN2 and StyleGAN2-ADA are one network), and when less than half of the parameters of the
    generator fit, or of another network that the file has; then nothing is changed.
    """
    tensors, told = read(path)
    told = described(path, told)
    other = family_named(str(told.get("family")))
    if not (isinstance(family, other) or issubclass(other, type(family))):
        raise Refusal(f"{path} holds weights of {other.name}, not of {family.name}; they go to their own family only")
    theirs = {n.removeprefix("family."): t for n, t in tensors.items() if n.startswith("family.")}
    average_only = not any(name.startswith("generator.") for name in theirs)
    if average_only:
        copies = {n.replace("average.", "generator.", 1): t for n, t in theirs.items() if n.startswith("average.")}
        theirs |= copies
    networks = tuple(f"{name}." for name, module in family.named_children() if any(True for _ in module.parameters()))
    ours = {name: tensor for name, tensor in family.state_dict().items() if name.startswith(networks)}
    columns = Columns(*names_of_classes(theirs, told, family, classes))
    taken, fates = fitted(family, ours, theirs, columns)
    shares = {network: share_of(network, fates) for network in networks if network != "average."}
    for network, share in shares.items():
        if share < LEAST and (network == "generator." or any(name.startswith(network) for name in theirs)):
            raise misfit(path, network, share, fates, told)
    with torch.no_grad():
        for name, value in taken.items():
            ours[name].copy_(value)
    if out is not None:
        origin = {"file": str(path), "sha256": sha256(path.read_bytes()).hexdigest()}
        origin |= {key: told[key] for key in ("family", "preset", "images_seen", "corpus", "domain") if key in told}
        report = {"from": origin, "parameters": shares, "classes": columns.report()}
        write_at_once(out / "transfer.json", json.dumps({**report, "tensors": [asdict(f) for f in fates]}, indent=1))
    return [*summary(path, fates, shares, average_only), *columns.lines()]


def misfit(path: Path, network: str, share: float, fates: list[Told], told: Mapping[str, Any]) -> Refusal:
    """What to raise for a network of which too little fits."""
    skipped = (fate for fate in fates if fate.fate == "skipped" and fate.ours and fate.name.startswith(network))
    example = next((f"; e.g. {fate.name} is {fate.theirs} there, {fate.ours} here" for fate in skipped), "")
    name = network.removesuffix(".")
    alone = "" if name == "generator" else "; or `forensics export` it first: an export is the generator alone"
    return Refusal(
        f"only {share:.0%} of this {name}'s parameters fit {path} (at least {LEAST:.0%} must){example}; choose the "
        f"preset it was trained with ({told.get('preset')}){alone}"
    )


def fitted(
    family: Family, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], columns: Columns
) -> tuple[dict[str, Tensor], list[Told]]:
    """What to copy into our tensors, and the fate of every tensor of both sides."""
    taken: dict[str, Tensor] = {}
    fates = []
    networks = {name.split(".")[0] for name in ours}
    for name, mine in ours.items():
        if name not in theirs:
            fates.append(Told(name, "fresh", tuple(mine.shape), None, "not in the file"))
            continue
        value, fate, why = theirs[name].to(mine.device, mine.dtype), "matched", ""
        shapes = tuple(mine.shape), tuple(theirs[name].shape)
        if name.endswith(EMBEDDING) and len(mine) == len(value):
            value = reclassed(mine, value, columns.sources)
            if None in columns.sources or shapes[0] != shapes[1]:
                fate = "resized"
            why = "no class of theirs is ours; all stay at random" if value is None else "columns follow classes"
        elif shapes[0] != shapes[1]:
            value, fate = recolumned(mine, value, family.get_submodule(name.rpartition(".")[0])), "resized"
            why = "another shape; ours stays at random" if value is None else ""
        if value is None:
            fates.append(Told(name, "skipped", *shapes, why))
            continue
        taken[name] = value
        fates.append(Told(name, fate, *shapes, why))
    for name in theirs.keys() - ours.keys():
        why = "no such layer here" if name.split(".")[0] in networks else "state of that training"
        fates.append(Told(name, "skipped", None, tuple(theirs[name].shape), why))
    return taken, sorted(fates, key=lambda fate: fate.name)


def reclassed(mine: Tensor, theirs: Tensor, sources: Sequence[int | None]) -> Tensor | None:
    """An embedding (W, K) whose columns are theirs where there is a source, ours elsewhere; None without any."""
    known = [column for column, source in enumerate(sources) if source is not None]
    if not known:
        return None
    value = mine.clone()
    scale = math.sqrt(mine.shape[1] / theirs.shape[1])  # its gain is 1/sqrt(fan-in)
    value[:, known] = theirs[:, [source for source in sources if source is not None]] * scale
    return value


def recolumned(mine: Tensor, theirs: Tensor, owner: nn.Module) -> Tensor | None:
    """A dense layer's weights with as many columns as ours; None where that makes no sense."""
    if not (isinstance(owner, (Dense, nn.Linear)) and mine.ndim == theirs.ndim == 2 and len(mine) == len(theirs)):
        return None
    both = min(mine.shape[1], theirs.shape[1])
    value = torch.zeros_like(mine)
    gain = math.sqrt(mine.shape[1] / theirs.shape[1]) if isinstance(owner, Dense) else 1  # it is 1/sqrt(fan-in)
    value[:, :both] = theirs[:, :both] * gain
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
        own = [fate for fate in fates if fate.name.startswith(network)]
        count = Counter(fate.fate for fate in own)
        told = ", ".join(
            f"{count[fate]} {fate}" for fate in ("matched", "resized", "skipped", "fresh") if count[fate]
        )
        lines.append(f"  {network.removesuffix('.')}: {share:.1%} of its numbers; tensors: {told}")
        lost: dict[str, list[str]] = {}
        for fate in own:
            if fate.fate in ("skipped", "fresh"):
                lost.setdefault(f"{fate.fate} ({fate.why})", []).append(fate.name.removeprefix(network))
        lines += [f"    {why}: {shortened(names)}" for why, names in lost.items()]
    if average_only:
        lines.append("  THE FILE HOLDS THE AVERAGED GENERATOR ONLY: generator and average start from it;")
        lines.append("  a discriminator, where there is one, starts from nothing, and may undo part of it at first")
    return lines


def shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
