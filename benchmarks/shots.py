"""The photos of a benchmark: what the user named, each file once, with its class and where it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.launder import laundering_named
from forensics.corpus import Corpus, Label, file_sha256
from forensics.layouts import datasets
from forensics.places import RUNS
from forensics.refusal import Refusal

DATASETS = RUNS / "datasets"  # what tars are unpacked into
Shape = tuple[int, int]  # width, height in px


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
    sets: tuple[
        tuple[str | None, Path], ...
    ] = ()  # folders or tars of both classes (forensics.layouts), named or not
    match: bool = False  # whether both classes are brought to the same shapes before laundering (matching.py)


@dataclass(frozen=True)
class Shot:
    """One photo of the benchmark."""

    path: Path
    sha256: str
    fake: bool
    source: str  # maker of a fake, domain of a real photo
    grey: bool = False  # its colour is removed before it is laundered
    group: str = ""  # copies of a picture, photos of a person
    shape: Shape | None = None  # what it is brought to before it is laundered

    @property
    def key(self) -> str:
        """Of its row among the scores."""
        shape = f"-{self.shape[0]}x{self.shape[1]}" if self.shape else ""
        return f"{self.sha256}{'-grey' * self.grey}{shape}"


def gather(setup: Setup) -> tuple[list[Shot], tuple[str, ...]]:
    """The photos of both classes, each file once, then the grey ones; and what a reader should know of the choice."""
    shots: dict[str, Shot] = {}
    both: set[str] = set()
    for label, maker, corpus in corpora(setup):
        if setup.split != "all":
            corpus = corpus.where(split=setup.split)
        chosen = sorted(corpus, key=lambda e: hashlib.sha256(e.path.encode("utf-8", "replace")).digest())
        for entry in chosen[: setup.limit]:
            source = maker or (entry.maker if label == "fake" else entry.domain or corpus.root.name)
            sha256 = file_sha256(corpus.path(entry))
            if sha256 is None:
                continue
            group = f"{corpus.root}/{entry.group or entry.path}"
            shot = Shot(corpus.path(entry), sha256, label == "fake", source, group=group)
            if shots.setdefault(sha256, shot).fake != shot.fake:
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
    if setup.match:
        notes += ("Before that, both classes were brought to the same shapes.",)
    if setup.launder == "native":
        notes += ("Native: what the classes' own encoders left in the pixels may differ and be learnt.",)
    if both:
        notes += (f"{len(both)} files are in both classes and were left out.",)
    return kept + without_colour(kept, setup.grey), notes


def away(shots: Sequence[Shot]) -> list[Shot]:
    """As a worker finds them, which may have another working directory."""
    return [replace(shot, path=shot.path.absolute()) for shot in shots]


def corpora(setup: Setup) -> Iterator[tuple[Label, str | None, Corpus]]:
    """What each folder of a setup holds of a class, and the maker that the user told."""
    for path in setup.real:
        yield "real", None, Corpus.open(path, "real").where(label="real")
    for maker, path in setup.fake:
        yield "fake", maker, Corpus.open(path, "fake").where(label="fake")
    for name, path in setup.sets:
        real, fake = datasets(path, DATASETS, name)
        yield from (("real", None, real), ("fake", None, fake))


def without_colour(shots: Sequence[Shot], most: int) -> list[Shot]:
    """The same photos to be examined in grey: of each real domain at most so many, drawn by hash."""
    drawn: list[Shot] = []
    for domain in sorted({shot.source for shot in shots if not shot.fake}):
        mine = sorted((s for s in shots if not s.fake and s.source == domain), key=lambda shot: shot.sha256)
        drawn += [replace(shot, grey=True) for shot in mine[:most]]
    return drawn


def fingerprints(setup: Setup, shots: Sequence[Shot]) -> dict[str, str]:
    """Of each folder or tar that was given."""
    found = {str(path): fingerprint(path, shots) for path in (*setup.real, *(path for _, path in setup.fake))}
    for name, path in setup.sets:
        found[str(path)] = fingerprint(datasets(path, DATASETS, name)[0].root, shots)
    return found


def fingerprint(folder: Path, shots: Sequence[Shot]) -> str:
    """Of the photos taken from this folder: their bytes, not their names."""
    inside = sorted({shot.sha256 for shot in shots if shot.path.absolute().is_relative_to(folder.absolute())})
    return hashlib.sha256("\n".join(inside).encode()).hexdigest()
