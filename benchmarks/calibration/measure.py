"""Do the verdict's numbers mean what they say, and what are its words worth where few pictures are generated?

Likelihood ratios are measured against frequencies, and words against the share of photos they are said of, each
at three priors. Nothing is examined for it: the outcomes are those of detection/measure.py, out of the same cache.
Photos without their colour are left out; a silent panel counts as LR 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.calibration.figure import figure
from benchmarks.calibration.measures import (
    cllr_cal,
    cllr_min,
    cross_entropy_at,
    ece_at,
    entropy,
    errors_at,
    fewest_errors_at,
)
from benchmarks.detection.measure import Outcome, Setup, examined
from benchmarks.detection.tables import WRONG, curve, inconclusive, weighed, wilson, wrong
from benchmarks.stamp import Stamp
from benchmarks.table import Column, Measure, Result, Table
from forensics.crew import Crew
from forensics.metrics import both_classes, cllr
from forensics.scan import Examiners
from forensics.verdict import Conclusion

PRIORS = (0.5, 0.1, 0.01)  # share of generated pictures among all
ACCUSED, CLEARED = WRONG[False], WRONG[True]  # conclusions that are wrong of a photo, and of a generated picture
EDGES = (-math.inf, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, math.inf)  # of the reliability's bins, log10 LR
TIPPETT_STEP = 0.25  # log10 LR


def measure(
    setup: Setup,
    load: Callable[[], Examiners],
    cache: Path,
    workers: int = 1,
    watch: Callable[[int, int], None] = lambda done, total: None,
    crew: Callable[..., Crew] | None = None,
) -> Result:
    """The tables of a setup. What `forensics bench detection` scored into `cache` is not examined again.

    load: importable function that gives panel and calibration. watch(done, total) is told of every photo.
    Raises Refusal as detection does.
    """
    found = examined(setup, load, cache, workers, watch, crew=crew)
    return replace(result_of(found.outcomes, setup, found.stamp, found.notes), warnings=found.gate.warnings)


def result_of(outcomes: Iterable[Outcome], setup: Setup, stamp: Stamp, notes: tuple[str, ...] = ()) -> Result:
    """Everything about outcomes that are at hand. Raises Refusal where a class is empty."""
    coloured = [o for o in outcomes if not o.shot.grey]
    found = (
        calibration_table(coloured, setup, notes),
        prior_table(coloured, setup),
        words_table(coloured),
        reliability_table(coloured),
        tippett_table(coloured),
    )
    return Result("calibration", "Calibration", found, stamp, {"reliability": figure(found)})


def calibration_table(outcomes: Sequence[Outcome], setup: Setup, notes: tuple[str, ...]) -> Table:
    """All photos, those with a face, and each maker's pictures among all real photos."""
    makers = sorted({o.shot.source for o in outcomes if o.shot.fake})
    parts = [("all", outcomes), ("with a face", [o for o in outcomes if o.face])]
    parts += [(maker, [o for o in outcomes if not o.shot.fake or o.shot.source == maker]) for maker in makers]
    rows = []
    for name, part in parts:
        bits = (curve(metric, weighed(part), setup) for metric in (cllr, cllr_min, cllr_cal, ece_at(0.5)))
        said = [o for o in part if o.conclusion != Conclusion.INCONCLUSIVE]
        rows.append((name, *bits, inconclusive(part), wrong(said)))
    columns = (
        Column("photos", about="a maker's pictures are set against all real photos"),
        Column("Cllr", "bits", "cost of the likelihood ratios; 0 perfect, 1 no information, over 1 misleading"),
        Column("Cllr min", "bits", "of it, lost because scores do not separate: the best that their order allows"),
        Column("lost", "bits", "of it, lost because the numbers are not what frequencies say: Cllr less Cllr min"),
        Column("ECE", about="mean distance of posteriors at even odds from frequencies, ten bins; 0 is best"),
        Column("inconclusive", about="share of photos of which nothing is said"),
        Column("wrong", about="share of the others of which the wrong thing is said"),
    )
    told = (*notes, "Intervals, 95 %: bootstrap within class for Cllr and ECE, Wilson for shares.")
    return Table("calibration", "Likelihood ratios and frequencies", columns, tuple(rows), told)


def prior_table(outcomes: Sequence[Outcome], setup: Setup) -> Table:
    """What somebody gains who multiplies the prior odds by the LR and goes by the posterior."""
    pairs = weighed(outcomes)
    rows = []
    for prior in PRIORS:
        metrics = errors_at(prior), fewest_errors_at(prior), cross_entropy_at(prior), ece_at(prior)
        wrong_calls, fewest, bits, gap = (curve(metric, pairs, setup) for metric in metrics)
        rows.append((percent(prior), 1000 * min(prior, 1 - prior), wrong_calls, fewest, entropy(prior), bits, gap))
    columns = (
        Column("generated", about="the prior: share of generated pictures among all"),
        Column("errors, unseen", "per 1000", "wrong calls of one who looks at nothing and says what is likelier"),
        Column("errors", "per 1000", "wrong calls where the likelier by posterior odds is said, of every photo"),
        Column("fewest", "per 1000", "the same with the threshold that is best for these photos"),
        Column("open, unseen", "bits", "what is unknown of a photo before any evidence: entropy of the prior"),
        Column("open", "bits", "what the posterior leaves open: cross-entropy; more than unseen is harm"),
        Column("ECE", about="mean distance of posteriors from frequencies at this prior"),
    )
    notes = (
        "Posterior odds = LR · prior odds. Rates are measured within each class and weighted by the prior.",
        "Intervals: bootstrap within class, 95 %.",
    )
    return Table("priors", "The likelihood ratio at three priors", columns, tuple(rows), notes)


