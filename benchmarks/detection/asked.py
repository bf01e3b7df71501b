"""One photo through its examiners, in a worker; nobody is asked twice.

Both classes go through the same hands first: decoded, laundered alike, stripped of all metadata. The panel answers
through `inspect`, which gives the verdict. What its members said before is recalled, so that a detector that was
trained anew does not cost the others' time. Those beside the panel are asked by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from benchmarks.detection.beside import PHOTO, VERDICT, Held
from benchmarks.detection.scores import Row
from benchmarks.launder import drawing, laundering_named
from benchmarks.matching import Shape, brought_to
from benchmarks.shots import Shot
from forensics.evidence import Claim, Detector, Evidence
from forensics.face import largest_face
from forensics.inspection import ask, inspect
from forensics.photo import Photo, UnreadableImage
from forensics.refusal import Refusal
from forensics.report import rounded
from forensics.skin import skin_tone

FACTS = ("face_px", "face_before_px", "side_px", "ita_degrees")  # of a photo, kept beside its scores


@dataclass(frozen=True)
class Task:
    """What is to be asked about a photo: names of detectors, PHOTO, VERDICT; and what the panel said before."""

    shot: Shot
    names: tuple[str, ...]
    known: Mapping[str, Row] = field(default_factory=dict)


def examine(launder: str, seed: int, held: Held, task: Task) -> dict[str, Row] | Refusal | None:
    """Name → answer, for all names of the task; None when the photo cannot be read.

    A Refusal comes back as an answer: raised in a worker it would be a mistake of ours.
    """
    try:
        original = Photo.open(task.shot.path)
        photo = shown(launder, seed, original, task.shot)
    except UnreadableImage:
        return None
    said: dict[str, Row] = {}
    panel = [Asked(detector, task.known.get(detector.name)) for detector in held.panel]
    beside = [Asked(detector) for told, detector in held.beside if told.name in task.names]
    if VERDICT in task.names:
        verdict = inspect(photo, panel, held.calibration).verdict
        said[VERDICT] = {"conclusion": str(verdict.conclusion), "log10_lr": rounded(verdict.log10_lr)}
    else:
        ask(photo, [each for each in panel if each.name in task.names])
    ask(photo, beside)
    for each in (*panel, *beside):
        if isinstance(each.answer, Refusal):
            return each.answer
        if each.answer is not None and not each.known:
            said[each.name] = each.answer
    if PHOTO in task.names:
        said[PHOTO] = facts(original, photo)
    return said


class Asked:
    """A detector that remembers its answer about one photo, or was told it. Keeps `forensics.evidence.Detector`."""

    def __init__(self, detector: Detector, answer: Row | None = None):
        self.detector, self.known = detector, answer is not None
        self.answer: Row | Refusal | None = answer
        self.name, self.question, self.scores = detector.name, detector.question, detector.scores
        self.weights = detector.weights

    def examine(self, photo: Photo) -> Evidence:
        if self.known:
            return recalled(self.name, self.answer)
        try:
            evidence = self.detector.examine(photo)
            self.answer = kept(evidence)
        except Refusal as refusal:
            self.answer = refusal
            raise
        except Exception as error:
            self.answer = {"failed": " ".join(f"{type(error).__name__}: {error}".split())[:200]}
            raise
        return evidence


def kept(evidence: Evidence) -> Row:
    """What a verdict is made of; the exact score, so that a recalled one weighs the same.

    Raises ValueError for a score that is no finite number.
    """
    row: dict[str, object] = {"score": None if evidence.score is None else float(evidence.score)}
    if evidence.score is not None and not math.isfinite(evidence.score):
        raise ValueError(f"its score is {evidence.score}")
    if evidence.edited is not None:
        row["edited"] = int(evidence.edited)
    if evidence.claim is not None:
        row["claim"] = asdict(evidence.claim)
    return row


def recalled(name: str, row: Row) -> Evidence:
    """Of what was kept, without words, marks and pictures: no verdict rests on them."""
    claim = Claim(**row["claim"]) if "claim" in row else None
    return Evidence(name, row["score"], "Examined before.", claim=claim, edited=row.get("edited"))


def facts(original: Photo, photo: Photo) -> Row:
    """`FACTS` of a photo as it came and as it was laundered."""
    before, after = largest_face(original), largest_face(photo)
    tone = before and skin_tone(original, before)
    sizes = after.height if after else 0, before.height if before else 0, min(photo.width, photo.height)
    return dict(zip(FACTS, (*map(int, sizes), rounded(tone.ita) if tone else None), strict=True))


def shown(launder: str, seed: int, photo: Photo, shot: Shot) -> Photo:
    """What examiners get of a photo: pixels, without anything that its file said."""
    return Photo.from_pixels(laundered(in_grey(photo) if shot.grey else photo, launder, seed, shot.shape))


def in_grey(photo: Photo) -> Photo:
    """The photo with each pixel's luma in all channels; what it is laundered by stays the same."""
    luma = photo.luminance.round().astype(np.uint8)
    return replace(photo, pixels=np.repeat(luma[..., None], 3, axis=2))


def laundered(photo: Photo, launder: str, seed: int, shape: Shape | None = None) -> np.ndarray:
    """(H, W, 3) uint8. The trip depends on the seed and on the photo's bytes, not on its class or place."""
    rng = drawing(seed, photo.sha256)
    pixels = brought_to(shape, photo.pixels, rng) if shape else photo.pixels
    return laundering_named(launder).apply(pixels, rng)
