"""What gives the classes of a test set away to those who see no picture?

Dummies that are told only a file's size, its dimensions, its JPEG tables, its bits per pixel or its mean colour
guess the class; a detector need not know more of generators than they do. Each is measured twice: on the files
as they came, and on what the detectors are shown after both classes were laundered.

A dummy is a tree of eight leaves, cross-fitted: it learns from four fifths of the groups and is scored on the
fifth, so that it knows neither which way to guess nor the photos it is scored on, and chance stays at AUC 0.5.
It gives the classes away if its AUC is over 0.6 and its interval lies above 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.matching import partners
from benchmarks.shots import Shot
from benchmarks.table import Column, Measure, Table
from detectors.structure.tables import nearest
from forensics.crew import Crew
from forensics.photo import FORMATS, SUBSAMPLING, Photo, UnreadableImage

LEAK = 0.6  # AUC
FOLDS = 5
NEEDED = 10  # groups a class, below which no dummy can learn
DEPTH, LEAF = 3, 10  # of the tree; photos a leaf
SUBSAMPLINGS = ("grey", *SUBSAMPLING.values())


@dataclass(frozen=True)
class Seen:
    """All that the dummies are told of one photo."""

    size: int  # bytes
    width: int  # px, upright
    height: int
    format: str  # "JPEG", "PNG", ...
    quality: int  # 1-100: libjpeg's that the tables are nearest to; 0 = no tables
    distance: float  # of the luminance table from that quality's, 0 = equal
    subsampling: str  # "4:2:0", ..., or "" for no JPEG
    colour: tuple[float, float, float]  # mean red, green, blue in [0, 255]

    @classmethod
    def of(cls, photo: Photo) -> Seen:
        fit = nearest(photo.jpeg.tables) if photo.jpeg else None
        return cls(
            len(photo.data),
            photo.width,
            photo.height,
            photo.format,
            fit.quality if fit else 0,
            fit.luminance if fit else 0.0,
            photo.jpeg.subsampling if photo.jpeg else "",
            tuple(float(mean) for mean in photo.pixels.mean(axis=(0, 1))),
        )


@dataclass(frozen=True)
class Dummy:
    """One that sees only `numbers` of a photo."""

    name: str
    about: str
    numbers: Callable[[Seen], tuple[float, ...]]
    shown: bool = True  # whether laundered pixels, without a file, can tell it


def tables_of(seen: Seen) -> tuple[float, ...]:
    kinds = ((FORMATS, seen.format), (SUBSAMPLINGS, seen.subsampling))
    return seen.quality, seen.distance, *(float(kind.index(it)) if it in kind else -1.0 for kind, it in kinds)


DUMMIES = (
    Dummy("file size", "bytes", lambda seen: (seen.size,)),
    Dummy("dimensions", "width, height, aspect", lambda s: (s.width, s.height, s.width / s.height)),
    Dummy("JPEG tables", "format, quality by the tables, subsampling", tables_of, shown=False),
    Dummy("bits per pixel", "of the file", lambda seen: (8 * seen.size / (seen.width * seen.height),)),
    Dummy("mean colour", "red, green, blue", lambda seen: seen.colour),
)


@dataclass(frozen=True)
class Gate:
    """What was found. `warnings` belong in bold above the numbers of the benchmark."""

    table: Table
    warnings: tuple[str, ...]


def gate(
    came: Sequence[Seen],
    shown: Sequence[Seen],
    fake: Sequence[bool],
    groups: Sequence[str],
    launder: str,
    partner: Sequence[int] | None = None,
    rounds: int = 1000,
    seed: int = 0,
) -> Gate:
    """Measure all dummies. All sequences are of the same photos, in one order.

    came: files as they came. shown: `Seen.of` the photo that the detectors get, a PNG of laundered pixels.
    groups: photos of one group (copies, persons) share a name. launder: a name of launder.LAUNDERINGS.
    partner: `matching.partners` of the photos as they came, where they were matched.
    """
    fake = np.asarray(fake, dtype=bool)
    fold = folds(fake, groups if partner is None else joined(partner, fake, groups), seed)

    def measured(dummy: Dummy, photos: Sequence[Seen]) -> Measure:
        numbers = np.array([dummy.numbers(seen) for seen in photos], dtype=float).reshape(len(fake), -1)
        return told_apart(numbers, fake, groups, fold, rounds, seed)

    files = {dummy.name: measured(dummy, came) for dummy in DUMMIES}
    pixels = {dummy.name: measured(dummy, shown) for dummy in DUMMIES if dummy.shown}
    rows = tuple((f"{d.name} ({d.about})", files[d.name], pixels.get(d.name)) for d in DUMMIES)
    matched = partner is not None and launder != "native"  # else of equal shape, but as their encoders left them
    notes = (
        f"A tree of {2**DEPTH} leaves, cross-fitted over {FOLDS} parts that share no group; interval: bootstrap of "
        f"groups within class, 95 %. An AUC over {LEAK} with its interval above 0.5 gives the classes away.",
        "Shown pixels have no tables; what old ones left in them is not measured here.",
        "Bits per pixel of what is shown are its grain and detail: generators may truly differ in them.",
    )
    if fold is None:
        notes = (f"Not measured: fewer than {NEEDED} groups in a class.", *notes)
    elif matched and leaks(files):
        notes = (f"The files differ as they came: {listed(leaks(files))}. They were matched before use.", *notes)
    columns = (
        Column("seen by the dummy"),
        Column(
            "AUC, files",
            about="of the files as they came; 0.5 is chance, and less is chance that was learnt by heart",
        ),
        Column("AUC, shown", about=f"of what the detectors are shown (laundering: {launder}), as PNG"),
    )
    table = Table("leakage", "What gives the classes away", columns, rows, notes)
    return Gate(table, warnings(leaks(files), leaks(pixels), launder, matched))


def gate_of(
    shots: Sequence[Shot],
    show: Callable[[Photo, Shot], Photo],
    crew: Crew,
    launder: str,
    rounds: int = 1000,
    seed: int = 0,
) -> Gate:
    """The gate of a benchmark's photos; those without their colour and those that cannot be read do not count.

    show: importable function that gives what the panel is shown of an opened photo.
    """
    told = dict(crew.map(partial(look, show), [shot for shot in shots if not shot.grey]))
    read = [(shot, told[shot]) for shot in shots if isinstance(told.get(shot), tuple)]
    came, shown = ([seen[i] for _, seen in read] for i in (0, 1))
    groups = [shot.group or shot.sha256 for shot, _ in read]
    fake, names = ([getattr(shot, name) for shot, _ in read] for name in ("fake", "sha256"))
    matched = len(set(fake)) == 2 and all(shot.shape for shot, _ in read)
    partner = partners([(seen.width, seen.height) for seen in came], fake, names) if matched else None
    return gate(came, shown, fake, groups, launder, partner, rounds, seed)


def look(show: Callable[[Photo, Shot], Photo], held: object, shot: Shot) -> tuple[Seen, Seen] | None:
    """A photo as it came and as it is shown, in a worker; None when it cannot be read."""
    try:
        photo = Photo.open(shot.path)
        return Seen.of(photo), Seen.of(show(photo, shot))
    except UnreadableImage:
        return None


def leaks(measured: Mapping[str, Measure]) -> dict[str, Measure]:
    """Those that give the classes away, the surest first."""
    found = {name: m for name, m in measured.items() if m.value > LEAK and m.low > 0.5}
    return dict(sorted(found.items(), key=lambda item: -item[1].value))


def warnings(
    files: Mapping[str, Measure], shown: Mapping[str, Measure], launder: str, matched: bool
) -> tuple[str, ...]:
    """One line for each reason to doubt the numbers, or none."""
    lines = []
    if shown:
        way = "they were matched: what is left is in the pictures" if matched else "`--match` brings both to one size"
        lines.append(
            f"No look at the pictures is needed to tell the classes apart: {listed(shown)}, of what the detectors "
            f"are shown. The numbers below may measure that; {way}."
        )
    if files and not matched:
        way = "native pixels still carry it" if launder == "native" else "laundering may leave traces of it"
        lines.append(
            f"The files of the two classes differ as they came: {listed(files)}; {way}. `--match` treats both alike."
        )
    return tuple(lines)


def listed(found: Mapping[str, Measure]) -> str:
    """ "dimensions (AUC 1.000), file size (AUC 0.914)"."""
    return ", ".join(f"{name} (AUC {measure.value:.3f})" for name, measure in found.items())


def folds(fake: np.ndarray, groups: Sequence[str], seed: int) -> np.ndarray | None:
    """(N,) int: the part in which each photo is scored. No group is in two; None when there are too few."""
    from sklearn.model_selection import StratifiedGroupKFold

    if too_few(fake, groups):
        return None
    fold = np.empty(len(fake), dtype=int)
    parts = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(fake, fake, np.asarray(groups))
    for number, (_, scored) in enumerate(parts):
        fold[scored] = number
    return fold


def too_few(fake: np.ndarray, groups: Sequence[str]) -> bool:
    groups = np.asarray(groups)
    return min(len(set(groups[fake == label])) for label in (False, True)) < NEEDED


def joined(partner: Sequence[int], fake: np.ndarray, groups: Sequence[str]) -> Sequence[str]:
    """Groups of which those with partners in them are one; the groups as they are if that leaves too few.

    Partners have one shape. If a photo were left out without them, a dummy would learn what is missing in the
    rest and guess the wrong way, far under 0.5.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    nodes = group.max() + 1 + max(partner) + 1
    links = coo_array((np.ones(len(group)), (group, group.max() + 1 + np.asarray(partner))), shape=(nodes, nodes))
    together = connected_components(links, directed=False)[1][group].astype(str)
    return groups if too_few(fake, together) else together


