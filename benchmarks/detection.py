"""How well do the detectors and the verdict tell generated pictures from photos they never saw?

Both classes go through the same hands first: decoded, laundered alike (launder.py, a seed a photo),
stripped of all metadata. So a file's format, name or declarations decide nothing.
Only the split "test" is used, unless the caller knows that nothing was trained on the folders (shots.py).
What is made of the outcomes: detection_tables.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.detection_tables import tables
from benchmarks.launder import laundering_named
from benchmarks.leakage import Gate, gate_of
from benchmarks.matching import Shape, brought_to, matched
from benchmarks.scores import Scores
from benchmarks.shots import Setup, Shot, fingerprints, gather
from benchmarks.stamp import Stamp
from benchmarks.table import Result
from forensics.crew import Crew, Lost
from forensics.face import largest_face
from forensics.inspection import inspect
from forensics.photo import Photo, UnreadableImage
from forensics.places import RUNS
from forensics.refusal import Refusal
from forensics.report import rounded, sha256_of
from forensics.scan import Examiners, describe
from forensics.skin import skin_tone

FACTS = ("face_px", "face_before_px", "side_px", "ita_degrees")  # of a photo, kept beside its scores


@dataclass(frozen=True)
class Outcome:
    """What the panel said about a shot, and what kind of photo it was. `scores` of silent detectors are absent."""

    shot: Shot
    conclusion: str
    log10_lr: float | None
    scores: Mapping[str, float]
    face: int  # px from brow line to chin of the largest face, as laundered; 0 = none
    face_before: int  # the same in the photo as it came
    side: int  # px of the shorter side, as laundered
    ita: float | None  # skin tone of that face as it came (forensics.skin); None = could not be told


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
    hashes = [[sha256_of(folder / name) for name in trained()] for folder in (one, other)]
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
) -> Result:
    """Score all photos of the setup and measure. Scores already in `cache` are not computed again.

    load: importable function that gives panel and calibration. watch(done, total) is told of every
    photo. Raises Refusal when a folder is missing or a class is empty.
    """
    found = examined(setup, load, cache, workers, watch)
    shown = (*tables(found.outcomes, found.detectors, setup, found.notes), found.gate.table)
    return Result("detection", "Detection", shown, found.stamp, warnings=found.gate.warnings)


@dataclass(frozen=True)
class Examined:
    """All photos of a setup, examined, and what gives their classes away without a look at them."""

    outcomes: tuple[Outcome, ...]
    detectors: tuple[str, ...]
    gate: Gate
    stamp: Stamp
    notes: tuple[str, ...]


def examined(
    setup: Setup,
    load: Callable[[], Examiners],
    cache: Path,
    workers: int = 1,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Examined:
    """As `measure` does it, before anything is counted: other benchmarks count the same outcomes."""
    laundering_named(setup.launder)
    shots, notes = gather(setup)
    with Crew(load, workers) as crew:
        [(_, (detectors, versions))] = crew.map(describe, [None])
        if setup.match:
            shots = matched(shots, crew)
        show = partial(shown, setup.launder, setup.seed)
        gate = gate_of(shots, show, crew, setup.launder, setup.rounds, setup.seed)
        scores = Scores(cache, detectors, versions, setup.launder, setup.seed, FACTS)
        job = partial(examine, setup.launder, setup.seed)
        outcomes = tuple(examine_all(shots, job, crew, scores, watch))
    lost = len(shots) - len(outcomes)
    if lost:
        notes += (f"{lost} photos could not be read and are left out.",)
    settings = {key: getattr(setup, key) for key in ("launder", "match", "split", "limit", "rounds", "grey")}
    weights = {**versions["weights"], "calibration": versions["calibration"]}
    stamp = Stamp.now(setup.seed, fingerprints(setup, shots), weights, settings)
    return Examined(outcomes, tuple(detectors), gate, stamp, notes)


def examine_all(
    shots: Sequence[Shot], job: Callable, crew: Crew[Examiners], scores: Scores, watch: Callable[[int, int], None]
) -> Iterable[Outcome]:
    """Outcomes in the order of `shots`, computed only where the cache has none."""
    missing = [shot for shot in shots if shot.key not in scores.rows]
    done = len(shots) - len(missing)
    watch(done, len(shots))
    for shot, row in crew.map(job, missing):
        done += 1
        scores.add(shot.key, None if isinstance(row, Lost) else row)
        watch(done, len(shots))
    for shot in shots:
        row = scores.rows[shot.key]
        if row["conclusion"]:
            found = {name: row[name] for name in scores.detectors if row[name] is not None}
            face, before, side, ita = (row[name] for name in FACTS)
            yield Outcome(shot, row["conclusion"], row["log10_lr"], found, int(face), int(before), int(side), ita)


def examine(launder: str, seed: int, examiners: Examiners, shot: Shot) -> dict[str, object] | None:
    """One laundered photo through the panel, in a worker; None when it cannot be read."""
    panel, calibration = examiners
    try:
        original = Photo.open(shot.path)
        photo = shown(launder, seed, original, shot)
    except UnreadableImage:
        return None
    verdict = inspect(photo, panel, calibration).verdict
    scores = {w.evidence.detector: rounded(w.evidence.score) for w in verdict.weighed}
    return {
        "conclusion": str(verdict.conclusion),
        "log10_lr": rounded(verdict.log10_lr),
        **facts(original, photo),
        **scores,
    }


def facts(original: Photo, photo: Photo) -> dict[str, float | None]:
    """`FACTS` of a photo as it came and as it was laundered."""
    before, after = largest_face(original), largest_face(photo)
    tone = before and skin_tone(original, before)
    sizes = after.height if after else 0, before.height if before else 0, min(photo.width, photo.height)
    return dict(zip(FACTS, (*sizes, rounded(tone.ita) if tone else None), strict=True))


def in_grey(photo: Photo) -> Photo:
    """The photo with each pixel's luma in all channels; what it is laundered by stays the same."""
    luma = photo.luminance.round().astype(np.uint8)
    return replace(photo, pixels=np.repeat(luma[..., None], 3, axis=2))


def shown(launder: str, seed: int, photo: Photo, shot: Shot) -> Photo:
    """What the panel gets of a photo: pixels, without anything that its file said."""
    return Photo.from_pixels(laundered(in_grey(photo) if shot.grey else photo, launder, seed, shot.shape))


def laundered(photo: Photo, launder: str, seed: int, shape: Shape | None = None) -> np.ndarray:
    """(H, W, 3) uint8. The trip depends on the seed and on the photo's bytes, not on its class or place."""
    rng = np.random.default_rng((seed, int(photo.sha256[:16], 16)))
    pixels = brought_to(shape, photo.pixels, rng) if shape else photo.pixels
    return laundering_named(launder).apply(pixels, rng)
