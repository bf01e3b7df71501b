"""What is printed of direct attacks: AUC, how far it falls, verdicts, quality lost, what recalibration brings.

One row an attack and a laundering. Reals are the same in all rows of a laundering, and not attacked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.attacks.answers import Attacked, Found, Said
from benchmarks.attacks.attack import NONE, Attack
from benchmarks.bootstrap import drawn, roc, with_interval
from benchmarks.detection.tables import NEEDED, VERDICT, wilson
from benchmarks.shots import Setup
from benchmarks.table import Cell, Column, Measure, Table
from detectors.examined import Examined
from detectors.weighing import fit_rows
from forensics.calibration import Calibration
from forensics.features import EffNetLite0
from forensics.verdict import Conclusion

LEAST = 10  # photos of a class, with a face and a score, that detectors are recalibrated with
NAMED = Column("attack"), Column("laundering")
INTERVALS = "Intervals, 95 %: bootstrap within class."


def tables(found: Found, setup: Setup) -> tuple[Table, ...]:
    """All tables of a run; the last three only where there are photos to recalibrate with."""
    scored = [n for n in found.detectors if any(n in s.row.scores for its in found.tested.said.values() for s in its)]
    names = [VERDICT, *scored]
    return (
        auc_table(found, names, setup),
        fall_table(found, names, setup),
        verdict_table(found),
        quality_table(found),
        *recalibration_tables(found, scored, setup),
    )


def conditions(found: Found) -> list[tuple[Attack, str]]:
    """Of the rows, in order."""
    return [(attack, launder) for attack in found.attacks for launder in found.tested.launderings]


def scores_of(said: Sequence[Said], name: str) -> np.ndarray:
    """(N,) float: a detector's scores, NaN where it was silent; of the verdict log10 LR, 0 where all were."""
    if name == VERDICT:
        return np.array([s.log10_lr or 0.0 for s in said], dtype=float)
    return np.array([s.row.scores.get(name, math.nan) for s in said], dtype=float)


def auc_table(found: Found, names: Sequence[str], setup: Setup) -> Table:
    tested = found.tested

    def cell(attack: Attack, launder: str, name: str) -> Cell:
        scores = scores_of(tested.said[attack.name, launder], name)
        spoke = ~np.isnan(scores)
        return area(spoke, tested.fake, setup, scores)

    rows = tuple((a.name, launder, *(cell(a, launder, name) for name in names)) for a, launder in conditions(found))
    notes = (
        *found.notes,
        *(f"{attack.name}: {attack.about}." for attack in found.attacks),
        "AUC: how often a generated picture scores above a real one; 0.5 is chance, under it attacked pictures look "
        f"more like a camera's than photos do. Of the pictures on which a detector was not silent. {INTERVALS}",
    )
    return Table("attacks", "AUC under attack", (*NAMED, *map(Column, names)), rows, notes)


def fall_table(found: Found, names: Sequence[str], setup: Setup) -> Table:
    tested = found.tested

    def cell(attack: Attack, launder: str, name: str) -> Cell:
        before, after = (scores_of(tested.said[its, launder], name) for its in (NONE.name, attack.name))
        return area(~np.isnan(before) & ~np.isnan(after), tested.fake, setup, after, before)

    attacked = [(attack, launder) for attack, launder in conditions(found) if attack is not NONE]
    rows = tuple((a.name, launder, *(cell(a, launder, name) for name in names)) for a, launder in attacked)
    notes = (
        "AUC under the attack less AUC without it, of the pictures on which the detector spoke both times; negative "
        "is a fall. Both are of the same bootstrap samples.",
    )
    return Table("falls", "How far AUC falls", (*NAMED, *map(Column, names)), rows, notes)


def area(
    chosen: np.ndarray, fake: np.ndarray, setup: Setup, scores: np.ndarray, less: np.ndarray | None = None
) -> Measure:
    """AUC of the chosen photos' scores, less that of other scores; not a number where a class has too few."""
    fake, n = fake[chosen], int(chosen.sum())
    if min(fake.sum(), (~fake).sum()) < NEEDED:
        return Measure(math.nan, n=n)
    samples = roc(scores[chosen], fake, setup.rounds, setup.seed).auc()
    if less is not None:
        samples = samples - roc(less[chosen], fake, setup.rounds, setup.seed).auc()
    return Measure(*with_interval(samples), n=n)


