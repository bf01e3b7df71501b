"""Laundered photos and what the panel scored: what calibration is made of.

Each photo of a split is laundered once, both classes in the same way, and examined by the detectors that give
scores. Scores are kept as they come; an interrupted run goes on.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

import forensics
from forensics import laundering
from forensics.corpus import Corpus, Entry
from forensics.evidence import Detector
from forensics.face import largest_face
from forensics.photo import Photo, UnreadableImage
from forensics.view import LARGEST_FACE, at_known_size

ONCE = 0.4  # share of photos encoded once at their size; the others were re-posted
SCALES = (0.5, 1.0)  # of one re-posting


@dataclass(frozen=True)
class Examined:
    """One laundered photo and what the panel scored. Sizes are those at which it was seen; `face` 0 = none."""

    photo: str
    label: str
    source: str  # domain of a real photo, maker of a fake
    group: str
    width: int
    height: int
    face: int
    scores: dict[str, float]  # without the silent ones

    @property
    def fake(self) -> bool:
        return self.label == "fake"


def measure(
    corpora: Sequence[Corpus], scorers: Sequence[Detector], split: str, store: Path, seed: int = 0
) -> Iterator[Examined]:
    """Examine each photo of a split once, laundered; what is in `store` is not examined again."""
    from rich.console import Console
    from rich.progress import track

    scored_by = [(detector.name, detector.weights) for detector in scorers]
    identity = repr((forensics.__version__, "faces and others", seed, split, ONCE, SCALES, LARGEST_FACE, scored_by))
    known = read_store(store)
    todo = [(key_of(identity, c, entry), c, entry) for c in corpora for entry in c.where(split=split)]
    store.parent.mkdir(parents=True, exist_ok=True)
    with open(store, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        fresh = any(key not in known for key, _, _ in todo)
        for key, corpus, entry in track(todo, "examining", console=Console(stderr=True), disable=not fresh):
            if key not in known:
                row = examine(corpus, entry, scorers, seed)
                scores = ";".join(f"{name}={value!r}" for name, value in row.scores.items())
                writer.writerow([key, *(getattr(row, f.name) for f in fields(Examined)[:-1]), scores])
                file.flush()
                known[key] = row
            yield known[key]


def key_of(identity: str, corpus: Corpus, entry: Entry) -> str:
    """What a row depends on: who scored how, the manifest's line, and the file as it is now."""
    path = corpus.path(entry)
    stat = path.stat() if path.exists() else None
    file = stat and (stat.st_size, stat.st_mtime_ns)
    return hashlib.sha256(repr((identity, str(path), entry, file)).encode()).hexdigest()[:16]


def read_store(store: Path) -> dict[str, Examined]:
    """Rows by their key. A replaced photo, other weights or another manifest line has another key."""
    known: dict[str, Examined] = {}
    if not store.exists():
        return known
    with open(store, newline="", encoding="utf-8") as file:
        for line in csv.reader(file):
            if len(line) != 9:
                continue  # cut off
            scores = {n: float(v) for n, v in (part.split("=") for part in line[8].split(";") if part)}
            known[line[0]] = Examined(*line[1:5], *map(int, line[5:8]), scores)
    return known


def examine(corpus: Corpus, entry: Entry, scorers: Sequence[Detector], seed: int) -> Examined:
    source = (entry.domain or corpus.root.name) if entry.label == "real" else entry.maker
    told = (str(corpus.path(entry)), entry.label, source, entry.group or entry.path)
    try:
        pixels = Photo.open(corpus.path(entry)).pixels
    except UnreadableImage:
        return Examined(*told, 0, 0, 0, {})
    photo = Photo.from_pixels(laundered(pixels, f"{seed} {entry.sha256 or entry.path}"))
    seen = at_known_size(photo)
    face = largest_face(seen)
    found = ((detector.name, detector.examine(photo).score) for detector in scorers)
    scores = {name: float(score) for name, score in found if score is not None}
    return Examined(*told, seen.width, seen.height, face.height if face else 0, scores)


def laundered(pixels: np.ndarray, key: str) -> np.ndarray:
    """A photo after a history that depends on `key` only: encoded once, or re-posted one to three times."""
    rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
    if rng.random() < ONCE:
        return laundering.jpeg(pixels, int(rng.integers(70, 97)))
    return laundering.history(pixels, rng, SCALES)
