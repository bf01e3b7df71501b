"""What the detection benchmark prints: detectors, verdict, generators against real faces, who is accused.

The rows of detectors: detector_tables.py.
Photos examined without their colour count in their own rows only. A face is one that the landmarks' finder
sees after laundering; its height is from brow line to chin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from benchmarks.detection.beside import VERDICT, Entrant
from benchmarks.detection.curves import NEEDED, Curve
from benchmarks.detection.detector_tables import detector_tables
from benchmarks.detection.outcome import Outcome
from benchmarks.shots import Setup
from benchmarks.table import Cell, Column, Measure, Table
from forensics.metrics import Metric, auc, cllr, ece, interval, share
from forensics.verdict import Conclusion

BESIDE = ("classifier",)  # detectors that are shown beside the verdict, generator by generator
LISTED = 10  # photos of a domain, from which its part of a subset has a row
LARGE = 256  # px
BROWN = 10  # degrees of ITA, under which skin counts as dark: the categories "brown" and "dark"
STRONG = 2  # |log10 LR| over which a claim is one of "100 times likelier"
WRONG = {False: (Conclusion.GENERATED, Conclusion.EDITED), True: (Conclusion.CAMERA,)}  # by class
SUBSETS: tuple[tuple[str, Callable[[Outcome], bool]], ...] = (  # of real photos
    ("grey", lambda o: o.shot.grey),
    (f"dark skin (ITA < {BROWN}°)", lambda o: not o.shot.grey and o.ita is not None and o.ita < BROWN),
    (f"lighter skin (ITA ≥ {BROWN}°)", lambda o: not o.shot.grey and o.ita is not None and o.ita >= BROWN),
    (f"face ≥ {LARGE} px", lambda o: not o.shot.grey and o.face >= LARGE),
    (f"face ≥ {LARGE} px before laundering", lambda o: not o.shot.grey and o.face_before >= LARGE),
    (f"face in a photo ≥ {LARGE} px", lambda o: not o.shot.grey and o.face > 0 and o.side >= LARGE),
)


def tables(
    outcomes: Sequence[Outcome],
    entrants: Sequence[Entrant],
    curves: dict[str, Curve],
    setup: Setup,
    notes: tuple[str, ...] = (),
) -> tuple[Table, ...]:
    """All tables of a run. entrants: whose rows there are; curves: of `curves_of`, of photos in colour; notes: what
    holds for all of it. What the verdict says of whom is told where there is one.
    """
    coloured = [o for o in outcomes if not o.shot.grey]
    ranking, thresholds, who, makers = detector_tables(coloured, entrants, curves, setup, notes)
    if not any(each.name == VERDICT for each in entrants):
        return ranking, thresholds, makers, who
    return (
        ranking,
        thresholds,
        verdict_table(coloured, setup),
        makers,
        *generator_tables(coloured, [each.name for each in entrants], setup),
        share_table(coloured, fake=False),
        subset_table(outcomes),
        share_table(coloured, fake=True),
        who,
    )


def verdict_table(outcomes: Sequence[Outcome], setup: Setup) -> Table:
    """How much the verdict's numbers and words are worth."""
    faces = [o for o in outcomes if o.face]
    large = [o for o in faces if o.face >= LARGE]
    conclusive = [o for o in outcomes if o.conclusion != Conclusion.INCONCLUSIVE]
    strong = [o for o in outcomes if abs(o.log10_lr or 0.0) > STRONG]
    claims = [o for o in strong if o.conclusion != Conclusion.INCONCLUSIVE]
    bits = "bits; 0 perfect, 1 no information; a silent panel counts as LR 1"
    gap = "how far posteriors at even odds are from frequencies; 0 is best"
    also = f"share of all |log10 LR| > {STRONG} on the wrong side, also where the verdict is inconclusive"
    rows = (
        ("Cllr", curve(cllr, weighed(outcomes), setup), bits),
        ("Cllr, faces", curve(cllr, weighed(faces), setup), "the same of photos with a face"),
        ("ECE", curve(ece, weighed(outcomes), setup), gap),
        ("ECE, faces", curve(ece, weighed(faces), setup), "the same of photos with a face"),
        ("inconclusive", inconclusive(outcomes), "share of all photos"),
        (f"inconclusive, face ≥ {LARGE} px", inconclusive(large), "of photos with such a face, as laundered"),
        ("wrong", wrong(conclusive), "share of conclusive verdicts"),
        ("wrong, LR > 100", wrong(claims), f"share of conclusive verdicts with |log10 LR| > {STRONG}"),
        ("misleading, LR > 100", wilson((o.log10_lr > 0) != o.shot.fake for o in strong), also),
    )
    columns = (Column("measure"), Column("value"), Column("what it is"))
    notes = ("Intervals, 95 %: bootstrap for Cllr and ECE, Wilson for shares.",)
    return Table("verdict", "The verdict", columns, rows, notes)