def verdict_table(found: Found) -> Table:
    """What is said of attacked pictures, and first of the real photos beside them."""
    tested = found.tested
    wanted = [Conclusion.GENERATED, Conclusion.CAMERA, Conclusion.INCONCLUSIVE]
    if any(s.conclusion == Conclusion.EDITED for its in tested.said.values() for s in its):
        wanted.append(Conclusion.EDITED)

    def shares(attack: str, launder: str, fake: bool) -> list[Measure]:
        said = [s.conclusion for s in tested.said[attack, launder] if s.row.fake == fake]
        return [wilson(conclusion == its for conclusion in said) for its in wanted]

    reals = [("real photos", launder, *shares(NONE.name, launder, False)) for launder in tested.launderings]
    fakes = [(a.name, launder, *shares(a.name, launder, True)) for a, launder in conditions(found)]
    columns = (*NAMED, *(Column(str(conclusion).replace("_", " ")) for conclusion in wanted))
    notes = ("Shares of generated pictures; of real photos, which were not attacked, in their rows. Wilson, 95 %.",)
    return Table("verdicts", "What the verdict says of attacked pictures", columns, (*reals, *fakes), notes)


def quality_table(found: Found) -> Table:
    generated = int(found.tested.fake.sum())
    rows = []
    for attack in (attack for attack in found.attacks if attack is not NONE):
        losses = found.tested.losses[attack.name]
        measures = zip(*((loss.psnr, loss.ssim, loss.moved / found.apart) for loss in losses), strict=True)
        changed = wilson(i < len(losses) for i in range(generated))
        rows.append((attack.name, changed, *(map(mean, measures) if losses else [Measure(math.nan, n=0)] * 3)))
    columns = (
        NAMED[0],
        Column("changed", about="share of generated pictures that the attack changed at all; the rest is of those"),
        Column("PSNR", "dB", "against the picture before the attack; higher is nearer, 40 is hardly seen"),
        Column("SSIM", about="structural similarity of the luminance (Wang et al. 2004); 1 = the same"),
        Column(
            "moved",
            about=f"distance in {EffNetLite0.name} features; 1 = as far as two generated pictures are on average",
        ),
    )
    notes = ("Measured before laundering. Means over pictures, with 1.96 standard errors.",)
    return Table("quality", "What attacks cost the pictures", columns, tuple(rows), notes)


def mean(values: Sequence[float]) -> Measure:
    """With the interval of 1.96 standard errors, from two values on."""
    if len(values) == 1:
        return Measure(float(values[0]), n=1)
    middle, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Measure(middle, middle - 1.96 * error, middle + 1.96 * error, len(values))


def recalibration_tables(found: Found, scored: Sequence[str], setup: Setup) -> tuple[Table, ...]:
    """What comes back when nothing is trained, but the scores' worth is measured anew on attacked pictures.

    Detectors stay as they are: each score's line is fitted again (detectors/weighing.py), so that the weight goes to
    those that still tell.
    """
    names = [attack.name for attack in found.attacks]
    photos = {name: rows_of(found.told, [name]) for name in names}
    if min(sum(row.fake == fake for row in rows) for rows in photos.values() for fake in (True, False)) < LEAST:
        return ()
    fits = {name: fit_rows(rows, scored) for name, rows in photos.items()}
    every = fit_rows(rows_of(found.told, names), scored)
    return (
        recalibrated_table(found, fits, every, setup),
        *detector_tables(found, scored, photos, setup),
    )


def rows_of(told: Attacked, attacks: Sequence[str]) -> list[Examined]:
    """Reals, and fakes under each of the attacks, with a face and a score, through all launderings."""
    rows = []
    for (attack, _), said in told.said.items():
        wanted = [
            s.row for s in said if (s.row.fake and attack in attacks) or (not s.row.fake and attack == NONE.name)
        ]
        rows += [row for row in wanted if row.face and row.scores]
    return rows


