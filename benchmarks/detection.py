"""How well do the detectors and the verdict tell generated pictures from photos they never saw?

Both classes go through the same hands first: decoded, laundered alike (launder.py, a seed a photo),
stripped of all metadata. So a file's format, name or declarations decide nothing.
Only the split "test" is used, unless the caller knows that nothing was trained on the folders.
What is made of the outcomes: detection_tables.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.detection_tables import tables
from benchmarks.launder import laundering_named
from benchmarks.scores import Scores
from benchmarks.stamp import Stamp
from benchmarks.table import Result
from forensics.corpus import Corpus
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
class Setup:
    """What is measured on. `fake` folders come with the name of their maker, or None to use the manifest's."""

    real: tuple[Path, ...]
    fake: tuple[tuple[str | None, Path], ...]
    launder: str = "repost"  # a name of launder.LAUNDERINGS
    split: str = "test"  # or "all"
    limit: int | None = None  # photos a folder, drawn by hash
    seed: int = 0
    rounds: int = 1000  # of the bootstrap
    grey: int = 0  # real photos a domain that are also examined without their colour, drawn by hash


@dataclass(frozen=True)
class Shot:
    """One photo of the benchmark."""

    path: Path
    sha256: str
    fake: bool
    source: str  # maker of a fake, domain of a real photo
    grey: bool = False  # its colour is removed before it is laundered

    @property
    def key(self) -> str:
        """Of its row among the scores."""
        return f"{self.sha256}-grey" if self.grey else self.sha256


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
    laundering_named(setup.launder)
    shots, notes = gather(setup)
    with Crew(load, workers) as crew:
        [(_, (detectors, versions))] = crew.map(describe, [None])
        scores = Scores(cache, detectors, versions, setup.launder, setup.seed, FACTS)
        job = partial(examine, setup.launder, setup.seed)
        outcomes = list(examine_all(shots, job, crew, scores, watch))
    lost = len(shots) - len(outcomes)
    if lost:
        notes += (f"{lost} photos could not be read and are left out.",)
    found = tables(outcomes, detectors, setup, notes)
    corpora = {str(folder): fingerprint(folder, shots) for folder in (*setup.real, *(path for _, path in setup.fake))}
    settings = {key: getattr(setup, key) for key in ("launder", "split", "limit", "rounds", "grey")}
    weights = {**versions["weights"], "calibration": versions["calibration"]}
    return Result("detection", "Detection", found, Stamp.now(setup.seed, corpora, weights, settings))


def gather(setup: Setup) -> tuple[list[Shot], tuple[str, ...]]:
    """The photos of both classes, each file once, then the grey ones; and what a reader should know of the choice."""
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
        f"{counts[0]} real and {counts[1]} fake photos, split {setup.split}, laundering: {setup.launder} "
        f"({laundering_named(setup.launder).about}); metadata stripped from both.",
    )
    if setup.launder == "native":
        notes += ("Native: what the classes' own encoders left in the pixels may differ and be learnt.",)
    if both:
        notes += (f"{len(both)} files are in both classes and were left out.",)
    return kept + without_colour(kept, setup.grey), notes


def without_colour(shots: Sequence[Shot], most: int) -> list[Shot]:
    """The same photos to be examined in grey: of each real domain at most so many, drawn by hash."""
    drawn: list[Shot] = []
    for domain in sorted({shot.source for shot in shots if not shot.fake}):
        mine = sorted((s for s in shots if not s.fake and s.source == domain), key=lambda shot: shot.sha256)
        drawn += [replace(shot, grey=True) for shot in mine[:most]]
    return drawn


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
        photo = Photo.from_pixels(laundered(in_grey(original) if shot.grey else original, launder, seed))
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


def laundered(photo: Photo, launder: str, seed: int) -> np.ndarray:
    """(H, W, 3) uint8. The trip depends on the seed and on the photo's bytes, not on its class or place."""
    rng = np.random.default_rng((seed, int(photo.sha256[:16], 16)))
    return laundering_named(launder).apply(photo.pixels, rng)


def fingerprint(folder: Path, shots: Sequence[Shot]) -> str:
    """Of the photos taken from this folder: their bytes, not their names."""
    inside = sorted({shot.sha256 for shot in shots if shot.path.is_relative_to(folder)})
    return hashlib.sha256("\n".join(inside).encode()).hexdigest()
