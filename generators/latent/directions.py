"""Directions of w, by name: along each, one thing about a picture changes. How they are kept, and found again."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from forensics.refusal import Refusal
from generators import snapshots
from generators.family import did_you_mean
from generators.latent.space import Space

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,47}")
ANY = re.compile(r"(sefa|pca)-(\d{1,4})")  # found when asked for, without a file


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


class Directions:
    """Those in files, and SeFa's and PCA's, which are found when asked for: "sefa-0", "pca-3".

    Raises Refusal for those of files that are of another w, and for two of one name.
    """

    def __init__(self, space: Space, given: Iterable[Direction] = ()):
        self.space = space
        self.given: dict[str, Direction] = {}
        for direction in given:
            last = space.styled.layers - 1
            if direction.name in self.given:
                raise Refusal(f"two directions are called {direction.name!r}; take one, or rename one")
            if len(direction.vector) != space.styled.width:
                raise Refusal(
                    f"direction {direction.name!r} has {len(direction.vector)} numbers, this generator's w"
                    f" {space.styled.width}; find directions anew with `forensics latent directions`"
                )
            if direction.layers is not None and max(direction.layers) > last:
                raise Refusal(
                    f"direction {direction.name!r} is for layers up to {max(direction.layers)};"
                    f" there are 0 to {last} here"
                )
            self.given[direction.name] = direction

    @property
    def names(self) -> list[str]:
        return list(self.given)

    def __getitem__(self, name: str) -> Direction:
        """Raises Refusal for a name that is neither in a file nor can be found."""
        if name in self.given:
            return self.given[name]
        match = ANY.fullmatch(name)
        if match is None:
            hint = did_you_mean(name, self.given)
            raise Refusal(f"no direction {name!r}; known: {', '.join([*self.names, 'sefa-0', 'pca-0', '...'])}{hint}")
        found = self.by_sefa if match[1] == "sefa" else self.by_pca
        if int(match[2]) >= len(found):
            raise Refusal(
                f"direction {name!r}: {match[1]} finds {len(found)} here, {match[1]}-0 to -{len(found) - 1}"
            )
        return found[int(match[2])]

    @cached_property
    def by_sefa(self) -> list[Direction]:
        from generators.latent.unsupervised import sefa

        return sefa(self.space)

    @cached_property
    def by_pca(self) -> list[Direction]:
        from generators.latent.unsupervised import pca

        return pca(self.space)


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