def words_table(outcomes: Sequence[Outcome]) -> Table:
    """What the verdict's conclusions, which know no prior, are worth at each."""
    rates = {
        fake: [
            wilson(o.conclusion in wanted for o in outcomes if o.shot.fake == fake)
            for wanted in (ACCUSED, CLEARED, (Conclusion.INCONCLUSIVE,))
        ]
        for fake in (False, True)
    }
    (accused, right), (found, cleared) = rates[False][:2], rates[True][:2]
    rows = []
    for prior in PRIORS:
        said = [thousand(of_reals, of_fakes, prior) for of_reals, of_fakes in zip(*rates.values(), strict=True)]
        wrongly = mixed(accused, found, 1 - prior), mixed(cleared, right, prior)
        rows.append((percent(prior), said[0], wrongly[0], said[1], wrongly[1], said[2]))
    columns = (
        Column("generated", about="the prior: share of generated pictures among all"),
        Column("said generated", "per 1000", "photos of which a verdict supports a generator or an edit"),
        Column("wrongly", about="share of those that a camera took"),
        Column("said camera", "per 1000", "photos of which a verdict supports a camera"),
        Column("wrongly, camera", about="share of those that were generated"),
        Column("nothing said", "per 1000", "inconclusive"),
    )
    notes = ("Intervals put both classes' rates at opposite ends of their Wilson intervals: wider than 95 %.",)
    return Table("words", "The verdict's words at three priors", columns, tuple(rows), notes)


def reliability_table(outcomes: Sequence[Outcome]) -> Table:
    """How often photos with about the same LR are fakes, both classes weighted alike."""
    lr, fake = arrays(outcomes)
    rows = []
    for low, high in pairwise(EDGES):
        inside = (lr >= low) & (lr < high)
        if not inside.any():
            continue
        of_fakes, of_reals = wilson(inside[fake]), wilson(inside[~fake])
        weight = np.where(fake[inside], 1 / fake.sum(), 1 / (~fake).sum())
        said = float(np.average(1 / (1 + 10 ** -lr[inside]), weights=weight))
        observed = mixed(of_fakes, of_reals, 0.5)
        observed = Measure(observed.value, observed.low, observed.high, int(inside.sum()))
        rows.append((between(low, high), said, observed, int(inside[fake].sum()), int(inside[~fake].sum())))
    columns = (
        Column("log10 LR"),
        Column("said", about="mean posterior at even odds of photos in this bin"),
        Column("observed", about="share of fakes among them, both classes weighted alike"),
        Column("fakes"),
        Column("reals"),
    )
    notes = ("Intervals put both classes' rates at opposite ends of their Wilson intervals: wider than 95 %.",)
    return Table("reliability", "Reliability", columns, tuple(rows), notes)


def tippett_table(outcomes: Sequence[Outcome]) -> Table:
    """How often each class has at least a given LR (Tippett plot; Evett & Buckleton 1996)."""
    lr, fake = arrays(outcomes)
    first, last = math.floor(lr.min() / TIPPETT_STEP), math.ceil(lr.max() / TIPPETT_STEP)
    places = [step * TIPPETT_STEP for step in range(first, last + 1)]
    rows = tuple((x, float((lr[fake] >= x).mean()), float((lr[~fake] >= x).mean())) for x in places)
    columns = (Column("log10 LR at least"), Column("fakes", about="share of them"), Column("reals"))
    return Table("tippett", "How often a likelihood ratio is reached", columns, rows)


def arrays(outcomes: Sequence[Outcome]) -> tuple[np.ndarray, np.ndarray]:
    """(N,) log10 LR and (N,) bool, fake."""
    pairs = weighed(outcomes)
    return np.array([lr for lr, _ in pairs], dtype=float), both_classes([fake for _, fake in pairs])


def mixed(one: Measure, other: Measure, weight: float) -> Measure:
    """Share of `one` where its rate counts by `weight`, and the other's by 1 - weight; nan where both are 0."""

    def part(a: float, b: float) -> float:
        whole = weight * a + (1 - weight) * b
        return weight * a / whole if whole > 0 else math.nan

    return Measure(part(one.value, other.value), part(one.low, other.high), part(one.high, other.low))


def thousand(of_reals: Measure, of_fakes: Measure, prior: float) -> Measure:
    """Photos in 1000 at a prior, from the rates within each class."""
    ends = ((getattr(of_reals, end), getattr(of_fakes, end)) for end in ("value", "low", "high"))
    return Measure(*(1000 * ((1 - prior) * real + prior * fake) for real, fake in ends))


def percent(prior: float) -> str:
    return f"{100 * prior:g} %"


def between(low: float, high: float) -> str:
    if math.isinf(low):
        return f"under {high:g}"
    return f"{low:g} and more" if math.isinf(high) else f"{low:g} to {high:g}"
