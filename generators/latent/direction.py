"""A direction of w: along it, one thing about a picture changes. How directions are named and kept."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from forensics.refusal import Refusal
from generators import snapshots
from generators.latent.space import Space

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,47}")


@dataclass(frozen=True, eq=False)
class Direction:
    """A unit vector of w, (W,) float32, and how far w spread along it: strength 1 is one standard deviation."""

    name: str
    vector: Tensor
    deviation: float
    layers: tuple[int, ...] | None = None  # where it is applied unless told; None: all
    told: Mapping[str, Any] = field(default_factory=dict)  # method, share of the variance, accuracy, ...

    @classmethod
    def along(
        cls, name: str, vector: Tensor, space: Space, layers: tuple[int, ...] | None = None, **told: Any
    ) -> Direction:
        """Of any vector (W,), by the spread of w along it."""
        vector = vector.detach().double().cpu()
        vector = vector / vector.norm().clamp_min(1e-12)
        deviation = float((space.drawn.double().cpu() @ vector).std())
        return cls(name, vector.float(), deviation, layers, told)


def upright(vectors: Tensor) -> Tensor:
    """(n, W), each turned so that its largest number is positive: eigenvectors have no sign of their own."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return vectors * largest.sign()


def renamed(directions: Iterable[Direction], names: Mapping[str, str]) -> list[Direction]:
    """With other names. Raises Refusal for one that is not there, is given twice, or is no name."""
    before = list(directions)
    found = [replace(d, name=names.get(d.name, d.name)) for d in before]
    missing = names.keys() - {d.name for d in before}
    if missing:
        raise Refusal(f"no direction {min(missing)!r} to rename")
    for name in names.values():
        if not NAME.fullmatch(name):
            raise Refusal(f"direction {name!r}: names are letters, digits, spaces, dots, - and _, at most 48")
    if len({d.name for d in found}) < len(found):
        raise Refusal("two directions would have one name; choose others")
    return found


def save(directions: Iterable[Direction], path: Path, told: Mapping[str, Any]) -> None:
    """As safetensors: a vector each, and in the header what is told of each and of all."""
    directions = list(directions)
    vectors = {d.name: d.vector.contiguous() for d in directions}
    about = {d.name: {"deviation": d.deviation, "layers": d.layers, **dict(d.told)} for d in directions}
    path.parent.mkdir(parents=True, exist_ok=True)
    snapshots.save_at_once(vectors, path, {**told, "order": [d.name for d in directions], "directions": about})


def load(path: Path) -> tuple[list[Direction], dict[str, Any]]:
    """Directions in their order, and what is told of all. Raises Refusal for a file that holds none."""
    vectors, told = snapshots.read(path)
    try:
        order, about = told.pop("order"), told.pop("directions")
        found = [read_back(name, vectors[name], **about[name]) for name in order]
        if not found:
            raise ValueError("none")
    except (TypeError, KeyError, ValueError, OverflowError):
        raise Refusal(f"{path} holds no directions; make them with `forensics latent directions`") from None
    return found, told


def read_back(name: str, vector: Tensor, deviation: float, layers: list[int] | None, **told: Any) -> Direction:
    """Raises ValueError, or what Python raises by itself, for what `save` never wrote."""
    where = None if layers is None else tuple(map(int, layers))
    direction = Direction(name, vector.float(), float(deviation), where, told)
    if vector.ndim != 1 or not 0 <= direction.deviation < math.inf or not NAME.fullmatch(name):
        raise ValueError(name)
    if where is not None and min(where) < 0:  # of none: raises too
        raise ValueError(name)
    return direction
