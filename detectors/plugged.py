"""Plug-ins: detectors of other installed packages, measured beside the panel and part of no verdict.

A package declares each under its name, and the name leads to a class:

    [project.entry-points."forensics.detectors"]
    moire = "acme.moire:Moire"

The class keeps `forensics.evidence.Detector`: `name` (as declared), `question`, `load(weights)`, which gets the
folder of other people's weights and may ignore it, and `examine(photo) -> Evidence`. It may have `weights`, the
sha256 of what it learnt, and `threshold`, the score over which it says "generated".

Nothing of a package is imported before its detector is loaded; it then runs with the rights of whoever runs this.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from forensics.evidence import Evidence
from forensics.photo import Photo
from forensics.refusal import Refusal

GROUP = "forensics.detectors"
WORD = re.compile(r"[A-Za-z][\w-]*")


def plug_ins() -> tuple[PlugIn, ...]:
    """What installed packages declare, by name; not imported. Two of one name are both there."""
    found = []
    for entry in entry_points(group=GROUP):
        package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("a package without a name", "")
        found.append(PlugIn(entry.name, package, version, entry))
    return tuple(sorted(found, key=lambda it: (it.name, it.package)))


@dataclass(frozen=True)
class PlugIn:
    """A declaration. `str()` says whose it is."""

    name: str
    package: str
    version: str
    entry: EntryPoint

    @property
    def by(self) -> str:
        return f"{self.package} {self.version}".strip()

    def __str__(self) -> str:
        return f"plug-in {self.name!r} of {self.by}"

    def load(self, weights: Path) -> PluggedDetector:
        """Import the class and load it. Raises Refusal, naming the package, when either fails or is no detector."""
        if not WORD.fullmatch(self.name):
            raise Refusal(f"{self}: its name must be one word; {self.what_to_do}")
        try:
            member = self.entry.load()
        except (Exception, SystemExit) as error:
            raise Refusal(f"{self} cannot be imported ({told(error)}); {self.what_to_do}") from None
        lacking = [each for each in ("load", "examine") if not callable(getattr(member, each, None))]
        lacking += [] if isinstance(getattr(member, "question", None), str) else ["question"]
        if not isinstance(member, type) or lacking:
            what = f"a class without {', '.join(lacking)}" if isinstance(member, type) else "no class"
            raise Refusal(f"{self} is no detector ({self.entry.value} is {what}); {self.what_to_do}")
        if getattr(member, "name", None) != self.name:
            raise Refusal(f"{self}: its class is named {getattr(member, 'name', None)!r}; {self.what_to_do}")
        try:
            return PluggedDetector(self, member.load(weights))
        except (Exception, SystemExit) as error:
            raise Refusal(f"{self} cannot be loaded ({told(error)}); {self.what_to_do}") from None

    @property
    def what_to_do(self) -> str:
        return f"uninstall {self.package} or leave it out: --detectors names those that are run"


class PluggedDetector:
    """A plug-in that is loaded, held to the contract. Keeps `forensics.evidence.Detector`."""

    scores = True

    def __init__(self, source: PlugIn, detector: Any):
        self.source, self.detector = source, detector
        self.name, self.question = source.name, detector.question
        weights, threshold = (getattr(detector, name, None) for name in ("weights", "threshold"))
        if not (weights is None or isinstance(weights, str)):
            raise TypeError(f"weights is a {type(weights).__name__}, not a sha256 or None")
        self.weights: str | None = weights
        self.threshold = None if threshold is None else float(threshold)

    def examine(self, photo: Photo) -> Evidence:
        """Raises Refusal for an answer that is no evidence; what the plug-in raises itself is passed on."""
        evidence = self.detector.examine(photo)
        if not isinstance(evidence, Evidence):
            raise Refusal(
                f"{self.source} answers with a {type(evidence).__name__}, not forensics.evidence.Evidence; "
                f"{self.source.what_to_do}"
            )
        score = evidence.score
        if not (score is None or (is_number(score) and math.isfinite(score))):
            raise Refusal(f"{self.source} scores {score!r}, not a finite number or None; {self.source.what_to_do}")
        return evidence


def is_number(value: object) -> bool:
    """NumPy's and torch's scalars too."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str | bytes)


def told(error: BaseException) -> str:
    """What was raised, in one short line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}".removesuffix(": ")
