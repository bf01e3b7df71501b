"""What the race came to: how far each detector fell, what retraining brought back, what it cost the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import nn

from benchmarks.bootstrap import roc, with_interval
from benchmarks.generalization.grounds import Ground
from benchmarks.red_queen.forgers import Strategy
from benchmarks.table import Cell, Column, Measure, Table
from detectors.probes import Scorer
from detectors.probes.network import Patches
from forensics.features import features_of, shipped
from forensics.fidelity import fid
from forensics.tensors import to_tensor

AT_ONCE = 128


@dataclass(frozen=True)
class Quality:
    """fid_like: Fréchet distance from photos in `forensics.features`, smaller is better, biased by both n.
    psnr: dB, mean over pictures of the same z as the generator made them first; inf where they are the same.
    """

    fid_like: float
    psnr: float
    n: int
    photos: int

    @classmethod
    def of(cls, photos: np.ndarray, made: np.ndarray, first: np.ndarray) -> Quality:
        """photos: points, as `points` gives them. made, first: (n, R, R, 3) uint8, of the same z."""
        error = np.square(made.astype(np.float32) - first).mean((1, 2, 3))
        psnr = float("inf") if not error.any() else float(np.mean(20 * np.log10(255 / np.sqrt(error + 1e-9))))
        return cls(fid(photos, points(made)), psnr, len(made), len(photos))


@dataclass(frozen=True, eq=False)
class Lap:
    """One forger of one round, and the detectors that have learnt its pictures too.

    Scores, probe → (n,): `before` and `photos_before` by detectors that do not know it (none in round 0), `after` and
    `photos_after` by those that do, `first` by those of the pictures of round 0.
    """

    round: int
    strategy: Strategy
    generator: nn.Module = field(repr=False)
    critic: Patches = field(repr=False)  # the probe "network"
    detectors: Mapping[str, Scorer] = field(repr=False)
    before: Mapping[str, np.ndarray] = field(repr=False)
    photos_before: Mapping[str, np.ndarray] = field(repr=False)
    after: Mapping[str, np.ndarray] = field(repr=False)
    photos_after: Mapping[str, np.ndarray] = field(repr=False)
    first: Mapping[str, np.ndarray] = field(repr=False)
    quality: Quality = field(repr=False)


def points(pictures: np.ndarray) -> np.ndarray:
    parts = (to_tensor(pictures[i : i + AT_ONCE]) for i in range(0, len(pictures), AT_ONCE))
    return features_of(parts, shipped())


def tables(laps: Sequence[Lap], ground: Ground, rounds: int, seed: int) -> tuple[Table, ...]:
    return race_table(laps, rounds, seed, ground), quality_table(laps)


def race_table(laps: Sequence[Lap], rounds: int, seed: int, ground: Ground) -> Table:
    """A row a forger: AUC before and after detectors learnt it, and of the first pictures afterwards."""
    probes = list(laps[0].after)
    rows: list[tuple[Cell, ...]] = []
    for lap in laps:
        cells: list[Cell] = []
        for probe in probes:
            known = area(lap.after[probe], lap.photos_after[probe], rounds, seed)
            before = area(lap.before[probe], lap.photos_before[probe], rounds, seed) if lap.before else None
            cells += [before, known, area(lap.first[probe], lap.photos_after[probe], rounds, seed)]
        rows.append((f"{lap.round} {lap.strategy.name}", *cells))
    columns = [Column("round, forger")]
    for probe in probes:
        columns += [
            Column(f"{probe}, new", about="AUC on the forger's new pictures, of detectors that have not learnt them"),
            Column(
                f"{probe}, retrained", about="AUC on the same once they have learnt them, beside all earlier ones"
            ),
            Column(f"{probe}, on the first", about="AUC of the retrained on pictures of round 0: is it remembered?"),
        ]
    reals = ", ".join(f"{d} {len(ground.reals[d, 'test', s])}" for d in ground.domains for s in ground.sides.values())
    notes = (
        *(f"{lap.round} {lap.strategy.name}: {lap.strategy.about}." for lap in laps[:5]),
        "The forger knows the probe network's weights and what spectrum measures; features is never attacked.",
        f"Real photos, never learnt from: {reals}. AUC, 95 % bootstrap interval; n of both classes.",
        *ground.notes,
    )
    return Table(
        "race", "How far detectors fall, and what retraining brings back (AUC)", tuple(columns), tuple(rows), notes
    )


def area(fakes: np.ndarray, reals: np.ndarray, rounds: int, seed: int) -> Measure:
    scores = np.concatenate([reals, fakes])
    fake = np.arange(len(scores)) >= len(reals)
    return Measure(*with_interval(roc(scores, fake, rounds, seed).auc()), n=len(scores))


def quality_table(laps: Sequence[Lap]) -> Table:
    rows = tuple(
        (
            f"{lap.round} {lap.strategy.name}",
            lap.quality.fid_like,
            lap.quality.fid_like - laps[0].quality.fid_like,
            None if lap.quality.psnr == float("inf") else lap.quality.psnr,
        )
        for lap in laps
    )
    n = laps[0].quality
    columns = (
        Column("round, forger"),
        Column("FID-like", about="of its pictures, not laundered, from the photos; smaller is nearer"),
        Column("FID-like, lost", about="more than in round 0: above 0 the pictures paid for passing"),
        Column("PSNR to the first", "dB", "from the first generator's picture of the same z; higher = less changed"),
    )
    notes = (f"{n.n} pictures, {n.photos} photos; space {shipped().name}: comparable with each other only.",)
    return Table("quality", "What it cost the pictures", columns, rows, notes)
