"""What a detector says about one photo, and what every detector is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from forensics.photo import Photo


@dataclass(frozen=True)
class Mark:
    """Where to look: a labelled box in pixels of the upright photo."""

    label: str
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Claim:
    """What a file says of itself. `verified`: signed, intact, and the signer is on a trust list."""

    says: Literal["generated", "edited", "captured"]
    verified: bool
    by: str  # who says so: "XMP DigitalSourceType", "C2PA manifest signed by ..."


@dataclass(frozen=True)
class Evidence:
    """One detector's answer about one photo."""

    detector: str
    score: float | None  # higher = more like a fake; None = not scored or could not tell: `finding` says why
    finding: str  # one sentence that a person can check by eye
    marks: tuple[Mark, ...] = ()
    drawn: np.ndarray | Callable[[], np.ndarray] | None = field(default=None, repr=False)  # see `exhibit`
    claim: Claim | None = None
    caveats: tuple[str, ...] = ()  # what this method can't see
    edited: int | None = None  # a part disagrees with the rest as in none of so many untouched photos, by a margin

    @cached_property
    def exhibit(self) -> np.ndarray | None:
        """(H, W, 3) uint8: a picture of the evidence. Drawn when first looked at: scans never look."""
        return self.drawn() if callable(self.drawn) else self.drawn


@runtime_checkable
class Detector(Protocol):
    """An examiner with one question. Loaded once, asked often; the same photo gives the same evidence."""

    name: ClassVar[str]  # "eyes": a word, used in tables and columns
    question: ClassVar[str]  # "Do the two eyes match?"
    scores: ClassVar[bool]  # False = never gives a score (it reports facts and claims)
    weights: str | None  # sha256 of the weights it uses, or None if it has none

    def examine(self, photo: Photo) -> Evidence: ...


Panel = Sequence[Detector]


def silent(detector: str, why: str, *caveats: str) -> Evidence:
    """The evidence of a detector that cannot tell."""
    return Evidence(detector, None, why, caveats=caveats)
