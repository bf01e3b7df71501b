"""What does a detector that learnt one generator know of the others?

Small detectors (detectors/probes), trained on the pictures of one maker and tried on those of each: the whole matrix
from the autoencoder to whatever generator is brought. Then on all makers but one, tried on that one (leave one out),
and on all, for what could be learnt. All pictures stand on common ground first (grounds.py). Beside the probes a
control, which sees colour and contrast alone: what it can tell is what pictures show, no trace of a generator.

Each training's scores are kept, so that an interrupted run goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks import Watch
from benchmarks.generalization.figure import draw
from benchmarks.generalization.grounds import Ground, Soil, ground_of
from benchmarks.generalization.tables import ALL, OTHERS, Heard, tables
from benchmarks.kept import kept_in
from benchmarks.stamp import Stamp
from benchmarks.table import Result
from detectors.probes import PROBES, Lesson, Probe
from detectors.probes.linear import fit_line
from forensics import features
from forensics.corpus import file_sha256
from forensics.refusal import Refusal
from forensics.saving import at_once


def colours(pixels: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) uint8 → (N, 6): mean and standard deviation of each channel."""
    values = pixels.reshape(len(pixels), -1, 3).astype(np.float32)
    return np.concatenate([values.mean(1), values.std(1)], 1)


CONTROL = Probe("control", "colour and contrast alone", lambda lesson, seed: fit_line(colours, lesson))


@dataclass(frozen=True)
class Training:
    """One row of a matrix: what is learnt from, and what that row is tried on."""

    row: str  # a maker, OTHERS or ALL
    learnt: tuple[str, ...]  # makers
    tried: tuple[str, ...]  # makers


def measure(
    soil: Soil,
    out: Path,
    wanted: Sequence[str] = (),
    rounds: int = 1000,
    watch: Watch = lambda doing, done, total: None,
) -> Result:
    """All matrices, and a figure of them. `wanted`: names of probes, all if none. Scores are kept in `out`.

    Raises Refusal for fewer than two makers, a probe of another name, and as `ground_of` does.
    """
    probes = probes_named(wanted)
    ground = ground_of(soil, partial(watch, "reading"))
    if len(ground.makers) < 2:
        raise Refusal(
            f"one maker ({', '.join(ground.makers)}): pass --fake NAME=FOLDER for another, or --lineage 800"
        )
    todo = [(probe, training) for probe in probes for training in trainings(ground.makers)]
    kept = Kept.of(out, soil, ground)
    heard: list[Heard] = []
    for i, (probe, training) in enumerate(todo):
        watch(f"{probe.name}: {training.row}", i, len(todo))
        scores = kept.get(probe, training)
        if scores is None:
            scores = tried(probe, training, ground, soil.seed)
            kept.put(probe, training, scores)
        heard += [Heard(probe.name, training.row, maker, *scores[maker]) for maker in training.tried]
    watch("counting", len(todo), len(todo))
    shown = tables(heard, probes, ground, rounds, soil.seed)
    settings = {"size": soil.size, "launder": soil.launder, "most": soil.most, "rounds": rounds}
    stamp = Stamp.now(soil.seed, {"pictures": ground.fingerprint}, {"features": file_sha256(features.FILE)}, settings)
    return Result("generalization", "Generalization", shown, stamp, {"matrices": draw(shown, probes, ground)})


def probes_named(wanted: Sequence[str]) -> tuple[Probe, ...]:
    """The probes of these names and the control; all for none."""
    unknown = [name for name in wanted if name not in {p.name for p in PROBES}]
    if unknown:
        raise Refusal(f"--detectors {','.join(unknown)}: allowed are {', '.join(p.name for p in PROBES)}")
    return (*(p for p in PROBES if not wanted or p.name in wanted), CONTROL)


def trainings(makers: Sequence[str]) -> Iterator[Training]:
    """One maker each, tried on all; all but one, tried on that one; all, tried on all."""
    for maker in makers:
        yield Training(maker, (maker,), tuple(makers))
    for maker in makers:
        yield Training(f"{OTHERS} {maker}", tuple(m for m in makers if m != maker), (maker,))
    yield Training(ALL, tuple(makers), tuple(makers))


def tried(probe: Probe, training: Training, ground: Ground, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Maker → (scores of its pictures, scores of the real photos with their history, domain after domain)."""
    reals = [stack for maker in training.learnt for stack in ground.real(maker, "train")]
    score = probe.fit(Lesson.of(reals, [ground.fake(maker, "train") for maker in training.learnt]), seed)
    of_reals: dict[int, np.ndarray] = {}  # by side: makers of one side share their real photos
    found = {}
    for maker in training.tried:
        side = ground.sides[maker]
        if side not in of_reals:
            of_reals[side] = score(np.concatenate(ground.real(maker, "test")))
        found[maker] = score(ground.fake(maker, "test")), of_reals[side]
    return found


@dataclass(frozen=True)
class Kept:
    """Scores on disk, a file a training; `folder` belongs to these pictures and settings."""

    folder: Path

    @classmethod
    def of(cls, out: Path, soil: Soil, ground: Ground) -> Kept:
        told = asdict(soil) | {"real": [], "fake": [], "pictures": ground.fingerprint, "makers": ground.makers}
        told |= {name: version(name) for name in ("torch", "scikit-learn")} | {"domains": ground.domains}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
        folder = out / f"generalization-scores-{digest[:16]}"
        with kept_in(folder, "scores"):
            return cls(folder)

    def path(self, probe: Probe, training: Training) -> Path:
        name = hashlib.sha256(f"{training.row}/{'/'.join(training.learnt)}".encode()).hexdigest()[:16]
        return self.folder / f"{probe.name}-{name}.npz"

    def get(self, probe: Probe, training: Training) -> dict[str, tuple[np.ndarray, np.ndarray]] | None:
        path = self.path(probe, training)
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as kept:
                return {m: (kept[f"fake {i}"], kept[f"real {i}"]) for i, m in enumerate(training.tried)}
        except (OSError, ValueError, KeyError, EOFError):
            return None  # cut off, or of another version: measured again

    def put(self, probe: Probe, training: Training, scores: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        arrays = {}
        for i, maker in enumerate(training.tried):
            arrays[f"fake {i}"], arrays[f"real {i}"] = scores[maker]
        with at_once(self.path(probe, training)) as part, open(part, "wb") as file:
            np.savez(file, **arrays)
