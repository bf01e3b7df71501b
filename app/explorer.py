"""What the explorer shows, as values: a picture, and the command line that makes the same bytes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from generators.latent.directions import Directions
    from generators.latent.space import Space


@dataclass(frozen=True)
class Step:
    """A slider: strength in standard deviations, at some layers; () at all."""

    direction: str
    strength: float
    layers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Look:
    """All that is set. `mixed`: the layers that take the style of `other`; () mixes nothing."""

    weights: str
    seed: int = 0
    truncation: float = 1.0
    kind: str | None = None
    other: int = 1
    mixed: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def moves(self) -> list[Step]:
        return [step for step in self.steps if step.strength]

    def picture(self, space: Space, directions: Directions | None) -> np.ndarray:
        """(H, W, C) uint8. `directions`: None where the family has no w. Raises Refusal as `edited` does."""
        from generators.latent.edit import Edit, Move, edited
        from generators.latent.points import Point

        if directions is None:
            return space.of_z(space.z(self.seed), space.label(self.seed))
        other = Point(f"seed {self.other}", self.other) if self.mixed else None
        moves = tuple(Move(step.direction, step.strength, step.layers or None) for step in self.moves)
        edit = Edit(self.truncation, other, self.mixed, moves)
        return space.of_w(edited(space, Point(f"seed {self.seed}", self.seed), edit, directions))

    def command(self, has_w: bool = True) -> list[str]:
        """Words of a shell, the file's name last."""
        kind = [] if self.kind is None else ["--class", self.kind]
        if not has_w:
            return ["forensics", "forge", self.weights, "--seeds", str(self.seed), *kind, "--out", "picture"]
        words = ["forensics", "latent", "apply", self.weights, str(self.seed), *kind]
        if self.truncation != 1:
            words += ["--truncation", f"{self.truncation:g}"]
        if self.mixed:
            words += ["--mix", f"{self.other}@{ranges(self.mixed)}"]
        for step in self.moves:
            where = f"@{ranges(step.layers)}" if step.layers else ""
            words += ["--move", f"{step.direction}{where}={step.strength:g}"]
        return [*words, "--out", "picture.png"]

    def line(self, has_w: bool = True) -> str:
        return shlex.join(self.command(has_w))


def ranges(layers: Iterable[int]) -> str:
    """Layers as a command takes them: 0-3,6."""
    runs: list[list[int]] = []
    for layer in sorted(set(layers)):
        if runs and layer == runs[-1][1] + 1:
            runs[-1][1] = layer
        else:
            runs.append([layer, layer])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
