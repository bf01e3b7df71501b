"""What the probes share: a lesson to learn from, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forensics.refusal import Refusal

FEWEST = 8  # pictures a class
Scorer = Callable[[np.ndarray], np.ndarray]  # (N, S, S, 3) uint8 → (N,) float, higher = more like a fake


@dataclass(frozen=True, eq=False)
class Lesson:
    """Pictures of both classes, all of one size.

    pixels: (N, S, S, 3) uint8. fake: (N,) bool. weight: (N,) float, how much each counts; both classes count alike
    in whatever learns from it. Raises Refusal for fewer than 8 pictures of a class.
    """

    pixels: np.ndarray
    fake: np.ndarray
    weight: np.ndarray

    def __post_init__(self) -> None:
        counts = int((~self.fake).sum()), int(self.fake.sum())
        if min(counts) < FEWEST:
            raise Refusal(
                f"{counts[0]} real and {counts[1]} fake pictures to learn from; {FEWEST} of each are needed"
            )

    @classmethod
    def of(cls, real: list[np.ndarray], fake: list[np.ndarray]) -> Lesson:
        """Stacks of pictures, each (n, S, S, 3): all stacks of a class count alike, however long they are.

        A stack that is given several times counts so often, and is kept once.
        """
        stacks, labels, weights = [], [], []
        for label, given in ((False, real), (True, fake)):
            for its in {id(stack): stack for stack in given}.values():
                times = sum(stack is its for stack in given)
                stacks.append(its)
                labels.append(np.full(len(its), label))
                weights.append(np.full(len(its), times / len(given) / len(its)))
        weight = np.concatenate(weights)
        return cls(np.concatenate(stacks), np.concatenate(labels), weight * len(weight) / 2)

    def drawn(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """(n,) indices, half of each class, by weight."""
        halves = []
        for its in (~self.fake, self.fake):
            where = np.flatnonzero(its)
            halves.append(rng.choice(where, n // 2, p=self.weight[where] / self.weight[where].sum()))
        return np.concatenate(halves)


Fit = Callable[[Lesson, int], Scorer]  # (what to learn from, seed)


@dataclass(frozen=True)
class Probe:
    """One way to learn: its name, how it looks at pictures, and what trains it."""

    name: str
    about: str
    fit: Fit