def generator_tables(outcomes: Sequence[Outcome], detectors: Sequence[str], setup: Setup) -> tuple[Table, Table]:
    """AUC of each maker's faces against all real photos with a face, and against those of each domain.

    A detector that learnt the domains of its training photos is good at one domain and bad at another.
    """
    reals = [o for o in outcomes if o.face and not o.shot.fake]
    domains: dict[str, list[Outcome]] = {}
    for o in sorted(reals, key=lambda o: o.shot.source):
        domains.setdefault(o.shot.source, []).append(o)
    few = [name for name, photos in domains.items() if len(photos) < NEEDED]
    domains = {name: photos for name, photos in domains.items() if name not in few}
    beside = [name for name in detectors if name in BESIDE and any(name in o.scores for o in outcomes)]
    rows: list[tuple[Cell, ...]] = []
    cells: list[tuple[Cell, ...]] = []
    for maker in [*sorted({o.shot.source for o in outcomes if o.shot.fake}), None]:
        made = [o for o in outcomes if o.shot.fake and maker in (o.shot.source, None)]
        fakes = [o for o in made if o.face]
        scored = ([(o.scores[n], o.shot.fake) for o in [*reals, *fakes] if n in o.scores] for n in beside)
        areas = [curve(auc, pairs, setup) for pairs in (weighed([*reals, *fakes]), *scored)]
        apart = {name: curve(auc, weighed([*photos, *fakes]), setup) for name, photos in domains.items()}
        worst = min((name for name in apart if apart[name].value >= 0), key=lambda n: apart[n].value, default=None)
        found = wilson(o.face > 0 for o in made)
        rows.append((maker or "all", *areas, worst, apart[worst] if worst else None, found))
        cells.append((maker or "all", *apart.values()))
    columns = (
        Column("maker"),
        Column(f"AUC, {VERDICT}", about="of the log10 LR; a silent panel counts as LR 1"),
        *(Column(f"AUC, {name}", about="of its score, where it gave one") for name in beside),
        Column("worst domain", about="the real faces that the verdict tells this maker's from worst"),
        Column("AUC there"),
        Column("with a face", about="share of the maker's pictures in which a face was found; only they are counted"),
    )
    notes = (f"{len(reals)} real photos with a face; n of an AUC counts both classes.",)
    told = (*(Column(name, about=f"{len(photos)} real photos with a face") for name, photos in domains.items()),)
    left = (f"Left out, fewer than {NEEDED} faces: {', '.join(few)}.",) if few else ()
    title = "Each generator against each domain's faces: AUC of the verdict"
    return (
        Table("generators", "Each generator against real faces", columns, tuple(rows), notes),
        Table("domains", title, (Column("maker"), *told), tuple(cells), left),
    )


