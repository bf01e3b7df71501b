"""What is done to a picture, in this order: truncation, another's style at some layers, steps along directions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from forensics.refusal import Refusal
from generators.latent.directions import Directions
from generators.latent.mixing import layers_of, mix
from generators.latent.points import Point
from generators.latent.space import Space

FURTHEST = 20.0  # standard deviations


@dataclass(frozen=True)
class Move:
    """So many standard deviations along a direction, at some layers; None: at the direction's own."""

    direction: str
    strength: float
    layers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and abs(self.strength) <= FURTHEST):
            raise Refusal(f"{self.direction}={self.strength:g}: strengths are {-FURTHEST:g} to {FURTHEST:g}")

    @classmethod
    def of(cls, word: str, layers: int) -> Move:
        """ "pca-0=2", "smiles@0-3=-1.5". Raises Refusal for anything else."""
        match = re.fullmatch(r"([^=@]+)(?:@([^=]+))?=\s*([-+]?[0-9.]+)\s*", word)
        try:
            name, where, strength = match[1].strip(), match[2], float(match[3])
        except (TypeError, ValueError):
            raise Refusal(f"move {word!r}: give NAME=STRENGTH or NAME@LAYERS=STRENGTH, e.g. pca-0@0-3=2") from None
        return cls(name, strength, None if where is None else tuple(layers_of(where, layers)))


@dataclass(frozen=True)
class Edit:
    """What is done to a point; by default nothing."""

    truncation: float = 1.0  # of seeds
    other: Point | None = None  # whose w is taken
    layers: tuple[int, ...] = ()  # at these layers
    moves: tuple[Move, ...] = ()


def mixing_of(word: str, layers: int) -> tuple[Point, tuple[int, ...]]:
    """ "12@4-7", "face.safetensors@coarse" → whose w, at which layers. Raises Refusal for anything else."""
    name, at, where = word.rpartition("@")
    if not at:
        raise Refusal(f"mix {word!r}: give POINT@LAYERS, e.g. 12@4-7 or 12@coarse")
    return Point.of(name), tuple(layers_of(where, layers))


def edited(space: Space, point: Point, edit: Edit, directions: Directions) -> Tensor:
    """(layers, W). Raises Refusal as `Space.w` and `Directions` do."""
    w = space.w(point, edit.truncation)
    if edit.other is not None:
        w = mix(w, space.w(edit.other, edit.truncation), edit.layers)
    for move in edit.moves:
        w = moved(w, move, directions)
    return w


def moved(w: Tensor, move: Move, directions: Directions) -> Tensor:
    """w (L, W) → the same, moved."""
    direction = directions[move.direction]
    where = direction.layers if move.layers is None else move.layers
    step = direction.vector.to(w) * (move.strength * direction.deviation)
    return w + step if where is None else mix(w, w + step, where)


def sweep(
    space: Space, point: Point, edit: Edit, along: Move, strengths: Sequence[float], directions: Directions
) -> Iterator[np.ndarray]:
    """The edited picture at each strength of one more move, (H, W, C) uint8 each.

    Raises Refusal, before the first picture, as `edited` does, and for strengths that no move has.
    """
    w = edited(space, point, edit, directions)
    ends = [moved(w, replace(along, strength=strength), directions) for strength in strengths]
    return (space.of_w(end) for end in ends)
