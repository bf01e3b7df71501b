"""The photos that each detector, and the verdict, got most wrong: to be looked at, one by one.

A detector has no threshold of its own, so a photo is as wrong as the share of the other class that it is ranked on
the wrong side of: 0.9 for a real photo that scored above nine in ten fakes. The mean of that share over a class is
1 - AUC, ties aside. A detector that puts every photo on its side has no mistakes here.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

from benchmarks.detection.outcome import Outcome
from benchmarks.detection.tables import VERDICT, WRONG
from benchmarks.table import Column, Table

NAME = "mistakes"
OF_A_CLASS = 4  # photos of a detector: that many real ones, that many fakes
OF_THE_VERDICT = 12  # photos
LABELS = {False: "real", True: "fake"}


@dataclass(frozen=True)
class Mistake:
    """A row of the table."""

    detector: str  # or "verdict"
    photo: str  # its path, as the benchmark was told
    label: str  # "real" or "fake"
    source: str  # maker of a fake, domain of a real photo
    misranked: float  # share of the other class, 0 to 1
    score: float | None  # the detector's; the verdict has none
    log10_lr: float | None  # of all detectors together
    conclusion: str  # of the verdict
    sha256: str  # of the file, before laundering

    @property
    def fake(self) -> bool:
        return self.label == LABELS[True]

    @property
    def concluded_wrongly(self) -> bool:
        return self.conclusion in WRONG[self.fake]


COLUMNS = (
    Column("detector"),
    Column("photo", about="path as the benchmark was told, below the folder that it was run in"),
    Column("class"),
    Column("source", about="maker of a fake, domain of a real photo"),
    Column("misranked", about="share of the other class that it is ranked on the wrong side of; 0 is right"),
    Column("score", about="the detector's own; higher is more like a generator's"),
    Column("log10 LR", about="of all detectors together; over 0 is towards a generator"),
    Column("conclusion", about="of the verdict"),
    Column("sha256", about="of the file as it came"),
)
WORD, NUMBER, PERHAPS = (str,), (float, int), (float, int, type(None))
KINDS = (WORD, WORD, WORD, WORD, NUMBER, PERHAPS, PERHAPS, WORD, WORD)  # of the cells of a row


def mistakes_table(outcomes: Sequence[Outcome], detectors: Sequence[str]) -> Table:
    """The verdict's mistakes, then each detector's that scored. `detectors`: the panel's names, in order.

    Photos examined without their colour are left out: they are copies of others.
    """
    coloured = [o for o in outcomes if not o.shot.grey]
    found = [*of_the_verdict(coloured), *(m for name in detectors for m in of_a_detector(name, coloured))]
    notes = (
        f"Verdict: at most {OF_THE_VERDICT}, wrong conclusions first, then the likelihood ratios that mislead most. "
        f"Each detector: at most {OF_A_CLASS} real photos that it scored highest, and {OF_A_CLASS} fakes lowest.",
        "Scores are of the photos as laundered, the files are as they came: inspected, they may score otherwise.",
    )
    return Table(NAME, "The photos that were got most wrong", COLUMNS, tuple(map(astuple, found)), notes)


def read_mistakes(table: Table) -> dict[str, list[Mistake]]:
    """Detector → its mistakes, in the order of a stored table; rows of another form are passed over."""
    found: dict[str, list[Mistake]] = {}
    if table.name == NAME and [c.name for c in table.columns] == [c.name for c in COLUMNS]:
        for row in table.rows:
            if all(isinstance(cell, kinds) for cell, kinds in zip(row, KINDS, strict=True)):
                mistake = Mistake(*row)  # type: ignore[arg-type]
                found.setdefault(mistake.detector, []).append(mistake)
    return found


def of_the_verdict(outcomes: Sequence[Outcome]) -> list[Mistake]:
    """Wrong conclusions, then other likelihood ratios on the wrong side of 1, the most misleading first."""

    def misleads(o: Outcome) -> float:
        return (-1 if o.shot.fake else 1) * (o.log10_lr or 0.0)

    def wrong(o: Outcome) -> bool:
        return o.conclusion in WRONG[o.shot.fake]

    chosen = sorted((o for o in outcomes if wrong(o) or misleads(o) > 0), key=lambda o: (not wrong(o), -misleads(o)))
    shares = misranked(outcomes, lambda o: o.log10_lr or 0.0)
    return [mistake(VERDICT, o, shares(o), None) for o in chosen[:OF_THE_VERDICT]]


def of_a_detector(name: str, outcomes: Sequence[Outcome]) -> list[Mistake]:
    """Real photos that scored highest and fakes that scored lowest, the most misranked of both first."""
    scored = [o for o in outcomes if name in o.scores]
    shares = misranked(scored, lambda o: o.scores[name])
    found: list[Mistake] = []
    for fake in LABELS:
        mine = sorted((o for o in scored if o.shot.fake == fake), key=lambda o: o.scores[name], reverse=not fake)
        found += [mistake(name, o, shares(o), o.scores[name]) for o in mine[:OF_A_CLASS] if shares(o) > 0]
    return sorted(found, key=lambda m: -m.misranked)


def misranked(outcomes: Sequence[Outcome], score: Callable[[Outcome], float]) -> Callable[[Outcome], float]:
    """Gives an outcome's share of the other class on the wrong side of it; equal scores are on neither."""
    reals, fakes = (sorted(score(o) for o in outcomes if o.shot.fake == fake) for fake in LABELS)

    def share(o: Outcome) -> float:
        if o.shot.fake:
            return (len(reals) - bisect_right(reals, score(o))) / max(1, len(reals))
        return bisect_left(fakes, score(o)) / max(1, len(fakes))

    return share


def mistake(detector: str, o: Outcome, share: float, score: float | None) -> Mistake:
    label, path = LABELS[o.shot.fake], storable(str(o.shot.path))
    return Mistake(detector, path, label, o.shot.source, share, score, o.log10_lr, o.conclusion, o.shot.sha256)


def storable(path: str) -> str:
    """The path itself, but for bytes that are no text and control characters: they would break files and rows."""
    return re.sub("[\x00-\x1f\ud800-\udfff]", lambda found: found[0].encode("unicode_escape").decode(), path)
