"""How far do detectors and verdict fall when generated pictures are attacked directly, and what does that cost them?

Each generated picture is attacked (attack.py), then goes through the same hands as all others (launder.py), as a
forger would do it: attacked first, posted afterwards. Real photos are not attacked. The split "test" is measured;
what attackers know of real photos, and what detectors are told of attacks when they are recalibrated, comes from the
split "calibration". What is made of the answers: tables.py, figure.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.attacks.answers import LAUNDERINGS, Answers, Found
from benchmarks.attacks.attack import ATTACKS, NONE, Attack, Known, attack_named
from benchmarks.attacks.figure import draw
from benchmarks.attacks.quality import Loss, features
from benchmarks.attacks.tables import tables
from benchmarks.attacks.texture import Texture, measured, textures
from benchmarks.launder import drawing, laundering_named
from benchmarks.shots import Setup, Shot, away, fingerprints, gather
from benchmarks.stamp import Stamp
from benchmarks.table import Result
from forensics.crew import Crew, Lost
from forensics.face import largest_face
from forensics.inspection import inspect
from forensics.photo import Photo, UnreadableImage
from forensics.refusal import Refusal
from forensics.report import rounded
from forensics.scan import Examiners, describe
from forensics.view import at_known_size

REFERENCE = 40  # real photos a folder of the split "calibration" that say what real photos are like
TOLD = 12  # photos a folder of that split, attacked, that detectors are recalibrated with
APART = 60  # generated pictures, at most, whose distances from each other are the unit of "moved"


def measure(
    setup: Setup,
    load: Callable[[], Examiners],
    cache: Path,
    workers: int = 1,
    watch: Callable[[int, int], None] = lambda done, total: None,
    crew: Callable[..., Crew] | None = None,
) -> Result:
    """AUC under each attack, how far it falls, what verdicts say, quality lost, and what recalibration brings back.

    What is in `cache` is not examined again. `setup.launder` and `setup.grey` do not matter here. load: importable
    function that gives panel and calibration. watch(done, total) is told of every photo under every attack. Raises
    Refusal when a folder is missing, a class is empty, or no photo could be read.
    """
    found = examined(setup, load, cache, workers, watch, crew)
    shown = tables(found, setup)
    named = {table.name: table for table in shown}
    settings = {"split": setup.split, "limit": setup.limit, "rounds": setup.rounds}
    stamp = Stamp.now(setup.seed, found.corpora, found.weights, settings)
    figures = {"fall": draw(named["attacks"], named["quality"])}
    return Result("attacks", "Direct attacks", shown, stamp, figures)


def examined(
    setup: Setup,
    load: Callable[[], Examiners],
    cache: Path,
    workers: int = 1,
    watch: Callable[[int, int], None] = lambda done, total: None,
    crew: Callable[..., Crew] | None = None,
) -> Found:
    """As `measure` does it, before anything is counted."""
    shots = of_split(setup, setup.split, setup.limit)
    with (crew or Crew)(load, workers) as hands:
        [(_, (detectors, versions))] = hands.map(describe, [None])
        references = [shot for shot in calibrating(setup, REFERENCE) if not shot.fake]
        reals = textures(in_order(hands, texture, references))
        told = calibrating(setup, min(TOLD, setup.limit or TOLD))
        taught = {shot.group for shot in (*references, *told)}  # only where the split is "all" is one of them here
        shots = [shot for shot in shots if shot.group not in taught]
        attacks = tuple(attack for attack in ATTACKS if attack.possible(detectors, bool(reals)))
        answers = Answers(cache, [detectors, versions, setup.seed, LAUNDERINGS, told_of(reals)])
        wanted = [(s, a) for s in (*shots, *told) for a in (attacks if s.fake else (NONE,))]
        answers.fill(wanted, hands, partial(examine, setup.seed, reals), watch)
        fakes = sorted((s for s in shots if s.fake), key=lambda shot: shot.sha256)[:APART]
        places = in_order(hands, place, fakes)
    tested = answers.of(shots, attacks)
    if len(set(tested.fake)) < 2:
        raise Refusal(f"none of the {len(shots)} photos of one class could be read under every attack; give others")
    weights = {**versions["weights"], "calibration": versions["calibration"]}
    apart = float(np.mean([np.linalg.norm(a - b) for a, b in combinations(places, 2)] or [np.nan]))
    notes = (
        f"{int((~tested.fake).sum())} real and {int(tested.fake.sum())} generated photos, split {setup.split}; "
        "generated ones are attacked, then all are laundered ("
        + "; ".join(f"{name}: {laundering_named(name).about}" for name in LAUNDERINGS)
        + ") and lose all metadata.",
        *unread(len(shots) - len(tested.fake)),
        *impossible(attacks, detectors),
        reference_note(reals),
    )
    told = answers.of(told, attacks)
    return Found(attacks, tuple(detectors), tested, told, apart, notes, fingerprints(setup, shots), weights)


def of_split(setup: Setup, split: str, limit: int | None) -> list[Shot]:
    return away(gather(replace(setup, split=split, limit=limit, grey=0, match=False))[0])


def calibrating(setup: Setup, limit: int) -> list[Shot]:
    """Photos of the split "calibration"; none where a class is empty there."""
    try:
        return of_split(setup, "calibration", limit)
    except Refusal:
        return []


def unread(count: int) -> tuple[str, ...]:
    return (f"{count} photos could not be read under every attack and are left out.",) if count else ()


def impossible(attacks: Sequence[Attack], detectors: Sequence[str]) -> tuple[str, ...]:
    names = [attack.name for attack in ATTACKS if attack not in attacks]
    if not names:
        return ()
    return (f"Left out, for want of the panel's networks or of real photos to learn from: {', '.join(names)}.",)


def reference_note(reals: Sequence[Texture]) -> str:
    sizes = ", ".join(f"{texture.side} px: {texture.n}" for texture in reals) or "none"
    return (
        "What attackers know of real photos is from those of the split calibration, by the shorter side of what is "
        f"attacked, the nearest of: {sizes}."
    )


def told_of(reals: Sequence[Texture]) -> list[object]:
    return [(texture.side, texture.n, texture.grain, texture.falloff.tolist()) for texture in reals]


def in_order(crew: Crew, job: Callable, shots: Sequence[Shot]) -> Iterator:
    """Answers in the order of `shots`, whoever was done first; of unreadable photos there is none."""
    found = {shot.key: answer for shot, answer in crew.map(job, shots)}
    return [found[s.key] for s in shots if found[s.key] is not None and not isinstance(found[s.key], Lost)]


def texture(held: object, shot: Shot) -> list[Texture] | None:
    """A real photo's, in a worker."""
    try:
        return measured(Photo.open(shot.path).pixels)
    except UnreadableImage:
        return None


