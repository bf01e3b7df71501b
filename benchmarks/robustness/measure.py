"""What is left of detectors and verdict when photos are coded, resized, cropped, blurred, passed on?

Every photo of both classes is decoded and examined once under each condition (conditions.py), as pixels without
metadata. Whatever a condition does, it does to both classes alike; one photo meets the same chance in all.
What is made of the answers: tables.py, figure.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.detection.scores import Scores
from benchmarks.detection.tables import VERDICT
from benchmarks.robustness.conditions import NATIVE, Condition, condition_named
from benchmarks.robustness.figure import draw
from benchmarks.robustness.tables import Answers, tables
from benchmarks.shots import Setup, Shot, away, fingerprints, gather
from benchmarks.stamp import Stamp
from benchmarks.table import Result
from forensics.crew import Crew, Lost
from forensics.inspection import copy_of, inspect
from forensics.photo import Photo, UnreadableImage
from forensics.refusal import Refusal
from forensics.report import rounded
from forensics.scan import Examiners, describe
from forensics.stability import OPPOSITE, REPOSTINGS
from forensics.verdict import Conclusion

WHOLE = "panel"  # its answers are kept together here
HELD = "held"  # 1 where none of the re-postings that `forensics inspect` tries turns the conclusion round, else 0


def measure(
    setup: Setup,
    conditions: Sequence[Condition],
    load: Callable[[], Examiners],
    cache: Path,
    workers: int = 1,
    watch: Callable[[int, int], None] = lambda done, total: None,
    crew: Callable[..., Crew] | None = None,
) -> Result:
    """Examine the photos of the setup under all conditions and measure; what is in `cache` is not examined again.

    conditions: some of CONDITIONS, the photo as it came first among them. load: importable function that gives
    panel and calibration. watch(done, total) is told of every photo under every condition. crew: what makes the
    workers. Raises Refusal when a folder is missing, a class is empty, or no photo could be read.
    """
    if conditions[0] is not NATIVE or setup.launder != "native":
        raise ValueError("all conditions are measured against the photos as they came")
    shots, notes = gather(setup)
    shots = away(shots)
    with (crew or Crew)(load, workers) as hands:
        [(_, (detectors, versions))] = hands.map(describe, [None])
        kept = {c.name: scores_of(c, cache, versions, setup.seed) for c in conditions}
        examine_all(shots, kept, hands, setup.seed, watch)
    whole = [shot for shot in shots if all(scores.of(shot.sha256)[WHOLE] for scores in kept.values())]
    notes += ("Under each other condition the same photos, decoded and then treated once.",)
    if not whole:
        raise Refusal(f"none of the {len(shots)} photos could be read under every condition")
    if len(whole) < len(shots):
        notes += (f"{len(shots) - len(whole)} photos could not be read under every condition and are left out.",)
    answers = [answers_of(condition, kept[condition.name], detectors, whole) for condition in conditions]
    held = np.array([kept[NATIVE.name].of(shot.sha256)[WHOLE][HELD] == 1 for shot in whole], dtype=bool)
    fake = np.array([shot.fake for shot in whole], dtype=bool)
    found = tables(answers, fake, held, setup, notes)
    corpora = fingerprints(setup, shots)
    settings = {key: getattr(setup, key) for key in ("split", "limit", "rounds")}
    settings["conditions"] = " ".join(condition.name for condition in conditions)
    weights = {**versions["weights"], "calibration": versions["calibration"]}
    by_name = {table.name: table for table in found}
    figures = {name: draw(by_name[name], conditions) for name in ("auc", "tpr")}
    return Result("robustness", "Robustness", found, Stamp.now(setup.seed, corpora, weights, settings), figures)


def scores_of(condition: Condition, cache: Path, versions: Mapping[str, object], seed: int) -> Scores:
    """A file a condition and panel. A condition that is described anew is another."""
    told = json.dumps([versions, condition.about, seed], sort_keys=True)
    return Scores(cache, f"{condition.name}-{hashlib.sha256(told.encode()).hexdigest()[:16]}")


def examine_all(
    shots: Sequence[Shot],
    kept: Mapping[str, Scores],
    crew: Crew[Examiners],
    seed: int,
    watch: Callable[[int, int], None],
) -> None:
    """Fill `kept` (condition's name → its scores) where it has no row of a shot, photo by photo."""
    missing = [(shot, name) for shot in shots for name, scores in kept.items() if not scores.of(shot.sha256)]
    total = len(shots) * len(kept)
    done = total - len(missing)
    watch(done, total)
    for (shot, name), row in crew.map(partial(examine, seed), missing):
        done += 1
        kept[name].add(shot.sha256, {WHOLE: {} if isinstance(row, Lost) or row is None else row})
        watch(done, total)


def examine(seed: int, examiners: Examiners, wanted: tuple[Shot, str]) -> dict[str, object] | None:
    """A row: one photo under the condition of that name, in a worker; None when it cannot be read."""
    shot, name = wanted
    condition = condition_named(name)
    try:
        photo = condition(Photo.open(shot.path), seed)
    except UnreadableImage:
        return None
    verdict = inspect(photo, *examiners).verdict
    row: dict[str, object] = {w.evidence.detector: rounded(w.evidence.score) for w in verdict.weighed}
    if condition is NATIVE:
        row[HELD] = int(holds(photo, verdict.conclusion, examiners))
    return {"conclusion": str(verdict.conclusion), "log10_lr": rounded(verdict.log10_lr), **row}


def holds(photo: Photo, conclusion: Conclusion, examiners: Examiners) -> bool:
    """Whether `forensics inspect`, which re-posts a photo before it concludes, would conclude the same."""
    opposite = OPPOSITE.get(conclusion)
    if opposite is None:
        return False
    return all(copy_of(photo, reposting, *examiners).conclusion is not opposite for reposting in REPOSTINGS)


def answers_of(condition: Condition, scores: Scores, detectors: Sequence[str], shots: Sequence[Shot]) -> Answers:
    rows = [scores.of(shot.sha256)[WHOLE] for shot in shots]
    found = {
        name: np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)
        for name in detectors
    }
    found[VERDICT] = np.array([row["log10_lr"] or 0.0 for row in rows], dtype=float)
    return Answers(condition, found, np.array([row["conclusion"] for row in rows], dtype=str))
