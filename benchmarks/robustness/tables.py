"""What the robustness benchmark prints: each family's worst, the verdict, its flips, and every detector's curves.

A verdict flips when a photo that was conclusive as it came supports the opposite, or nothing, after a condition.
Real photos and fakes are counted apart: a wrong accusation is worse than a miss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.bootstrap import Roc, roc, with_interval
from benchmarks.detection.tables import NEEDED, VERDICT, wilson
from benchmarks.robustness.conditions import NATIVE, Condition, families
from benchmarks.shots import Setup
from benchmarks.table import Cell, Column, Measure, Table
from forensics.stability import OPPOSITE
from forensics.verdict import Conclusion

LIMIT = 0.01  # false alarms at which fakes found are counted
CLASSES = (("real", False), ("fake", True))
AUC = "how often a fake scores above a real; 0.5 is chance, 1 perfect"
TPR = "fakes found when 1 % of the reals are flagged; higher is better"
FOUND = "TPR at 1 % FPR"


@dataclass(frozen=True)
class Answers:
    """What was said under one condition of N photos, the same in the same order under all conditions."""

    condition: Condition
    scores: Mapping[str, np.ndarray]  # detector → (N,) float, NaN = silent; "verdict" → log10 LR, silent panel = 0
    conclusions: np.ndarray  # (N,) str, a Conclusion


def tables(
    answers: Sequence[Answers], fake: np.ndarray, held: np.ndarray, setup: Setup, notes: tuple[str, ...]
) -> tuple[Table, ...]:
    """All tables of a run. answers: the photos as they came, then the other conditions. fake, held: (N,) bool."""
    scored = [n for n in answers[0].scores if any(np.isfinite(a.scores[n]).any() for a in answers)]
    curves = {(a.condition.name, n): curve(a.scores[n], fake, setup) for a in answers for n in scored}
    conclusive = np.isin(answers[0].conclusions, [str(c) for c in OPPOSITE])
    return (
        family_table(answers, curves, fake, conclusive, notes),
        verdict_table(answers, curves, fake),
        flip_table("flips", "The verdict's flips", answers, fake, conclusive, ()),
        flip_table("held", "Flips of what `forensics inspect` concludes", answers, fake, conclusive & held, (HELD,)),
        detector_table("auc", "AUC", answers, curves, scored, AUC),
        detector_table("tpr", FOUND, answers, curves, scored, TPR),
        condition_table(answers),
    )


HELD = (
    "Only photos whose conclusion outlives the re-postings that `forensics inspect` tries before it concludes. "
    "Copies are judged by their scores alone; inspected, some would be inconclusive for the same reason."
)
Curves = dict[tuple[str, str], tuple[Roc | None, int]]  # condition, detector → curve of n photos


def curve(scores: np.ndarray, fake: np.ndarray, setup: Setup) -> tuple[Roc | None, int]:
    """Of the photos that were scored, and how many they are; no curve where a class has too few."""
    spoke = np.isfinite(scores)
    if min((spoke & fake).sum(), (spoke & ~fake).sum()) < NEEDED:
        return None, int(spoke.sum())
    return roc(scores[spoke], fake[spoke], setup.rounds, setup.seed), int(spoke.sum())


def area(found: tuple[Roc | None, int]) -> Measure:
    drawn, n = found
    return Measure(*with_interval(drawn.auc()), n=n) if drawn else Measure(math.nan, n=n)


def hits(found: tuple[Roc | None, int]) -> Measure:
    drawn, n = found
    return Measure(*with_interval(drawn.tpr_at(LIMIT)), n=n) if drawn else Measure(math.nan, n=n)


def lost(before: tuple[Roc | None, int], after: tuple[Roc | None, int]) -> Measure:
    """Difference of the areas, sample by sample: the verdict has a number for every photo under every condition."""
    if before[0] is None or after[0] is None:
        return Measure(math.nan, n=after[1])
    return Measure(*with_interval(before[0].auc() - after[0].auc()), n=after[1])


def family_table(
    answers: Sequence[Answers], curves: Curves, fake: np.ndarray, conclusive: np.ndarray, notes: tuple[str, ...]
) -> Table:
    """Each family by the condition that the verdict bears worst."""
    native = answers[0]
    start = curves[NATIVE.name, VERDICT]
    rows: list[tuple[Cell, ...]] = [(NATIVE.family.title, None, area(start), hits(start), None, None)]
    for family in families(tuple(a.condition for a in answers)):
        mine = [a for a in answers if a.condition.family == family]
        areas = {a.condition: area(curves[a.condition.name, VERDICT]) for a in mine}
        worst = min(areas, key=lambda c: (math.isnan(areas[c].value), areas[c].value))
        turned = np.any([turns(native, a) for a in mine], axis=0)
        flips = (wilson(turned[conclusive & (fake == label)]) for _, label in CLASSES)
        rows.append((family.title, worst.label, areas[worst], hits(curves[worst.name, VERDICT]), *flips))
    columns = (
        Column("family"),
        Column("worst", about="of its conditions, by the verdict's AUC; the lowest of several is low by chance too"),
        Column("AUC", about=AUC),
        Column(FOUND, about=TPR),
        *(
            Column(f"turned round, {name}", about=f"share of conclusive {name} photos that any of the family turns")
            for name, _ in CLASSES
        ),
    )
    told = (
        *notes,
        *(("With fewer than 100 real photos, 1 % of them is none.",) if (~fake).sum() < 100 else ()),
        "Verdict: its log10 LR from all detectors, 0 where none could speak. "
        "Intervals, 95 %: bootstrap within class, Wilson for shares.",
    )
    return Table("families", "The verdict under each family of conditions, at worst", columns, tuple(rows), told)


def verdict_table(answers: Sequence[Answers], curves: Curves, fake: np.ndarray) -> Table:
    rows = []
    for a in answers:
        mine = curves[a.condition.name, VERDICT]
        loss = None if a.condition is NATIVE else lost(curves[NATIVE.name, VERDICT], mine)
        accused = wilson(a.conclusions[~fake] == str(Conclusion.GENERATED))
        cleared = wilson(a.conclusions[fake] == str(Conclusion.CAMERA))
        rows.append((a.condition.name, area(mine), loss, hits(mine), accused, cleared))
    columns = (
        Column("condition"),
        Column("AUC", about=f"of the log10 LR: {AUC}"),
        Column("lost", about="AUC of the photos as they came, less this; the interval is of the difference"),
        Column(FOUND, about=TPR),
        Column("real, supports generated", about="share of all real photos: wrong"),
        Column("fake, supports camera", about="share of all fakes: wrong"),
    )
    return Table("verdict", "The verdict under each condition", columns, tuple(rows))


def flip_table(
    name: str, title: str, answers: Sequence[Answers], fake: np.ndarray, among: np.ndarray, notes: tuple[str, ...]
) -> Table:
    """Of the photos `among`, conclusive as they came: how many support the opposite, how many nothing any more."""
    native, others = answers[0], answers[1:]
    parts = [(a.condition.name, turns(native, a), a.conclusions == str(Conclusion.INCONCLUSIVE)) for a in others]
    if len(parts) > 1:
        parts.append(("any of them", *(np.any([part[i] for part in parts], axis=0) for i in (1, 2))))
    rows = tuple(
        (condition, *(wilson(what[among & (fake == label)]) for _, label in CLASSES for what in (turned, faded)))
        for condition, turned, faded in parts
    )
    columns = (
        Column("condition"),
        *(
            Column(f"{kind}, {what}", about=f"share of {kind} photos, conclusive as they came, {so}")
            for kind, _ in CLASSES
            for what, so in (("opposite", "that support the opposite"), ("inconclusive", "that become inconclusive"))
        ),
    )
    return Table(name, title, columns, rows, (*notes, "Last row: at least once. Intervals: Wilson, 95 %."))


def turns(native: Answers, after: Answers) -> np.ndarray:
    """(N,) bool: the conclusion is the opposite of the photo's as it came."""
    opposite = {str(one): str(other) for one, other in OPPOSITE.items()}
    pairs = zip(native.conclusions, after.conclusions, strict=True)
    return np.array([opposite.get(str(before)) == str(now) for before, now in pairs], dtype=bool)


def detector_table(
    name: str, title: str, answers: Sequence[Answers], curves: Curves, scored: Sequence[str], about: str
) -> Table:
    """A row a condition, a column a detector, the verdict last."""
    read = {"auc": area, "tpr": hits}[name]
    rows = tuple((a.condition.name, *(read(curves[a.condition.name, n]) for n in scored)) for a in answers)
    notes = (
        f"{title}: {about}.",
        "n: photos of both classes on which the detector was not silent, so not always the same photos; "
        f"nothing is drawn from fewer than {NEEDED} of a class.",
    )
    title = f"{title} of each detector under each condition"
    return Table(name, title, (Column("condition"), *map(Column, scored)), rows, notes)


def condition_table(answers: Sequence[Answers]) -> Table:
    rows = tuple((a.condition.name, a.condition.about) for a in answers)
    columns = Column("condition"), Column("what is done", about="JPEG is 4:2:0 where not said otherwise")
    return Table("conditions", "The conditions", columns, rows)
