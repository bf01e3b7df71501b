"""The matrices of the generalization benchmark, and what they come to for each maker and each probe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.bootstrap import roc, with_interval
from benchmarks.generalization.grounds import Ground
from benchmarks.table import Cell, Column, Measure, Table
from detectors.probes import Probe

OTHERS, ALL = "all but", "all"  # rows of a matrix beside the makers
UNSEEN = f"{OTHERS} it"  # the row that holds, in each column, what was learnt without that column's maker
CLEAR = 0.6  # AUC


@dataclass(frozen=True, eq=False)
class Heard:
    """What one training said of one maker's pictures and of the real photos beside them."""

    probe: str
    row: str  # a maker, "all but MAKER", or ALL
    maker: str
    fakes: np.ndarray  # (n,) scores
    reals: np.ndarray  # (m,) scores, domain after domain

    def auc(self, rounds: int, seed: int, part: slice = slice(None)) -> Measure:
        """Against all real photos, or those of one domain."""
        scores = np.concatenate([self.reals[part], self.fakes])
        fake = np.arange(len(scores)) >= len(self.reals[part])
        return Measure(*with_interval(roc(scores, fake, rounds, seed).auc()), n=len(scores))


def tables(
    heard: Sequence[Heard], probes: Sequence[Probe], ground: Ground, rounds: int, seed: int
) -> tuple[Table, ...]:
    """A matrix a probe, then one row a maker, then one row a probe."""
    cells = {(h.probe, h.row, h.maker): h.auc(rounds, seed) for h in heard}
    parts = parts_of(ground)
    worst: dict[tuple[str, str], tuple[Measure, str]] = {}
    for h in heard:
        if h.row == f"{OTHERS} {h.maker}":
            apart = {domain: h.auc(rounds, seed, part) for domain, part in parts[ground.sides[h.maker]].items()}
            lowest = min(apart, key=lambda domain: apart[domain].value)
            worst[h.probe, h.maker] = apart[lowest], lowest
    matrices = tuple(matrix(probe, cells, ground.makers) for probe in probes)
    return summary(probes, cells, ground.makers), *matrices, per_maker(probes, cells, worst, ground)


def parts_of(ground: Ground) -> dict[int, dict[str, slice]]:
    """Side → domain → where its photos are among the scores of all."""
    found: dict[int, dict[str, slice]] = {}
    for side in set(ground.sides.values()):
        start = 0
        for domain in ground.domains:
            n = len(ground.reals[domain, "test", side])
            found.setdefault(side, {})[domain] = slice(start, start + n)
            start += n
    return found


def matrix(probe: Probe, cells: dict[tuple[str, str, str], Measure], makers: Sequence[str]) -> Table:
    rows: list[tuple[Cell, ...]] = [(row, *(cells[probe.name, row, m] for m in makers)) for row in (*makers, ALL)]
    unseen = (UNSEEN, *(cells[probe.name, f"{OTHERS} {m}", m] for m in makers))
    rows.insert(len(makers), unseen)
    notes = (
        f"{probe.name}: {probe.about}. Rows: what was learnt from; columns: what it was tried on. AUC against the "
        "real photos of the test split, 95 % bootstrap interval, n of both classes; under 0.5: its pictures look "
        "more like photos than photos do.",
    )
    columns = (Column("learnt from"), *(Column(maker) for maker in makers))
    return Table(probe.name, f"{probe.name}: AUC, learnt from (row), tried on (column)", columns, tuple(rows), notes)


def summary(probes: Sequence[Probe], cells: dict[tuple[str, str, str], Measure], makers: Sequence[str]) -> Table:
    """Means over cells: each has its interval in the matrices."""
    rows = []
    for probe in probes:
        own = [cells[probe.name, m, m] for m in makers]
        other = [cells[probe.name, a, b] for a in makers for b in makers if a != b]
        unseen = [cells[probe.name, f"{OTHERS} {m}", m] for m in makers]
        everything = [cells[probe.name, ALL, m] for m in makers]
        clear = sum(c.value > CLEAR and (c.low or 0) > 0.5 for c in other)
        means = (float(np.mean([c.value for c in some])) for some in (own, other, unseen, everything))
        rows.append((probe.name, *means, f"{clear} of {len(other)}"))
    columns = (
        Column("probe"),
        Column("the one it learnt", about="mean AUC on the maker that it was trained on"),
        Column("another", about="mean AUC on a maker that it was not trained on, after training on one"),
        Column(UNSEEN, about="mean AUC on a maker left out, after training on all others"),
        Column(ALL, about="mean AUC after training on all, what could be learnt at this size"),
        Column("told apart", about=f"pairs of another maker with AUC over {CLEAR} and an interval over 0.5"),
    )
    about = tuple(f"{probe.name}: {probe.about}." for probe in probes)
    return Table("summary", "What carries from one generator to another", columns, tuple(rows), about)


def per_maker(
    probes: Sequence[Probe],
    cells: dict[tuple[str, str, str], Measure],
    worst: dict[tuple[str, str], tuple[Measure, str]],
    ground: Ground,
) -> Table:
    """Each maker unseen: against all real photos, and against those that it is told from worst."""
    rows = []
    for maker in ground.makers:
        row: list[Cell] = [
            maker,
            ground.sides[maker],
            len(ground.fake(maker, "train")),
            len(ground.fake(maker, "test")),
        ]
        for probe in probes:
            lowest, domain = worst[probe.name, maker]
            row += [cells[probe.name, f"{OTHERS} {maker}", maker], lowest, domain]
        rows.append(tuple(row))
    columns = [Column("maker"), Column("own side", "px"), Column("learnt from"), Column("tried on")]
    for probe in probes:
        columns += [
            Column(f"{probe.name}, {UNSEEN}", about="AUC on a maker that was left out"),
            Column(f"{probe.name}, worst domain", about="the same against the real photos of one domain only"),
            Column(f"{probe.name}, which"),
        ]
    reals = ", ".join(
        f"{domain} {len(ground.reals[domain, 'train', side])} and {len(ground.reals[domain, 'test', side])}"
        for side in [next(iter(ground.sides.values()))]
        for domain in ground.domains
    )
    notes = (f"Real photos learnt from and tried on: {reals}.", *ground.notes)
    return Table("unseen", "Each generator when it was left out", tuple(columns), tuple(rows), notes)
