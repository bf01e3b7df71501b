"""The photos that a generator learns from, decoded once, and their order, a function of seed and position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from forensics.corpus import Corpus
from forensics.photo import Photo, UnreadableImage
from forensics.refusal import Refusal
from generators.prepare import square

IN_MEMORY = 2 * 2**30  # bytes; more goes to a file


@dataclass(frozen=True)
class Photos:
    """`pixels`: (N, R, R, 3) uint8. `sha256` is the fingerprint of the corpus as read."""

    pixels: np.ndarray
    sha256: str
    left_out: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, seed: int, start: int, n: int) -> np.ndarray:
        """Photos number `start` to `start + n` of an endless stream, (n, R, R, 3) uint8.

        Each round shows every photo once, in an order of its own, half of them mirrored. The stream is a
        function of the seed, so resuming needs no state but `start`.
        """
        picked = []
        for position in range(start, start + n):
            order, mirrored = one_round(seed, position // len(self), len(self))
            place = position % len(self)
            photo = self.pixels[order[place]]
            picked.append(photo[:, ::-1] if mirrored[place] else photo)
        return np.stack(picked)


@lru_cache(maxsize=2)
def one_round(seed: int, number: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng((seed, number))
    return rng.permutation(n), rng.random(n) < 0.5


def decode(
    corpus: Corpus, resolution: int, spill: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> Photos:
    """Decode every real photo of a corpus to R x R; corpora too large for memory go to the file `spill`.

    Photos of another size are cut to their centre square. Raises Refusal when none can be read.
    """
    entries = [entry for entry in corpus if entry.label == "real"]
    if not entries:
        raise Refusal(f"{corpus.root} holds no real photos; a generator learns from those labelled real")
    shape = (len(entries), resolution, resolution, 3)
    if np.prod(shape, dtype=np.int64) > IN_MEMORY:
        pixels = np.lib.format.open_memmap(spill, "w+", np.uint8, shape)
    else:
        pixels = np.empty(shape, np.uint8)
    read, left_out = [], []
    for number, entry in enumerate(entries, start=1):
        try:
            photo = Photo.open(corpus.path(entry))
            pixels[len(read)] = square(photo.pixels, resolution)
            read.append(replace(entry, sha256=photo.sha256))
        except UnreadableImage as reason:
            left_out.append(f"{entry.path}: {reason}")
        progress(number, len(entries))
    if not read:
        raise Refusal(f"{corpus.root}: none of {len(entries)} photos can be read; the first: {left_out[0]}")
    return Photos(pixels[: len(read)], Corpus(corpus.root, tuple(read)).sha256, tuple(left_out))
