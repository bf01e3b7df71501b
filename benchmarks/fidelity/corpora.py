"""The photos and pictures that the fidelity benchmark compares, and their points in a feature space."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from benchmarks.fidelity.feature_rows import FeatureRows
from forensics.corpus import Corpus, Entry, Label
from forensics.features import FeatureSpace
from forensics.photo import UnreadableImage
from forensics.places import RUNS
from forensics.refusal import Refusal
from forensics.tensors import to_tensor
from generators import snapshots
from generators.latent.film import as_rgb
from generators.photos import decoded
from generators.source import Source, corpus_at
from generators.trained import Trained

AT_ONCE = 50  # pictures
LOOKED_AT = 20  # pictures of a folder, whose usual size is the folder's


@dataclass(frozen=True)
class Gallery:
    """The files of one label in a folder or a zip, each with its hash."""

    name: str
    corpus: Corpus

    @classmethod
    def of(cls, path: Path, label: Label, name: str | None = None) -> Gallery:
        """Raises Refusal where there is no such folder, or nothing of that label in it."""
        corpus = Corpus.open(path, label) if path.is_dir() else corpus_at(path)
        chosen = corpus.where(label=label)
        if not len(chosen):
            raise Refusal(f"{path}: its manifest has no pictures labelled {label}")
        with Source(corpus.root) as source:
            entries = tuple(e if e.sha256 else replace(e, sha256=hash_of(source, e.path)) for e in chosen)
        whole = path.resolve()
        return cls(name or (whole.name if path.is_dir() else whole.stem), Corpus(corpus.root, entries))

    @property
    def hashes(self) -> frozenset[str]:
        return frozenset(entry.sha256 for entry in self.corpus if entry.sha256)

    @property
    def formats(self) -> frozenset[str]:
        """Suffixes of the files."""
        return frozenset(Path(e.path).suffix.lower().replace(".jpeg", ".jpg").lstrip(".") for e in self.corpus)

    def without(self, hashes: frozenset[str]) -> Gallery:
        kept = tuple(entry for entry in self.corpus if entry.sha256 not in hashes)
        return Gallery(self.name, Corpus(self.corpus.root, kept))

    def in_order(self) -> list[Entry]:
        """Entries, shuffled by seed 0."""
        entries = self.corpus.entries
        return [entries[number] for number in np.random.default_rng(0).permutation(len(entries))]

    def usual_size(self) -> tuple[int, int]:
        """Height and width of most of the first pictures. Raises Refusal when none can be read."""
        found: Counter[tuple[int, int]] = Counter()
        with Source(self.corpus.root) as source:
            for entry in self.in_order()[:LOOKED_AT]:
                try:
                    photo = source.open(entry.path)
                except UnreadableImage:
                    continue
                found[photo.height, photo.width] += 1
        if not found:
            raise Refusal(f"{self.corpus.root}: none of its first {LOOKED_AT} pictures can be read")
        return found.most_common(1)[0][0]

    def points(
        self,
        n: int,
        size: tuple[int, int],
        channels: int,
        space: FeatureSpace,
        kept: FeatureRows,
        watch: Callable[[int, int], None] = lambda done, total: None,
    ) -> np.ndarray:
        """Points of the first n that can be read, fewer where there are not so many, (N, D) float32.

        Each picture is cut to the shape of `size` and resized to it; `channels` 1 or 2: its luma is seen.
        """
        keys: list[str] = []
        waiting: dict[str, np.ndarray] = {}
        most = min(n, len(self.corpus))
        with Source(self.corpus.root) as source:
            for entry in self.in_order():
                if len(keys) == most:
                    break
                key = f"{entry.sha256} {size[1]}x{size[0]} {'luma' if channels < 3 else 'rgb'}"
                if key not in kept and key not in waiting:
                    try:
                        data = source.read(entry.path)
                        waiting[key] = as_rgb(decoded(data, entry.path, size, min(channels, 3))[0])
                    except UnreadableImage:
                        continue
                keys.append(key)
                if len(waiting) == AT_ONCE:
                    keep(waiting, space, kept)
                    watch(len(keys), most)
        keep(waiting, space, kept)
        watch(len(keys), most)
        return kept.of(keys)


def hash_of(source: Source, name: str) -> str:
    """SHA-256 of a file; empty where it cannot be read."""
    try:
        return sha256(source.read(name)).hexdigest()
    except UnreadableImage:
        return ""


def keep(waiting: dict[str, np.ndarray], space: FeatureSpace, kept: FeatureRows) -> None:
    """See the pictures, keep their points, and forget the pictures."""
    if waiting:
        kept.add(list(waiting), space(to_tensor(list(waiting.values()))).cpu().numpy())
        waiting.clear()


def own_corpus(trained: Trained) -> Path:
    """Where the photos are that a generator learned from, as its run tells. Raises Refusal if nobody does."""
    runs = [RUNS / "weights" / trained.family.name]
    if trained.weights.parent.name == "snapshots":
        runs.insert(0, trained.weights.parent.parent)
    for run in runs:
        try:
            config = snapshots.read_config(run)
        except Refusal:
            continue
        data = Path(str(config.get("data")))
        if config.get("corpus") == trained.told.get("corpus") and data.exists():
            return data
    raise Refusal(
        f"the photos that {trained.family.name} ({trained.weights}) learned from are not known or not there: "
        "pass --real FOLDER (may be repeated)"
    )


def learned_from(trained: Trained, reals: Sequence[Gallery]) -> tuple[Gallery, bool]:
    """Of several corpora the one that a generator learned from, by its fingerprint, and True; else the first."""
    for real in reals:
        if real.corpus.sha256 == trained.told.get("corpus"):
            return real, True
    return reals[0], False
