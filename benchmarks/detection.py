"""How well do the detectors and the verdict tell generated pictures from photos they never saw?

Both classes go through the same hands first: decoded, laundered alike by `forensics.laundering`
(a seed a photo), stripped of all metadata. So a file's format, name or declarations decide nothing.
Only the split "test" is used, unless the caller knows that nothing was trained on the folders.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.scores import Scores
from benchmarks.stamp import Stamp
from benchmarks.table import Cell, Column, Measure, Result, Table
from forensics import laundering
from forensics.corpus import Corpus
from forensics.crew import Crew, Lost
from forensics.inspection import inspect
from forensics.metrics import Metric, auc, cllr, ece, eer, interval, share, tpr_at
from forensics.photo import Photo, UnreadableImage
from forensics.places import RUNS
from forensics.refusal import Refusal
from forensics.report import rounded, sha256_of
from forensics.scan import Examiners, describe
from forensics.verdict import Conclusion

LAUNDER = ("native", "repost")
VERDICT = "verdict"  # the row of all detectors together
TRAINED = ("classifier.safetensors", "spectrum.safetensors")
NEEDED = 5  # photos a class, below which no curve is drawn


@dataclass(frozen=True)
class Setup:
    """What is measured on. `fake` folders come with the name of their maker, or None to use the manifest's."""

    real: tuple[Path, ...]
    fake: tuple[tuple[str | None, Path], ...]
    launder: str = "repost"  # native: pixels as they are; repost: one random trip through a site
    split: str = "test"  # or "all"
    limit: int | None = None  # photos a folder, drawn by hash
    seed: int = 0
    rounds: int = 1000  # of the bootstrap


@dataclass(frozen=True)
class Shot:
    """One photo of the benchmark."""

    path: Path
    sha256: str
    fake: bool
    source: str  # maker of a fake, domain of a real photo


@dataclass(frozen=True)
class Outcome:
    """What the panel said about a shot. `scores` of silent detectors are absent."""

    shot: Shot
    conclusion: str
    log10_lr: float | None
    scores: Mapping[str, float]


def recorded_corpora(panel: Path) -> tuple[tuple[Path, ...], tuple[tuple[None, Path], ...]]:
    """The folders that a panel's detectors were trained from, as its config.json tells.

    Weights that were copied from runs/detector have that run's. Raises Refusal when nobody tells, or the
    folders are gone: another run's test split may hold what these weights were trained on.
    """
    run = RUNS / "detector"
    for folder in (panel, run) if same_weights(panel, run) else (panel,):
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            real, fake = (tuple(Path(path) for path in config[label]) for label in ("real", "fake"))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if real and fake and all(path.is_dir() for path in (*real, *fake)):
            return real, tuple((None, path) for path in fake)
    raise Refusal(
        f"the corpora that {panel} was trained from are not known or not there: "
        "pass --real FOLDER and --fake NAME=FOLDER (each may be repeated)"
    )


def same_weights(one: Path, other: Path) -> bool:
    """Whether two folders hold the same trained detectors, byte for byte."""
    hashes = [[sha256_of(folder / name) for name in TRAINED] for folder in (one, other)]
    return hashes[0] == hashes[1] and any(hashes[0])


