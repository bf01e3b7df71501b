"""A row a detector, the verdict last: how well it ranks, what it is worth at a threshold, who it is, maker by maker.

A published detector and a plug-in stand in the same rows as the panel, each marked. Photos on which a detector was
silent are not in its figures; the table of who was measured tells how many were scored.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.bootstrap import roc, with_interval
from benchmarks.detection.beside import PANEL, VERDICT, Absent, Entrant
from benchmarks.detection.curves import NEEDED, Curve
from benchmarks.detection.outcome import Outcome
from benchmarks.shots import Setup
from benchmarks.table import Column, Measure, Table
from forensics.metrics import share

Pairs = list[tuple[float, bool]]  # score and class of the photos that were scored
ROWS = (Column("detector"), Column("kind", about="panel: weighed in verdicts; the others are measured beside it"))


def curves_of(outcomes: Sequence[Outcome], entrants: Sequence[Entrant], setup: Setup) -> dict[str, Curve]:
    """Of everybody who scored anything, in the order of the rows."""
    found = {each.name: (pairs_of(outcomes, each.name), each.threshold) for each in entrants}
    return {name: Curve.of(pairs, line, setup.rounds, setup.seed) for name, (pairs, line) in found.items() if pairs}


def pairs_of(outcomes: Sequence[Outcome], name: str) -> Pairs:
    values = ((o.log10_lr if name == VERDICT else o.scores.get(name), o.shot.fake) for o in outcomes)
    return [(value, fake) for value, fake in values if value is not None]


def detector_tables(
    outcomes: Sequence[Outcome],
    entrants: Sequence[Entrant],
    curves: dict[str, Curve],
    setup: Setup,
    notes: tuple[str, ...] = (),
) -> tuple[Table, ...]:
    """outcomes: photos in colour; curves: of `curves_of`; notes: what holds for the whole run."""
    scored = [each for each in entrants if each.name in curves]
    return (
        ranking_table(scored, curves, notes),
        threshold_table(scored, curves, sum(not o.shot.fake for o in outcomes)),
        who_table(outcomes, entrants),
        maker_table(outcomes, scored, curves, setup),
    )


def ranking_table(entrants: Sequence[Entrant], curves: dict[str, Curve], notes: tuple[str, ...]) -> Table:
    rows = tuple((e.name, e.kind, curves[e.name].auc, curves[e.name].ap, curves[e.name].eer) for e in entrants)
    columns = (
        *ROWS,
        Column("AUC", about="how often a fake scores above a real; 0.5 is chance, 1 perfect"),
        Column("AP", about="average precision; chance is the share of fakes among the photos, 1 perfect"),
        Column("EER", about="where false alarms and misses are equally frequent; lower is better"),
    )
    told = (*notes, "Intervals, 95 %: bootstrap within class.")
    judged = any(each.name == VERDICT for each in entrants)
    title = "Detectors, and the verdict of the whole panel" if judged else "Detectors"
    return Table("detectors", title, columns, rows, told)


def threshold_table(entrants: Sequence[Entrant], curves: dict[str, Curve], reals: int) -> Table:
    rows = tuple(
        (e.name, e.kind, e.threshold, curves[e.name].accuracy, curves[e.name].strict, curves[e.name].strictest)
        for e in entrants
    )
    columns = (
        *ROWS,
        Column(
            "threshold",
            about="its own, on its score. Of the verdict log10 LR 0; of the panel where its calibration, for photos "
            "with a face, says LR 1; of a published detector its authors'; none where it weighs nothing or has none",
        ),
        Column("accuracy", about="balanced: mean of the shares of reals and of fakes on their side of the threshold"),
        Column("TPR at 1 % FPR", about="fakes found when 1 % of the reals are flagged; higher is better"),
        Column("TPR at 0.1 % FPR", about="the same when 0.1 % are"),
    )
    few = [share for share, least in (("1 %", 100), ("0.1 %", 1000)) if reals < least]
    told = (f"Of {reals} real photos, {' and '.join(few)} {'is' if len(few) == 1 else 'are'} none.",) if few else ()
    return Table("thresholds", "The same at thresholds", columns, rows, told)


def who_table(outcomes: Sequence[Outcome], entrants: Sequence[Entrant]) -> Table:
    """Also those that were silent on every photo."""
    rows = []
    for each in entrants:
        scored = [
            [(o.log10_lr if each.name == VERDICT else o.scores.get(each.name)) is not None for o in its]
            for its in ([o for o in outcomes if o.shot.fake == fake] for fake in (False, True))
        ]
        by = each.by or ("this package" if each.kind == PANEL else "all of the panel")
        coverage = (Measure(*share(sum(hits), len(hits)), n=len(hits)) for hits in scored)
        rows.append((each.name, each.kind, by, each.weights[:12] if each.weights else None, *coverage))
    columns = (
        *ROWS,
        Column("by"),
        Column("weights", about="sha256, its beginning"),
        Column("scored, real", about="share of real photos on which it was not silent"),
        Column("scored, fake", about="the same of fakes"),
    )
    return Table("who", "Who was measured", columns, tuple(rows), ("Intervals: Wilson, 95 %.",))


def maker_table(
    outcomes: Sequence[Outcome], entrants: Sequence[Entrant], curves: dict[str, Curve], setup: Setup
) -> Table:
    """AUC of each maker's pictures against all real photos."""
    makers = sorted({o.shot.source for o in outcomes if o.shot.fake})
    rows = []
    for each in entrants:
        parts = ([o for o in outcomes if not o.shot.fake or o.shot.source == maker] for maker in makers)
        rows.append((each.name, *(area(pairs_of(part, each.name), setup) for part in parts), curves[each.name].auc))
    columns = (Column("detector"), *map(Column, makers), Column("all"))
    notes = (
        "Against all real photos, with a face or without; n counts both classes. "
        f"Nothing is drawn from fewer than {NEEDED} of a class.",
    )
    return Table("makers", "AUC of each detector, maker by maker", columns, tuple(rows), notes)


def area(pairs: Pairs, setup: Setup) -> Measure:
    fakes = sum(fake for _, fake in pairs)
    if min(fakes, len(pairs) - fakes) < NEEDED:
        return Measure(float("nan"), n=len(pairs))
    scores, fake = ([pair[i] for pair in pairs] for i in (0, 1))
    return Measure(*with_interval(roc(scores, fake, setup.rounds, setup.seed).auc()), n=len(pairs))


def absent_tables(absent: Sequence[Absent]) -> tuple[Table, ...]:
    """Published detectors without weights: named, never dropped. No table where there are none."""
    rows = tuple((each.title, each.year, each.how_to_get_it) for each in absent)
    columns = Column("published detector"), Column("year"), Column("how to get it")
    notes = ("Nothing is downloaded.",)
    return (Table("absent", "Not measured: no weights", columns, rows, notes),) if rows else ()
