"""Common ground for pictures of many makers: one size, one history of sizes, the same hands.

A picture that was made at 32 px and enlarged differs from a photo of 64 px by its blur alone; a detector would
learn that and call it a trace. So each maker has its own side (the median of its pictures', the size of the ground
at most), and the real photos that it is set against were first shrunk to that side and enlarged again like its
pictures. Then all are laundered alike. What is left between the classes is what makers leave, and what they show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.launder import laundering_named
from forensics.corpus import Corpus
from forensics.laundering import resize
from forensics.photo import Photo, UnreadableImage
from forensics.refusal import Refusal

SIDES = 16, 512  # px a ground may have
FEWEST = 10  # pictures a maker or domain and split
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Soil:
    """Where the pictures come from. `fake` folders have a maker's name, or None to use the manifest's."""

    real: tuple[Path, ...]
    fake: tuple[tuple[str | None, Path], ...]
    size: int = 64  # px of the ground
    launder: str = "match"
    most: int = 400  # pictures of a maker or domain to learn from, drawn by hash; a test takes half as many
    seed: int = 0

    def __post_init__(self) -> None:
        if not SIDES[0] <= self.size <= SIDES[1] or self.size % 16:
            raise Refusal(f"--size {self.size}: must be a multiple of 16, {SIDES[0]} to {SIDES[1]}")
        laundering_named(self.launder)


@dataclass(frozen=True, eq=False)
class Ground:
    """Pictures, (n, S, S, 3) uint8 stacks. `sides`: each maker's own side in px, in the order they were given."""

    size: int
    sides: Mapping[str, int]
    domains: tuple[str, ...]
    fakes: Mapping[tuple[str, str], np.ndarray] = field(repr=False)  # (maker, split)
    reals: Mapping[tuple[str, str, int], np.ndarray] = field(repr=False)  # (domain, split, side)
    fingerprint: str = ""  # of all files that were read, their classes and splits
    notes: tuple[str, ...] = ()

    @property
    def makers(self) -> tuple[str, ...]:
        return tuple(self.sides)

    def fake(self, maker: str, split: str) -> np.ndarray:
        return self.fakes[maker, split]

    def real(self, maker: str, split: str) -> list[np.ndarray]:
        """A stack a domain: photos with the history of this maker's pictures."""
        return [self.reals[domain, split, self.sides[maker]] for domain in self.domains]


def ground_of(
    soil: Soil,
    watch: Callable[[int, int], None] = lambda done, total: None,
    here: Mapping[str, int] | None = None,
) -> Ground:
    """Read, bring to one size and launder. Raises Refusal when a class is missing.

    here: makers whose pictures are not in folders, and the side that these have. Makers and domains with fewer than
    10 pictures in a split are left out, and named in the notes.
    """
    found = {"real": listed("real", [(None, path) for path in soil.real]), "fake": listed("fake", soil.fake)}
    chosen: dict[str, dict[str, dict[str, list[Path]]]] = {label: {} for label in found}  # label, source, split
    left_out = []
    for label, sources in found.items():
        for source, splits in sources.items():
            its = {s: drawn(splits.get(s, []), soil.most // (1 + (s == "test")), soil.seed) for s in SPLITS}
            if min(map(len, its.values())) >= FEWEST:
                chosen[label][source] = its
            else:
                counts = ", ".join(f"{len(paths)} in {split}" for split, paths in its.items())
                left_out.append(f"{source} ({counts})")
        if not chosen[label] and not (here and label == "fake"):
            counted = "; ".join(left_out) or "none"
            raise Refusal(f"no {label} folder with {FEWEST} pictures in each of {', '.join(SPLITS)}: {counted}")
    paths = [
        path for sources in chosen.values() for its in sources.values() for some in its.values() for path in some
    ]
    read: dict[Path, np.ndarray] = {}  # no larger than the ground
    digest = hashlib.sha256()
    for i, path in enumerate(paths):
        try:
            photo = Photo.open(path)
            square = squared(photo.pixels)
            read[path] = at_side(square, min(len(square), soil.size))
            digest.update(photo.sha256.encode())
        except UnreadableImage:
            left_out.append(path.name)
        watch(i + 1, len(paths))
    sides = {
        maker: int(np.median([len(read[p]) for p in its["train"] if p in read]))
        for maker, its in chosen["fake"].items()
    } | dict(here or {})

    def stack(some: Sequence[Path], side: int) -> np.ndarray:
        return np.stack([brought(read[p], side, soil) for p in some if p in read])

    fakes = {(m, s): stack(p, sides[m]) for m, its in chosen["fake"].items() for s, p in its.items()}
    histories = sorted(set(sides.values()))
    reals = {
        (d, s, side): stack(p, side)
        for d, its in chosen["real"].items()
        for s, p in its.items()
        for side in histories
    }
    notes = (f"Left out: {', '.join(left_out)}.",) if left_out else ()
    return Ground(soil.size, sides, tuple(chosen["real"]), fakes, reals, digest.hexdigest(), notes)


def listed(label: str, folders: Sequence[tuple[str | None, Path]]) -> dict[str, dict[str, list[Path]]]:
    """Source (maker or domain) → split → files, in the order of the folders."""
    found: dict[str, dict[str, list[Path]]] = {}
    for name, folder in folders:
        corpus = Corpus.open(folder, label).where(label=label)
        for entry in corpus:
            source = name or (entry.maker if label == "fake" else entry.domain or corpus.root.name)
            found.setdefault(source, {}).setdefault(entry.split, []).append(corpus.path(entry))
    return found


def drawn(paths: Sequence[Path], most: int, seed: int) -> list[Path]:
    """At most so many, the same on every machine."""
    return sorted(paths, key=lambda p: hashlib.sha256(f"{seed}/{p.parent.name}/{p.name}".encode()).digest())[:most]


def squared(pixels: np.ndarray) -> np.ndarray:
    """The middle square of (H, W, 3)."""
    side = min(pixels.shape[:2])
    top, left = ((n - side) // 2 for n in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def brought(pixels: np.ndarray, side: int, soil: Soil) -> np.ndarray:
    """A square picture to `side` by area, enlarged to the ground's size by bicubic, laundered, and to size again.

    Its trip depends on the seed and its pixels, not on its class or place.
    """
    rng = np.random.default_rng((soil.seed, int.from_bytes(hashlib.sha256(pixels.tobytes()).digest()[:8])))
    pixels = at_side(at_side(pixels, side), soil.size)
    return at_side(laundering_named(soil.launder).apply(np.ascontiguousarray(pixels), rng), soil.size)


def at_side(pixels: np.ndarray, side: int) -> np.ndarray:
    return resize(pixels, side / len(pixels), "area" if side < len(pixels) else "bicubic")