def measure(
    setup: Setup,
    load: Callable[[], Examiners],
    cache: Path,
    workers: int = 1,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Result:
    """Score all photos of the setup and measure. Scores already in `cache` are not computed again.

    load: importable function that gives panel and calibration. watch(done, total) is told of every
    photo. Raises Refusal when a folder is missing or a class is empty.
    """
    if setup.launder not in LAUNDER:
        raise Refusal(f"--launder {setup.launder}: allowed are {', '.join(LAUNDER)}")
    shots, notes = gather(setup)
    with Crew(load, workers) as crew:
        [(_, (detectors, versions))] = crew.map(describe, [None])
        scores = Scores(cache, detectors, versions, setup.launder, setup.seed)
        job = partial(examine, setup.launder, setup.seed)
        outcomes = list(examine_all(shots, job, crew, scores, watch))
    lost = len(shots) - len(outcomes)
    if lost:
        notes += (f"{lost} photos could not be read and are left out.",)
    tables = (
        detector_table(outcomes, detectors, setup, notes),
        verdict_table(outcomes, setup),
        share_table(outcomes, fake=False),
        share_table(outcomes, fake=True),
    )
    corpora = {str(folder): fingerprint(folder, shots) for folder in (*setup.real, *(path for _, path in setup.fake))}
    settings = {"launder": setup.launder, "split": setup.split, "limit": setup.limit, "rounds": setup.rounds}
    weights = {**versions["weights"], "calibration": versions["calibration"]}
    return Result("detection", "Detection", tables, Stamp.now(setup.seed, corpora, weights, settings))


def gather(setup: Setup) -> tuple[list[Shot], tuple[str, ...]]:
    """The photos of both classes, each file once; and what a reader should know of the choice."""
    shots: dict[str, Shot] = {}
    both: set[str] = set()
    for label, folders in (("real", [(None, path) for path in setup.real]), ("fake", setup.fake)):
        for maker, folder in folders:
            corpus = Corpus.open(folder, label).where(label=label)
            if setup.split != "all":
                corpus = corpus.where(split=setup.split)
            chosen = sorted(corpus, key=lambda e: hashlib.sha256(e.path.encode("utf-8", "replace")).digest())
            for entry in chosen[: setup.limit]:
                source = maker or (entry.maker if label == "fake" else entry.domain or corpus.root.name)
                sha256 = sha256_of(corpus.path(entry))
                if sha256 is None:
                    continue
                earlier = shots.setdefault(sha256, Shot(corpus.path(entry), sha256, label == "fake", source))
                if earlier.fake != (label == "fake"):
                    both.add(sha256)
    kept = [shot for sha256, shot in shots.items() if sha256 not in both]
    counts = [sum(shot.fake == fake for shot in kept) for fake in (False, True)]
    if not all(counts):
        raise Refusal(
            f"{counts[0]} real and {counts[1]} fake photos in split {setup.split!r}: both classes are needed "
            "(`--split all` takes whole folders, if nothing was trained on them)"
        )
    notes = (
        f"{counts[0]} real and {counts[1]} fake photos, split {setup.split}, laundering: {setup.launder}; "
        "metadata stripped from both.",
    )
    if setup.launder == "native":
        notes += ("Native: what the classes' own encoders left in the pixels may differ and be learnt.",)
    if both:
        notes += (f"{len(both)} files are in both classes and were left out.",)
    return kept, notes


def examine_all(
    shots: Sequence[Shot], job: Callable, crew: Crew[Examiners], scores: Scores, watch: Callable[[int, int], None]
) -> Iterable[Outcome]:
    """Outcomes in the order of `shots`, computed only where the cache has none."""
    missing = [shot for shot in shots if shot.sha256 not in scores.rows]
    done = len(shots) - len(missing)
    watch(done, len(shots))
    for shot, row in crew.map(job, missing):
        done += 1
        scores.add(shot.sha256, None if isinstance(row, Lost) else row)
        watch(done, len(shots))
    for shot in shots:
        row = scores.rows[shot.sha256]
        if row["conclusion"]:
            found = {name: row[name] for name in scores.detectors if row[name] is not None}
            yield Outcome(shot, row["conclusion"], row["log10_lr"], found)


def examine(launder: str, seed: int, examiners: Examiners, shot: Shot) -> dict[str, object] | None:
    """One laundered photo through the panel, in a worker; None when it cannot be read."""
    panel, calibration = examiners
    try:
        photo = Photo.from_pixels(laundered(Photo.open(shot.path), launder, seed))
    except UnreadableImage:
        return None
    verdict = inspect(photo, panel, calibration).verdict
    scores = {w.evidence.detector: rounded(w.evidence.score) for w in verdict.weighed}
    return {"conclusion": str(verdict.conclusion), "log10_lr": rounded(verdict.log10_lr), **scores}


def laundered(photo: Photo, launder: str, seed: int) -> np.ndarray:
    """(H, W, 3) uint8. The trip depends on the seed and on the photo's bytes, not on its class or place."""
    if launder == "native":
        return photo.pixels
    rng = np.random.default_rng((seed, int(photo.sha256[:16], 16)))
    return laundering.repost(photo.pixels, rng)


def detector_table(
    outcomes: Sequence[Outcome], detectors: Sequence[str], setup: Setup, notes: tuple[str, ...]
) -> Table:
    """Every detector that scored anything, and all of them together."""
    scored = [name for name in detectors if any(name in outcome.scores for outcome in outcomes)]
    rows = []
    for name in [*scored, VERDICT]:
        values = [o.log10_lr if name == VERDICT else o.scores.get(name) for o in outcomes]
        spoke = [(v, o.shot.fake) for v, o in zip(values, outcomes, strict=True) if v is not None]
        coverage = [
            wilson(v is not None for v, o in zip(values, outcomes, strict=True) if o.shot.fake == fake)
            for fake in (False, True)
        ]
        rows.append((name, *(curve(metric, spoke, setup) for metric in (auc, eer, tpr_at(0.01))), *coverage))
    columns = (
        Column("detector"),
        Column("AUC", about="how often a fake scores above a real; 0.5 is chance, 1 perfect"),
        Column("EER", about="where false alarms and misses are equally frequent; lower is better"),
        Column("TPR at 1 % FPR", about="fakes found when 1 % of the reals are flagged; higher is better"),
        Column("scored, real", about="share of real photos on which it was not silent"),
        Column("scored, fake", about="the same of fakes; curves are of scored photos only"),
    )
    return Table("detectors", "Detectors, and the verdict of all together", columns, tuple(rows), notes)


def verdict_table(outcomes: Sequence[Outcome], setup: Setup) -> Table:
    """How much the verdict's numbers and words are worth."""
    pairs = [(o.log10_lr or 0.0, o.shot.fake) for o in outcomes]
    conclusive = [o for o in outcomes if o.conclusion != Conclusion.INCONCLUSIVE]
    wrong = {False: Conclusion.GENERATED, True: Conclusion.CAMERA}
    rows = (
        ("Cllr", curve(cllr, pairs, setup), "bits; 0 perfect, 1 no information; a silent panel counts as LR 1"),
        ("ECE", curve(ece, pairs, setup), "how far posteriors at even odds are from frequencies; 0 is best"),
        ("inconclusive", wilson(o.conclusion == Conclusion.INCONCLUSIVE for o in outcomes), "share of all photos"),
        ("wrong", wilson(o.conclusion == wrong[o.shot.fake] for o in conclusive), "share of conclusive verdicts"),
    )
    columns = (Column("measure"), Column("value"), Column("what it is"))
    return Table("verdict", "The verdict", columns, rows)


def share_table(outcomes: Sequence[Outcome], fake: bool) -> Table:
    """What was concluded about the reals of each domain, or the fakes of each maker."""
    chosen = [outcome for outcome in outcomes if outcome.shot.fake == fake]
    shown = (Conclusion.GENERATED, Conclusion.CAMERA, Conclusion.INCONCLUSIVE)
    rows: list[tuple[Cell, ...]] = []
    for source in [*sorted({o.shot.source for o in chosen}), None]:
        part = [o.conclusion for o in chosen if source in (o.shot.source, None)]
        shares = (wilson(conclusion == wanted for conclusion in part) for wanted in shown)
        rows.append((source or "all", *shares))
    errors = "missed: wrong" if fake else "right"
    columns = (
        Column("maker" if fake else "domain"),
        Column("supports generated", about="right" if fake else "a false alarm"),
        Column("supports camera", about=errors),
        Column("inconclusive"),
    )
    title = "Generated pictures, by maker" if fake else "Real photos, by domain"
    return Table("fakes" if fake else "reals", title, columns, tuple(rows), ("Intervals: Wilson, 95 %.",))


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


def fingerprint(folder: Path, shots: Sequence[Shot]) -> str:
    """Of the photos taken from this folder: their bytes, not their names."""
    inside = sorted(shot.sha256 for shot in shots if shot.path.is_relative_to(folder))
    return hashlib.sha256("\n".join(inside).encode()).hexdigest()
