"""What the panel said of pictures under attack, kept line by line, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.attacks.attack import NONE, Attack, attack_named
from benchmarks.attacks.quality import Loss
from benchmarks.kept import Lines
from benchmarks.shots import Shot
from detectors.examined import Examined
from forensics.crew import Crew, Lost
from forensics.scan import Examiners

LAUNDERINGS = ("match", "repost")  # what all pictures go through, each by itself


@dataclass(frozen=True)
class Said:
    """What the panel said of a picture after an attack and a laundering. `row` is what a calibration needs of it."""

    row: Examined
    conclusion: str
    log10_lr: float | None  # None: the panel was silent


@dataclass(frozen=True)
class Attacked:
    """All that was said of N photos, in the same order everywhere; reals are the same under all attacks."""

    said: Mapping[tuple[str, str], tuple[Said, ...]]  # (attack, laundering) → N answers
    losses: Mapping[str, tuple[Loss, ...]]  # attack → of the pictures that it changed
    fake: np.ndarray  # (N,) bool

    @property
    def launderings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(launder for _, launder in self.said))


@dataclass(frozen=True)
class Found:
    """A measured benchmark: photos of the split, and those that detectors may be told of before."""

    attacks: tuple[Attack, ...]
    detectors: tuple[str, ...]
    tested: Attacked
    told: Attacked
    apart: float  # mean distance of two generated pictures in the feature space
    notes: tuple[str, ...]
    corpora: Mapping[str, str] = field(default_factory=dict)  # folder → fingerprint, for a stamp
    weights: Mapping[str, str] = field(default_factory=dict)  # detector or "calibration" → sha256, for a stamp


class Answers:
    """What was answered already: JSON lines, one a photo and attack, so that an interrupted run goes on.

    A file for each `identity`: panel, calibration, seed, launderings, reference.
    """

    def __init__(self, folder: Path, identity: object):
        name = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:16]
        self.lines = Lines(folder / f"attacked-{name}.jsonl")
        self.rows: dict[str, dict | None] = {}
        for kept in self.lines.read("answers"):
            self.rows.update(kept)

    def fill(
        self,
        wanted: Sequence[tuple[Shot, Attack]],
        crew: Crew[Examiners],
        job: Callable,
        watch: Callable[[int, int], None],
    ) -> None:
        """Have examined what has no row yet."""
        missing = [(shot, attack.name) for shot, attack in wanted if key_of(shot, attack) not in self.rows]
        done = len(wanted) - len(missing)
        watch(done, len(wanted))
        for (shot, name), row in crew.map(job, missing):
            done += 1
            key = key_of(shot, attack_named(name))
            self.rows[key] = None if isinstance(row, Lost) else row
            self.lines.add({key: self.rows[key]})
            watch(done, len(wanted))

    def of(self, shots: Sequence[Shot], attacks: Sequence[Attack]) -> Attacked:
        """Of the photos that could be read under every attack."""

        def row(shot: Shot, attack: Attack) -> dict | None:
            return self.rows[key_of(shot, attack if shot.fake else NONE)]

        whole = [shot for shot in shots if all(row(shot, attack) for attack in attacks)]
        said = {
            (attack.name, launder): tuple(said_of(shot, row(shot, attack)["said"][launder]) for shot in whole)
            for attack in attacks
            for launder in LAUNDERINGS
        }
        losses = {
            a.name: tuple(Loss(**row(s, a)["loss"]) for s in whole if s.fake and row(s, a)["loss"]) for a in attacks
        }
        return Attacked(said, losses, np.array([shot.fake for shot in whole], dtype=bool))


def key_of(shot: Shot, attack: Attack) -> str:
    return f"{shot.sha256} {attack.name}: {attack.about}"


def said_of(shot: Shot, kept: Mapping) -> Said:
    row = Examined(
        str(shot.path), "fake" if shot.fake else "real", shot.source, shot.group, *kept["size"], kept["scores"]
    )
    return Said(row, kept["conclusion"], kept["log10_lr"])
