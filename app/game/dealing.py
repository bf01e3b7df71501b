"""A round, dealt from a number: which pictures, in which order. The same number deals the same round.

Every picture has the size of one family's, also the photos: size gives nothing away. No photo and no seed
comes twice in a round, so no pair does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

SEEDS = 1_000_000  # fakes are drawn from seeds below


@dataclass(frozen=True)
class Sight:
    """One picture of a question. Either a family's picture of a seed, or a photo at that family's size."""

    family: str
    seed: int | None = None
    photo: int | None = None  # its place among the photos at hand

    @property
    def generated(self) -> bool:
        return self.seed is not None


@dataclass(frozen=True)
class Question:
    """Two pictures, one of them generated, or one that may be either."""

    sights: tuple[Sight, ...]

    @property
    def answer(self) -> int | None:
        """Which one is generated; None: none is."""
        return next((i for i, sight in enumerate(self.sights) if sight.generated), None)

    @property
    def family(self) -> str | None:
        """Who made what is generated; None where nothing is."""
        return None if self.answer is None else self.sights[self.answer].family


def deal(number: int, photos: int, families: Sequence[str], length: int, pairs: bool) -> tuple[Question, ...]:
    """A round of at most `length` questions. Pairs need a photo each; single pictures can do with few."""
    rng = np.random.default_rng(number)
    order = [int(i) for i in rng.permutation(photos)]
    makers, seeds = cycled(families, rng), iter(rng.choice(SEEDS, length, replace=False))
    if pairs:
        return tuple(pair(next(makers), int(next(seeds)), photo, rng) for photo in order[:length])
    real = np.zeros(length, dtype=bool)
    real[: min(int(rng.binomial(length, 0.5)), photos)] = True  # a coin each: counting photos helps little
    sizes = cycled(families, rng)
    sights = (
        Sight(next(sizes), photo=order.pop()) if is_real else Sight(next(makers), seed=int(next(seeds)))
        for is_real in rng.permutation(real)
    )
    return tuple(Question((sight,)) for sight in sights)


def pair(family: str, seed: int, photo: int, rng: np.random.Generator) -> Question:
    sights = Sight(family, seed=seed), Sight(family, photo=photo)
    return Question(sights if rng.random() < 0.5 else sights[::-1])


def cycled(families: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    """All families before any comes again, in an order that changes each time."""
    while True:
        yield from (families[i] for i in rng.permutation(len(families)))
