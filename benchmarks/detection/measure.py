"""How well do the detectors and the verdict tell generated pictures from photos they never saw?

Both classes go through the same hands first: decoded, laundered alike (launder.py, a seed a photo),
stripped of all metadata (asked.py). So a file's format, name or declarations decide nothing.
Only the split "test" is used, unless the caller knows that nothing was trained on the folders (shots.py).
Who is measured, and what is beside the panel: beside.py. What is made of the outcomes: tables.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from benchmarks.detection.asked import FACTS, Task, examine, shown
from benchmarks.detection.beside import (
    PHOTO,
    VERDICT,
    Absent,
    Cast,
    Entrant,
    Held,
    Wanted,
    describe,
    hashed,
    hold,
    weights_of,
)
from benchmarks.detection.detector_tables import absent_tables, curves_of
from benchmarks.detection.figure import figure
from benchmarks.detection.mistakes import mistakes_table
from benchmarks.detection.outcome import Outcome
from benchmarks.detection.scores import Scores
from benchmarks.detection.tables import tables
from benchmarks.launder import laundering_named
from benchmarks.leakage import Gate, gate_of
from benchmarks.matching import matched
from benchmarks.shots import Setup, Shot, away, fingerprints, gather
from benchmarks.stamp import Stamp
from benchmarks.table import Result
from forensics.corpus import file_sha256
from forensics.crew import Crew, Lost
from forensics.places import RUNS
from forensics.refusal import Refusal
from forensics.scan import Examiners

ALONE = Wanted()  # the panel and its verdict


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
    hashes = [[file_sha256(folder / name) for name in trained()] for folder in (one, other)]
    return hashes[0] == hashes[1] and any(hashes[0])


def trained() -> tuple[str, ...]:
    """Files of the detectors that `forensics detector train` makes from the corpora."""
    from detectors.frequency import CUES  # half a second to import

    return ("classifier.safetensors", "patches.safetensors", *(f"{cue.name}.safetensors" for cue in CUES))


def measure(
    setup: Setup,
    load: Callable[[], Examiners],
    cache: Path,
    workers: int = 1,
    watch: Callable[[int, int], None] = lambda done, total: None,
    wanted: Wanted = ALONE,
    crew: Callable[..., Crew] | None = None,
) -> Result:
    """Examine all photos of the setup and measure. What is in `cache` is not asked again.

    load: importable function that gives panel and calibration. wanted: whose rows there are. watch(done, total) is
    told of every photo of the panel, and of every photo of each detector beside it. crew: what makes the workers.
    Raises Refusal when a folder is missing, a class is empty, or nobody has a name that is wanted.
    """
    found = examined(setup, load, cache, workers, watch, wanted, crew)
    coloured = [o for o in found.outcomes if not o.shot.grey]
    curves = curves_of(coloured, found.entrants, setup)
    shown = (
        *tables(found.outcomes, found.entrants, curves, setup, found.notes),
        *absent_tables(found.absent),
        found.gate.table,
        mistakes_table(found.outcomes, [each.name for each in found.entrants if each.name != VERDICT]),
    )
    counts = [sum(o.shot.fake == fake for o in coloured) for fake in (False, True)]
    about = f"{counts[0]:,} real and {counts[1]:,} generated photos, laundering: {setup.launder}, split {setup.split}"
    makers = next(table for table in shown if table.name == "makers")
    figures = {"curves": figure(found.entrants, curves, makers, about)}
    return Result("detection", "Detection", shown, found.stamp, figures, found.gate.warnings)


@dataclass(frozen=True)
class Examined:
    """All photos of a setup, examined, and what gives their classes away without a look at them."""

    outcomes: tuple[Outcome, ...]
    entrants: tuple[Entrant, ...]  # who was measured, the verdict last
    absent: tuple[Absent, ...]
    gate: Gate
    stamp: Stamp
    notes: tuple[str, ...]


def examined(
    setup: Setup,
    load: Callable[[], Examiners],
    cache: Path,
    workers: int = 1,
    watch: Callable[[int, int], None] = lambda done, total: None,
    wanted: Wanted = ALONE,
    crew: Callable[..., Crew] | None = None,
) -> Examined:
    """As `measure` does it, before anything is counted: other benchmarks count the same outcomes."""
    laundering_named(setup.launder)
    shots, notes = gather(setup)
    with (crew or Crew)(partial(hold, load, wanted), workers) as hands:
        [(_, cast)] = hands.map(describe, [None])
        if not cast.judged:  # without their colour, photos count in what is told of verdicts only
            shots = [shot for shot in shots if not shot.grey]
        if setup.match:
            shots = [replace(s, shape=m.shape) for s, m in zip(shots, matched(away(shots), hands), strict=True)]
        show = partial(shown, setup.launder, setup.seed)
        gate = gate_of(away(shots), show, hands, setup.launder, setup.rounds, setup.seed)
        scores = Scores(cache, f"{setup.launder}-{setup.seed}")
        ask_all(shots, cast, partial(examine, setup.launder, setup.seed), hands, scores, watch)
    outcomes = tuple(outcomes_of(shots, cast, scores))
    notes += failures(outcomes, cast, scores)
    if cast.absent:
        titles = ", ".join(each.title for each in cast.absent)
        how = "`forensics detector list` and the table `absent` say how to get them"
        notes += (f"Not measured, no weights in {cast.folder}: {titles}; {how}.",)
    if len(outcomes) < len(shots):
        notes += (f"{len(shots) - len(outcomes)} photos could not be read and are left out.",)
    return Examined(outcomes, cast.shown, cast.absent, gate, stamp_of(setup, cast, fingerprints(setup, shots)), notes)


def ask_all(
    shots: Sequence[Shot],
    cast: Cast,
    job: Callable,
    crew: Crew[Held],
    scores: Scores,
    watch: Callable[[int, int], None],
) -> None:
    """Fill `scores` where an answer is missing: the panel photo by photo, those beside it each by itself, so that
    none can take another's answer away.
    """
    tasks = [task for shot in shots for task in tasks_of(shot, cast, scores)]
    missing = [task for task in tasks if task.names]
    done = len(tasks) - len(missing)
    watch(done, len(tasks))
    keys = keys_of(cast)
    for task, said in crew.map(job, missing):
        if isinstance(said, Refusal):
            raise said
        if said is None:
            said = {PHOTO: {}}
        elif isinstance(said, Lost):
            empty = {name: {} for name in (PHOTO, VERDICT) if name in task.names}
            said = {**{name: {"failed": said.why} for name in task.names}, **empty}
        scores.add(task.shot.key, {keys[name]: row for name, row in said.items()})
        done += 1
        watch(done, len(tasks))


def tasks_of(shot: Shot, cast: Cast, scores: Scores) -> Iterable[Task]:
    """One of the panel, one of each beside it; without names where all is known."""
    kept, keys = scores.of(shot.key), keys_of(cast)
    unreadable = kept.get(keys[PHOTO]) == {}
    ours = [PHOTO, *(each.name for each in cast.asked), *([VERDICT] if cast.judged else [])]
    alone = [each.name for each in cast.beside if not shot.grey]
    [placed] = away([shot])
    for names in (ours, *([name] for name in alone)):
        lacking = () if unreadable else tuple(name for name in names if keys[name] not in kept)
        known = {}
        if VERDICT in lacking:
            told = {each.name: kept.get(each.key) for each in cast.panel}
            known = {name: row for name, row in told.items() if row is not None and "failed" not in row}
        yield Task(placed, lacking, known)


@cache
def keys_of(cast: Cast) -> dict[str, str]:
    """Name → key of answers, of everybody and of the photo's own facts."""
    keys = {each.name: each.key for each in (*cast.panel, *cast.beside, cast.verdict)}
    return {**keys, PHOTO: f"{PHOTO}@{hashed(*FACTS)[:12]}"}