def recalibrated_table(found: Found, fits: dict[str, Calibration], every: Calibration, setup: Setup) -> Table:
    rows = []
    for attack, launder in conditions(found):
        said = found.tested.said[attack.name, launder]
        by = [totals(said, its) for its in (fits[NONE.name], fits[attack.name], every)]
        whole = np.ones(len(said), dtype=bool)
        areas = [area(whole, found.tested.fake, setup, v) for v in (scores_of(said, VERDICT), *by)]
        rows.append((attack.name, launder, *areas, *(right(v, found.tested.fake, setup) for v in by)))
    kinds = (
        ("untold", "weighed anew on pictures that were not attacked: what so few photos are worth"),
        ("told", "weighed anew on pictures under this attack: the best that weighing can do"),
        ("told all", "weighed anew on pictures under all attacks at once, as one would who knows not which comes"),
    )
    columns = (
        *NAMED,
        Column("AUC, as it is", about="by the panel's calibration, which cuts off what its photos do not support"),
        *(Column(f"AUC, {name}", about=about) for name, about in kinds),
        *(
            Column(f"accuracy, {name}", about="mean of both classes' shares on the right side of LR 1")
            for name, _ in kinds
        ),
    )
    counted = rows_of(found.told, [NONE.name])
    notes = (
        f"Nothing is trained: {sum(not r.fake for r in counted)} answers on real and {sum(r.fake for r in counted)} "
        "on generated photos of the split calibration, of each attack, say anew what each score is worth; both "
        "launderings together.",
        f"A score may lose its weight, never mean its opposite. Of the verdict's log10 LR. {INTERVALS}",
    )
    return Table("recalibrated", "What weighing anew brings back", columns, tuple(rows), notes)


def detector_tables(
    found: Found, scored: Sequence[str], photos: dict[str, list[Examined]], setup: Setup
) -> tuple[Table, Table]:
    """Each detector alone: right calls at LR 1 by a line that knows no attack, and what one that knows it adds."""
    able = [name for name in scored if all(enough(only(rows, name)) for rows in photos.values())]
    lines = {(its, name): fit_rows(only(rows, name), [name]) for its, rows in photos.items() for name in able}

    def cells(attack: Attack, launder: str, name: str) -> tuple[Measure, Measure]:
        said = found.tested.said[attack.name, launder]
        spoke = ~np.isnan(scores_of(said, name))
        fake = found.tested.fake[spoke]
        before, after = (totals(said, lines[its, name])[spoke] for its in (NONE.name, attack.name))
        return right(before, fake, setup), right(after, fake, setup, before)

    both = [(a.name, launder, [cells(a, launder, name) for name in able]) for a, launder in conditions(found)]
    columns = (*NAMED, *map(Column, able))
    first = (f"Mean of both classes' shares on the right side of LR 1; 0.5 is chance. {INTERVALS}",)
    second = (
        "Accuracy by a line fitted to pictures under this attack, less that in the table above. A line keeps the "
        "order of scores: AUC, and so what is possible at any threshold, stays as it is.",
    )
    return (
        Table("accuracy", "Each detector alone, at the threshold of old", columns, either(both, 0), first),
        Table("gains", "What a new threshold brings back, detector by detector", columns, either(both, 1), second),
    )


def either(
    both: Iterable[tuple[str, str, Sequence[tuple[Measure, Measure]]]], which: int
) -> tuple[tuple[Cell, ...], ...]:
    return tuple((name, launder, *(pair[which] for pair in pairs)) for name, launder, pairs in both)


def only(photos: Sequence[Examined], name: str) -> list[Examined]:
    """Those that a detector spoke of."""
    return [row for row in photos if name in row.scores]


def enough(photos: Sequence[Examined]) -> bool:
    return min(sum(row.fake == fake for row in photos) for fake in (True, False)) >= LEAST


def totals(said: Sequence[Said], calibration: Calibration) -> np.ndarray:
    """(N,) log10 LR by a calibration's lines, not cut off where few photos support no more; 0 of a silent panel."""
    lines = {name: line for name, line in calibration.lines.items() if line}
    parts = ([lines[name](score) for name, score in s.row.scores.items() if name in lines] for s in said)
    return np.array([sum(its) for its in parts], dtype=float)


def right(log10_lr: np.ndarray, fake: np.ndarray, setup: Setup, less: np.ndarray | None = None) -> Measure:
    """Balanced accuracy at LR 1, less that of other numbers about the same photos."""
    if min(fake.sum(), (~fake).sum()) < NEEDED:
        return Measure(math.nan, n=len(fake))
    gain = ((log10_lr > 0) == fake).astype(float) - (0.0 if less is None else (less > 0) == fake)
    fakes, reals = drawn(int(fake.sum()), int((~fake).sum()), setup.rounds, setup.seed)
    samples = (fakes @ gain[fake] / fake.sum() + reals @ gain[~fake] / (~fake).sum()) / 2
    return Measure(*with_interval(samples), n=len(fake))
