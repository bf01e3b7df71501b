"""Photos of corpora → the levels that the spectrum is fitted on, after histories alike for both classes.

Measured once a photo and history, kept in a file on the way: interrupted, it goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from detectors.frequency.spectrum import BLOCK, FREQUENCIES, measure
from forensics import laundering
from forensics.corpus import Corpus, Entry
from forensics.photo import Photo, UnreadableImage

NOTHING = np.full(len(FREQUENCIES) + 1, np.nan)
COMMON = (128, 256)  # px: shorter sides that all corpora reach; photos are shrunk to one between them
HISTORIES = ("light JPEG", "re-posted", "re-posted from a common size")  # of draws 0, 1, 2
SAVE_EVERY = 60  # seconds between savings of the measured levels


@dataclass(frozen=True)
class Recipe:
    """What a fit depends on, besides its corpora."""

    seed: int = 0
    draws: int = 5  # histories a photo: the first is one light JPEG, then random ones
    most: int = 700  # photos of one domain (real) or maker (fake)


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
    """The photos of a split, at most `recipe.most` a source, each with all its draws."""
    found: dict[tuple[str, str], list[tuple[Path, Entry]]] = {}
    for corpus in corpora:
        for entry in corpus.where(split=split):
            source = (entry.domain or corpus.root.name) if entry.label == "real" else entry.maker
            found.setdefault((entry.label, source), []).append((corpus.path(entry), entry))
    chosen = []
    for (_, source), photos in found.items():
        order = np.random.default_rng(recipe.seed).permutation(len(photos))[: recipe.most]
        chosen += [Sample(*photos[i], source, draw) for i in sorted(order) for draw in range(recipe.draws)]
    return chosen


def launder(pixels: np.ndarray, draw: int, rng: np.random.Generator) -> np.ndarray:
    """History number `draw` of a picture: light; then random ones, every second from a size both classes share."""
    if draw == 0:
        return laundering.jpeg(pixels, int(rng.integers(85, 97)))
    if draw % 2:
        return laundering.history(pixels, rng)
    side = min(pixels.shape[:2])
    low, high = (min(limit, side) for limit in COMMON)
    wanted = np.exp(rng.uniform(np.log(low), np.log(high)))
    kernel = ("area", "bilinear", "bicubic", "lanczos")[rng.integers(4)]
    return laundering.history(laundering.resize(pixels, wanted / side, kernel), rng, (0.8, 1.0))


def levels_of(pixels: np.ndarray) -> np.ndarray:
    """(33,) of a picture: 32 levels in dB, then the height in pixels of the area; NaN where it cannot be measured."""
    if min(pixels.shape[:2]) < BLOCK:
        return NOTHING
    found, area = measure(Photo.from_pixels(np.ascontiguousarray(pixels)))
    return NOTHING if found is None else np.append(found, area[3] - area[1] if area else pixels.shape[0])


def pixels_of(path: Path) -> np.ndarray | None:
    try:
        return Photo.open(path).pixels
    except UnreadableImage:
        return None


def all_levels(wanted: Sequence[Sample], store: Path, recipe: Recipe) -> np.ndarray:
    """(len(wanted), 33) rows of `levels_of`, once each: kept in `store`, saved now and then and on Ctrl-C."""
    known = read_store(store)
    saved = time.monotonic()
    try:
        for path, todo in progress(by_photo(wanted)):
            keys = {s.draw: f"{recipe.seed}:{s.draw}:{fingerprint(path)}" for s in todo}
            if all(key in known for key in keys.values()):
                continue
            pixels = pixels_of(path)
            for draw, key in keys.items():
                rng = np.random.default_rng([recipe.seed, draw, zlib.crc32(key.encode())])
                known[key] = NOTHING if pixels is None else levels_of(launder(pixels, draw, rng))
            if time.monotonic() - saved > SAVE_EVERY:
                write_store(store, known)
                saved = time.monotonic()
    finally:
        write_store(store, known)
    return np.stack([known[f"{recipe.seed}:{s.draw}:{fingerprint(s.path)}"] for s in wanted])


def by_photo(wanted: Sequence[Sample]) -> list[tuple[Path, list[Sample]]]:
    grouped: dict[Path, list[Sample]] = {}
    for sample in wanted:
        grouped.setdefault(sample.path, []).append(sample)
    return list(grouped.items())


def progress(photos: list) -> Iterator:
    from rich.console import Console
    from rich.progress import track

    return track(photos, "measuring spectra", console=Console(stderr=True))


@cache
def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_store(store: Path) -> dict[str, np.ndarray]:
    if not store.exists():
        return {}
    with np.load(store, allow_pickle=False) as saved:
        return dict(zip(saved["keys"].tolist(), saved["levels"], strict=True))


def write_store(store: Path, known: dict[str, np.ndarray]) -> None:
    if known:
        part = store.with_name("spectrum.levels.part.npz")
        np.savez(part, keys=np.array(list(known)), levels=np.stack(list(known.values())))
        os.replace(part, store)