def outcomes_of(shots: Sequence[Shot], cast: Cast, scores: Scores) -> Iterable[Outcome]:
    """In the order of `shots`, without those that could not be read."""
    keys = keys_of(cast)
    for shot in shots:
        rows = scores.of(shot.key)
        facts, verdict = rows.get(keys[PHOTO]), rows.get(keys[VERDICT]) if cast.judged else {"conclusion": ""}
        if not facts or not verdict:
            continue
        told = {each.name: rows.get(each.key, {}).get("score") for each in cast.shown}
        found = {name: score for name, score in told.items() if score is not None}
        yield Outcome(shot, verdict["conclusion"], verdict.get("log10_lr"), found, *(facts[name] for name in FACTS))


def failures(outcomes: Sequence[Outcome], cast: Cast, scores: Scores) -> tuple[str, ...]:
    """A line for each who failed on photos instead of saying that it can't tell."""
    lines = []
    for each in (*cast.asked, *cast.beside):
        rows = [scores.of(o.shot.key).get(each.key, {}) for o in outcomes]
        whys = [str(row["failed"]) for row in rows if "failed" in row]
        if whys:
            by = f" ({each.kind}{f', {each.by}' if each.by else ''})"
            lines.append(f"{each.name}{by} failed on {len(whys)} photos and counts as silent there: {whys[0]}")
    return tuple(lines)


def stamp_of(setup: Setup, cast: Cast, corpora: Mapping[str, str]) -> Stamp:
    settings = {key: getattr(setup, key) for key in ("launder", "match", "split", "limit", "rounds", "grey")}
    settings["detectors"] = " ".join(each.name for each in cast.shown)
    if cast.beside:
        settings["beside the panel"] = "; ".join(f"{each.name}, {each.kind}: {each.by}" for each in cast.beside)
    weights = {**weights_of((*cast.asked, *cast.beside)), "calibration": cast.calibration}
    return Stamp.now(setup.seed, corpora, weights, settings)