def place(held: object, shot: Shot) -> np.ndarray | None:
    """A picture's in the feature space, in a worker."""
    try:
        return features(Photo.open(shot.path).pixels)
    except UnreadableImage:
        return None


def examine(
    seed: int, reals: tuple[Texture, ...], examiners: Examiners, wanted: tuple[Shot, str]
) -> dict[str, object] | None:
    """One picture through an attack, each laundering and the panel, in a worker; None when it cannot be read."""
    shot, name = wanted
    try:
        before = Photo.open(shot.path).pixels
        after = attack_named(name).apply(before, drawing(seed, shot.sha256), Known.of(examiners[0], reals))
        said = {launder: asked(after, launder, drawing(seed, shot.sha256), examiners) for launder in LAUNDERINGS}
    except UnreadableImage:
        return None
    loss = None if np.array_equal(before, after) else asdict(Loss.of(before, after))
    return {"said": said, "loss": loss}


def asked(pixels: np.ndarray, launder: str, rng: np.random.Generator, examiners: Examiners) -> dict[str, object]:
    photo = Photo.from_pixels(laundering_named(launder).apply(pixels, rng))
    verdict = inspect(photo, *examiners).verdict
    seen = at_known_size(photo)
    face = largest_face(seen)
    scores = {w.evidence.detector: rounded(w.evidence.score) for w in verdict.weighed if w.evidence.score is not None}
    return {
        "conclusion": str(verdict.conclusion),
        "log10_lr": rounded(verdict.log10_lr),
        "size": [seen.width, seen.height, face.height if face else 0],
        "scores": scores,
    }
