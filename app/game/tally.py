"""Who was right how often: the player and each detector on the same questions, together and family by family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.game.dealing import Question
from app.game.opinions import Guess
from forensics.metrics import share

PLAYER = "player"


@dataclass(frozen=True)
class Count:
    """Right answers of those that were given."""

    right: int = 0
    given: int = 0

    def plus(self, right: bool) -> Count:
        return Count(self.right + right, self.given + 1)

    @property
    def share(self) -> tuple[float, float, float]:
        """Value, low, high: Wilson's 95 % interval; not a number where nothing was answered."""
        return share(self.right, self.given)


@dataclass(frozen=True)
class Score:
    """One player's or detector's. `by`: family → its questions; None → photos that stood alone."""

    who: str
    all: Count
    by: Mapping[str | None, Count] = field(default_factory=dict)


def scores(questions: Sequence[Question], answers: Sequence[Mapping[str, Guess]]) -> list[Score]:
    """The player's score, then the others' in the order of their first answer.

    `answers`: of each question answered so far, who guessed what; who is silent gave no answer.
    """
    names = dict.fromkeys([PLAYER, *(name for its in answers for name in its)])
    return [score(name, questions, answers) for name in names]


def score(who: str, questions: Sequence[Question], answers: Sequence[Mapping[str, Guess]]) -> Score:
    whole, by = Count(), {}
    for question, its in zip(questions, answers, strict=False):  # the round may not be over
        if who in its:
            right = its[who] == question.answer
            whole = whole.plus(right)
            by[question.family] = by.get(question.family, Count()).plus(right)
    return Score(who, whole, by)