def share_table(outcomes: Sequence[Outcome], fake: bool) -> Table:
    """What was concluded about the reals of each domain, or the fakes of each maker."""
    chosen = [outcome for outcome in outcomes if outcome.shot.fake == fake]
    sources = [*sorted({o.shot.source for o in chosen}), None]
    parts = [(name or "all", [o for o in chosen if name in (o.shot.source, None)]) for name in sources]
    title = "Generated pictures, by maker" if fake else "Real photos, by domain"
    columns, rows = shares("maker" if fake else "domain", parts, fake)
    return Table("fakes" if fake else "reals", title, columns, rows, ("Intervals: Wilson, 95 %.",))


def subset_table(outcomes: Sequence[Outcome]) -> Table:
    """The same of real photos without colour, of dark skin, and with large faces."""
    chosen = [o for o in outcomes if not o.shot.fake]
    parts: list[tuple[str, list[Outcome]]] = []
    for label, belongs in SUBSETS:
        part = [o for o in chosen if belongs(o)]
        for domain in sorted({o.shot.source for o in part}):
            mine = [o for o in part if o.shot.source == domain]
            if len(mine) >= LISTED:
                parts.append((f"{domain}, {label}", mine))
        parts.append((f"all, {label}", part))
    untold = sum(o.face_before > 0 and o.ita is None for o in chosen if not o.shot.grey)
    notes = (
        "Grey: the same photos (a bounded number of each domain, drawn by hash) without colour, laundered alike; "
        "they count in no other table.",
        "Skin: individual typology angle of cheeks and forehead (Chardon et al. 1991) in the photo as it came. It "
        "depends on light, exposure and white balance, and says what the photo shows, not who is in it; "
        f"faces whose colour does not tell: {untold}.",
        "Face: the largest, from brow line to chin, as laundered where not said otherwise. Photo: its shorter side.",
        f"A domain has a row of its own from {LISTED} photos on. Intervals: Wilson, 95 %.",
    )
    columns, rows = shares("subset", parts, fake=False)
    return Table("subsets", "Real photos, by subset", columns, rows, notes)


def shares(
    first: str, parts: Sequence[tuple[str, Sequence[Outcome]]], fake: bool
) -> tuple[tuple[Column, ...], tuple[tuple[Cell, ...], ...]]:
    """Columns and rows: how often each conclusion was drawn. "Supports edited" is shown where it ever was."""
    columns = [
        (Conclusion.GENERATED, Column("supports generated", about="right" if fake else "a false alarm")),
        (Conclusion.CAMERA, Column("supports camera", about="missed: wrong" if fake else "right")),
        (Conclusion.INCONCLUSIVE, Column("inconclusive")),
    ]
    if any(o.conclusion == Conclusion.EDITED for _, part in parts for o in part):
        columns.append((Conclusion.EDITED, Column("supports edited", about="" if fake else "a false alarm")))
    rows = tuple(
        (name, *(wilson(o.conclusion == wanted for o in part) for wanted, _ in columns)) for name, part in parts
    )
    return (Column(first), *(column for _, column in columns)), rows


def inconclusive(part: Iterable[Outcome]) -> Measure:
    return wilson(o.conclusion == Conclusion.INCONCLUSIVE for o in part)


def wrong(part: Iterable[Outcome]) -> Measure:
    return wilson(o.conclusion in WRONG[o.shot.fake] for o in part)


def weighed(outcomes: Iterable[Outcome]) -> list[tuple[float, bool]]:
    """log10 LR and class; a silent panel says LR 1."""
    return [(o.log10_lr or 0.0, o.shot.fake) for o in outcomes]


def curve(metric: Metric, pairs: Sequence[tuple[float, bool]], setup: Setup) -> Measure:
    """A metric with its bootstrap interval; not a number where a class has too few photos."""
    fake = np.array([f for _, f in pairs], dtype=bool)
    if min(fake.sum(), (~fake).sum()) < NEEDED:
        return Measure(math.nan, n=len(pairs))
    scores = np.array([score for score, _ in pairs])
    return Measure(*interval(metric, scores, fake, setup.rounds, setup.seed), n=len(pairs))


def wilson(hits: Iterable[bool]) -> Measure:
    hits = list(hits)
    return Measure(*share(sum(hits), len(hits)), n=len(hits))
