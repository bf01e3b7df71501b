"""A game as it stands: the round, the faces one plays with, what was answered so far, which question is on screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.game import forgers
from app.game.dealing import Question, Sight, deal
from app.game.opinions import Guess
from app.game.photos import Hand
from app.game.tally import PLAYER, Score, scores
from forensics.photo import Photo
from forensics.shown import Picture, shrunk, stored


@dataclass(frozen=True)
class Game:
    """Begin with `Game.dealt`. `answers`: of each question answered, who guessed what."""

    number: int
    hand: Hand
    questions: tuple[Question, ...]
    answers: tuple[Mapping[str, Guess], ...] = ()
    on_screen: int = 0
    pictures: Mapping[Sight, np.ndarray] = field(default_factory=dict, repr=False, compare=False)  # drawn so far

    @classmethod
    def dealt(cls, number: int, hand: Hand, length: int, pairs: bool) -> Game:
        return cls(number, hand, deal(number, len(hand.faces), forgers.families(), length, pairs))

    @property
    def over(self) -> bool:
        return self.on_screen == len(self.questions)

    @property
    def question(self) -> Question:
        return self.questions[self.on_screen]

    @property
    def revealed(self) -> bool:
        """Whether the question on screen was answered."""
        return len(self.answers) > self.on_screen

    @property
    def guess(self) -> Guess:
        """The player's, of the question on screen."""
        return self.answers[self.on_screen][PLAYER]

    @property
    def scores(self) -> list[Score]:
        return scores(self.questions, self.answers)

    def answered(self, guess: Guess, others: Mapping[str, Guess]) -> Game:
        """With the answers to the question on screen; a second click on it changes nothing."""
        return self if self.revealed else replace(self, answers=(*self.answers, {PLAYER: guess, **others}))

    def turned(self) -> Game:
        """At the next question, once this one was answered."""
        return replace(self, on_screen=self.on_screen + 1) if self.revealed else self

    def pixels(self, sight: Sight) -> np.ndarray:
        """(side, side, 3) uint8."""
        if sight.seed is None:
            return self.hand.faces[sight.photo].cuts[forgers.side(sight.family)]
        if sight not in self.pictures:
            self.pictures[sight] = forgers.picture(sight.family, sight.seed)
        return self.pictures[sight]

    def picture(self, sight: Sight, alt: str) -> Picture:
        """For the page: PNG, as small as it is; the browser enlarges both classes alike, pixel by pixel."""
        pixels = self.pixels(sight)
        return stored(shrunk(pixels, max(pixels.shape)), "PNG", alt)

    def file(self, sight: Sight) -> bytes:
        """For the detectors: PNG without metadata."""
        return Photo.from_pixels(self.pixels(sight)).data

    def name(self, sight: Sight) -> str:
        """Of a photo's file."""
        return "" if sight.photo is None else self.hand.faces[sight.photo].name


def sides(families: Sequence[str]) -> tuple[int, ...]:
    """Of all pictures that may be dealt, px."""
    return tuple(sorted({forgers.side(family) for family in families}))