def told_apart(
    numbers: np.ndarray, fake: np.ndarray, groups: Sequence[str], fold: np.ndarray | None, rounds: int, seed: int
) -> Measure:
    """AUC of a cross-fitted tree on (N, K) numbers, with its interval: pairs are of photos in the same part."""
    if fold is None:
        return Measure(math.nan, n=len(fake))
    scores = cross_fitted(numbers, fake, fold, seed)
    places, at = np.unique(np.stack([fold, scores], 1), axis=0, return_inverse=True)
    at = at.reshape(-1)
    starts = np.flatnonzero(np.diff(places[:, 0], prepend=-1))
    counts = {label: by_group(np.asarray(groups)[fake == label], at[fake == label], len(places)) for label in (0, 1)}
    value = float(area(counts[1].sum(0)[None], counts[0].sum(0)[None], starts)[0])
    rng = np.random.default_rng(seed)
    drawn = (rng.multinomial(len(c), np.full(len(c), 1 / len(c)), rounds) @ c for c in (counts[1], counts[0]))
    low, high = np.percentile(area(*drawn, starts), [2.5, 97.5])
    return Measure(value, float(low), float(high), len(fake))


def cross_fitted(numbers: np.ndarray, fake: np.ndarray, fold: np.ndarray, seed: int) -> np.ndarray:
    """(N,) scores in [0, 1], each from a tree that saw no photo of its part."""
    from sklearn.tree import DecisionTreeClassifier

    scores = np.full(len(fake), 0.5)
    for number in np.unique(fold):
        scored = fold == number
        if fake[~scored].all() or not fake[~scored].any():
            continue
        tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=LEAF, random_state=seed)
        tree.fit(numbers[~scored], fake[~scored])
        scores[scored] = tree.predict_proba(numbers[scored])[:, 1]
    return scores


def by_group(groups: np.ndarray, at: np.ndarray, places: int) -> np.ndarray:
    """(G, places): how many photos of each group have each score."""
    names, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), places))
    np.add.at(counts, (group, at), 1)
    return counts


def area(fakes: np.ndarray, reals: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(R,) AUC from (R, places) counts: places rise within each part, and parts begin at `starts`."""
    below = np.cumsum(reals, 1) - reals
    before = np.repeat(below[:, starts], np.diff(np.append(starts, reals.shape[1])), axis=1)
    won = (fakes * (below - before + reals / 2)).sum(1)
    pairs = (np.add.reduceat(fakes, starts, 1) * np.add.reduceat(reals, starts, 1)).sum(1)
    return np.where(pairs > 0, won / np.maximum(pairs, 1), 0.5)
