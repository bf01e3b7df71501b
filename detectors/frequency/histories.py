"""Photos of corpora → the numbers that frequency cues are fitted on, after histories alike for both classes.

Each photo and history is laundered once for all cues. What was measured is kept in a file on the way:
interrupted, it goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from detectors.frequency.cue import Cue
from detectors.frequency.region import LEAST, Region, region
from forensics import laundering
from forensics.corpus import Corpus, Entry
from forensics.photo import Photo, UnreadableImage
from forensics.saving import at_once

SMALL = 224  # px of the shorter side: what many sites and nets shrink to
COMMON = (128, 256)  # px: shorter sides that all corpora reach; photos are shrunk to one between them
KERNELS = ("area", "bilinear", "bicubic", "lanczos")
HISTORIES = ("encoded again", "shrunk to 224 px", "re-posted")  # of draws 0, 1, 2: those that are reported
SAVE_EVERY = 60  # seconds between savings of what was measured

Known = dict[str, dict[str, np.ndarray]]  # cue → photo and history → row


@dataclass(frozen=True)
class Recipe:
    """What a fit depends on, besides its corpora."""

    seed: int = 0
    draws: int = 4  # histories a photo
    most: int = 400  # photos of one domain (real) or maker (fake)


@dataclass(frozen=True)
class Sample:
    """One photo with one history. `source` = domain of a real photo, maker of a fake."""

    path: Path
    entry: Entry
    source: str
    draw: int

    @property
    def fake(self) -> bool:
        return self.entry.label == "fake"


def samples(corpora: Sequence[Corpus], split: str, recipe: Recipe) -> list[Sample]:
    """The photos of a split, at most `recipe.most` a source, each with all its draws (those reported in "test")."""
    draws = min(recipe.draws, len(HISTORIES)) if split == "test" else recipe.draws
    found: dict[tuple[str, str], list[tuple[Path, Entry]]] = {}
    for corpus in corpora:
        for entry in corpus.where(split=split):
            source = (entry.domain or corpus.root.name) if entry.label == "real" else entry.maker
            found.setdefault((entry.label, source), []).append((corpus.path(entry), entry))
    chosen = []
    for (_, source), photos in found.items():
        order = np.random.default_rng(recipe.seed).permutation(len(photos))[: recipe.most]
        chosen += [Sample(*photos[i], source, draw) for i in sorted(order) for draw in range(draws)]
    return chosen


def launder(pixels: np.ndarray, draw: int, rng: np.random.Generator) -> np.ndarray:
    """History number `draw` of a picture: the three that are reported; then from a common size, and several trips."""
    side = min(pixels.shape[:2])
    kernel, quality = KERNELS[rng.integers(4)], int(rng.integers(70, 97))
    if draw == 0:
        return laundering.jpeg(pixels, quality)
    if draw == 1:
        return laundering.jpeg(laundering.resize(pixels, min(1.0, SMALL / side), kernel), quality)
    if draw == 2:
        return laundering.repost(pixels, rng)
    if draw % 2 == 0:
        return laundering.history(pixels, rng)
    low, high = (min(limit, side) for limit in COMMON)
    wanted = np.exp(rng.uniform(np.log(low), np.log(high)))
    return laundering.history(laundering.resize(pixels, wanted / side, kernel), rng, (0.8, 1.0))


def row_of(cue: type[Cue], seen: Region | None) -> np.ndarray:
    """(2K + 2,): K values, their K steps, the region's height in pixels, 1 on a face; NaN: not measured."""
    values = None if seen is None or seen.blank else cue.values(seen)
    if values is None:
        return np.full(2 * cue.size + 2, np.nan, dtype=np.float32)
    height = seen.box[3] - seen.box[1]
    return np.concatenate([values, cue.steps(seen), [height, seen.on_face]]).astype(np.float32)


def region_of(pixels: np.ndarray) -> Region | None:
    if min(pixels.shape[:2]) < LEAST:
        return None
    return region(Photo.from_pixels(np.ascontiguousarray(pixels)))


def pixels_of(path: Path) -> np.ndarray | None:
    try:
        return Photo.open(path).pixels
    except UnreadableImage:
        return None


def all_rows(cues: Sequence[type[Cue]], wanted: Sequence[Sample], store: Path, recipe: Recipe) -> list[np.ndarray]:
    """For each cue (len(wanted), 2K + 2) of `row_of`: once each, kept in `store`, also on Ctrl-C."""
    known = read_store(store)
    mine = [known.setdefault(cue.name, {}) for cue in cues]
    saved = time.monotonic()
    try:
        for path, todo in progress(by_photo(wanted)):
            keys = {s.draw: f"{recipe.seed}:{s.draw}:{fingerprint(path)}" for s in todo}
            if all(key in rows for rows in mine for key in keys.values()):
                continue
            pixels = pixels_of(path)
            for draw, key in keys.items():
                rng = np.random.default_rng([recipe.seed, draw, zlib.crc32(key.encode())])
                seen = None if pixels is None else region_of(launder(pixels, draw, rng))
                measured = [row_of(cue, seen) for cue in cues]
                for rows, row in zip(mine, measured, strict=True):
                    rows[key] = row
            if time.monotonic() - saved > SAVE_EVERY:
                write_store(store, known)
                saved = time.monotonic()
    finally:
        write_store(store, known)
    keys = [f"{recipe.seed}:{s.draw}:{fingerprint(s.path)}" for s in wanted]
    return [np.stack([rows[key] for key in keys]) for rows in mine]


def by_photo(wanted: Sequence[Sample]) -> list[tuple[Path, list[Sample]]]:
    grouped: dict[Path, list[Sample]] = {}
    for sample in wanted:
        grouped.setdefault(sample.path, []).append(sample)
    return list(grouped.items())


def progress(photos: list) -> Iterator:
    from rich.console import Console
    from rich.progress import track

    return track(photos, "measuring frequency cues", console=Console(stderr=True))


@cache
def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_store(store: Path) -> Known:
    if not store.exists():
        return {}
    with np.load(store, allow_pickle=False) as saved:
        names = [name.removesuffix(".keys") for name in saved.files if name.endswith(".keys")]
        return {n: dict(zip(saved[f"{n}.keys"].tolist(), saved[f"{n}.rows"], strict=True)) for n in names}


def write_store(store: Path, known: Known) -> None:
    arrays = {}
    for name, rows in known.items():
        if rows:
            arrays |= {f"{name}.keys": np.array(list(rows)), f"{name}.rows": np.stack(list(rows.values()))}
    if arrays:
        with at_once(store) as part, open(part, "wb") as file:
            np.savez(file, **arrays)
