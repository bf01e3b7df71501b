"""How near are a generator's pictures to photos, and how varied: FID, KID, precision, recall, path length.

Each generator of ours is set against the corpus that it learned from, a user's folder of pictures against a folder
of photos. As many of both, photos at the pictures' size: photos and files in an order of seed 0, our pictures of the
seeds 0 to n - 1. Beside them stand more photos of the same corpus, where it has so many: what a perfect generator
would score at this n.

The words are the published ones in the published spaces only: FID and KID in InceptionV3 of 2015-12-05; precision,
recall and PPL in VGG-16, which is not here. In any other space they end in "-like", and the space is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import Watch
from benchmarks.fidelity import latent_paths
from benchmarks.fidelity.corpora import AT_ONCE, Gallery, learned_from, own_corpus
from benchmarks.fidelity.feature_rows import FeatureRows
from benchmarks.stamp import Stamp
from benchmarks.table import Cell, Column, Measure, Result, Table
from forensics.features import FeatureSpace
from forensics.fidelity import fid, kid, precision_recall, trimmed_mean
from forensics.half_sampling import ROUNDS, spread
from forensics.kid import squared_mmd
from forensics.metrics import share
from forensics.path_length import trimmed_mean_interval
from forensics.refusal import Refusal
from forensics.tensors import to_pictures, to_tensor
from generators.latent.film import as_rgb
from generators.trained import Trained

FEWEST = 50  # pictures
SUBSETS, SUBSET = 100, 1000  # of KID, as published
NEIGHBOURS = 3  # of precision and recall, as published
WITHIN = 1.959964  # standard deviations around a value: 95 %
OTHERS = "more photos"  # the row of a corpus's second half
DISTANCES = ("FID", "KID", "precision", "recall")
PATHS = (("z", "full"), ("z", "end"), ("w", "full"), ("w", "end"))  # latent space, place on the path


@dataclass(frozen=True)
class Setup:
    """How much is measured."""

    n: int = 2000  # pictures of each, and photos
    paths: int = 1000  # of PPL, in each latent space, full and end; 0: none
    rounds: int = ROUNDS  # half samples behind the intervals; 0: none

    def __post_init__(self) -> None:
        for name, value, least in (("n", self.n, FEWEST), ("paths", self.paths, FEWEST), ("rounds", self.rounds, 2)):
            if value < least and (value != 0 or name == "n"):
                raise Refusal(f"--{name} {value}: must be at least {least}" + ("" if name == "n" else ", or 0"))


@dataclass(frozen=True)
class Named:
    """A feature space, the hash of its weights, and whether it is the one of published FIDs."""

    space: FeatureSpace
    weights: str
    published: bool = False

    def word(self, metric: str) -> str:
        """What `metric` may be called here."""
        return metric if self.published and metric in ("FID", "KID") else f"{metric}-like"


@dataclass(frozen=True)
class Contender:
    """One that makes pictures: a generator of ours, or a folder; and the photos it is set against."""

    name: str
    real: Gallery
    size: tuple[int, int]  # px: height, width
    channels: int
    learned: bool  # from these very photos
    trained: Trained | None = None
    folder: Gallery | None = None

    @property
    def against(self) -> str:
        grey = " grey" if self.channels < 3 else ""
        return f"{self.real.name} {self.size[1]}x{self.size[0]}{grey}"


def measure(
    setup: Setup,
    generators: Sequence[Trained],
    real: Sequence[Path],
    fake: Sequence[tuple[str | None, Path]],
    named: Named,
    cache: Path,
    watch: Watch = lambda doing, done, total: None,
) -> Result:
    """One row for each generator and folder, and for the other photos of each corpus, at each size.

    `real`: photos; a generator is set against the corpus among them that it learned from, or the first; without
    any, against the one that its run recorded. Points and path steps in `cache` are not computed again. Raises
    Refusal for folders that are missing, hold too few pictures, or are not told.
    """
    contenders = list(contending(generators, real, fake))
    if not contenders:
        raise Refusal("nothing to measure: no generator's weights are here, and no --fake NAME=FOLDER was given")
    space = named.space
    points = FeatureRows(cache, f"features-{space.name}", (space.name, named.weights), space.dims)
    steps = FeatureRows(cache, f"paths-{space.name}", (space.name, named.weights), 1)
    rows: list[tuple[Cell, ...]] = []
    others: dict[tuple[str, int], tuple[Cell, ...]] = {}
    walked: list[tuple[Cell, ...]] = []
    for who in contenders:
        photos = who.real.points(2 * setup.n, who.size, who.channels, space, points, partial(watch, who.against))
        made = pictures(who, min(setup.n, len(photos)), space, points, partial(watch, f"pictures by {who.name}"))
        n = min(setup.n, len(photos), len(made))
        if n < FEWEST:
            raise Refusal(f"{who.name}: {len(made)} pictures and {len(photos)} photos; at least {FEWEST} are needed")
        watch(f"distances of {who.name}", 0, 1)
        cells = distances(photos[:n], made[:n], setup.rounds)
        rows.append((who.name, who.against, *cells))
        if (who.against, n) not in others and len(photos) >= 2 * n:
            cells = distances(photos[:n], photos[n : 2 * n], setup.rounds)
            others[who.against, n] = (OTHERS, who.against, *cells)
        if who.trained and setup.paths:
            walked.append((who.name, *path_cells(who.name, who.trained, setup.paths, space, steps, watch)))
    tables = (distance_table([*rows, *others.values()], contenders, setup, named),)
    tables += (path_table(walked, named),) if walked else ()
    corpora = {g.name: g.corpus.sha256 for who in contenders for g in (who.real, who.folder) if g}
    weights = {who.name: who.trained.sha256 for who in contenders if who.trained} | {space.name: named.weights}
    return Result("fidelity", "Fidelity", tables, Stamp.now(0, corpora, weights, asdict(setup)))


def contending(
    generators: Sequence[Trained], real: Sequence[Path], fake: Sequence[tuple[str | None, Path]]
) -> Iterator[Contender]:
    """Who is set against what. Pictures that lie in both folders are left out of both."""
    if fake and not real:
        raise Refusal("pass --real FOLDER with --fake: a folder of photos to set the pictures against")
    opened: dict[Path, Gallery] = {}

    def photos(path: Path) -> Gallery:
        if path not in opened:
            opened[path] = Gallery.of(path, "real")
        return opened[path]

    names = [trained.family.name for trained in generators]
    for trained in generators:
        name = trained.family.name
        name = name if names.count(name) == 1 else f"{name} {trained.sha256[:8]}"
        mine, learned = learned_from(trained, [photos(path) for path in (real or [own_corpus(trained)])])
        yield Contender(name, mine, trained.family.size, trained.channels, learned, trained)
    for name, path in fake:
        folder, against = Gallery.of(path, "fake", name), photos(real[0])
        both = folder.hashes & against.hashes
        folder, against = folder.without(both), against.without(both)
        yield Contender(folder.name, against, folder.usual_size(), 3, False, folder=folder)


def pictures(
    who: Contender, n: int, space: FeatureSpace, kept: FeatureRows, watch: Callable[[int, int], None]
) -> np.ndarray:
    """Points of n pictures, fewer where a folder has not so many."""
    if who.folder is not None:
        return who.folder.points(n, who.size, who.channels, space, kept, watch)
    trained = who.trained
    device = trained.family.device
    seeds = {f"{trained.sha256} {device.type} seed {seed}": seed for seed in range(n)}

    def seen(keys: Sequence[str]) -> np.ndarray:
        images = sampled(trained, [seeds[key] for key in keys])
        return space(images.to(device)).cpu().numpy()

    return kept.fill(list(seeds), seen, AT_ONCE, watch)


def sampled(trained: Trained, seeds: Sequence[int]) -> torch.Tensor:
    """Pictures of seeds, rounded to 8 bits, (N, 3, H, W) in [-1, 1]: as `Trained.picture`, but for last digits."""
    family, classes, device = trained.family, len(trained.classes), trained.family.device
    z = torch.cat([family.draw(1, torch.Generator().manual_seed(seed)) for seed in seeds]).to(device)  # (N, Z)
    labels = torch.eye(classes, device=device)[[trained.label_of(seed) for seed in seeds]] if classes else None
    with torch.inference_mode():
        made = to_pictures(family.sample(z, labels))  # (N, H, W, C)
    return to_tensor([as_rgb(picture) for picture in made])


def distances(real: np.ndarray, made: np.ndarray, rounds: int) -> tuple[Measure, ...]:
    """FID, KID, precision and recall of two sets of n, with what other pictures and photos would change."""
    n = len(real)
    subsets = SUBSETS if n > SUBSET else 1  # all of them are the whole set otherwise
    values = (fid(real, made), kid(real, made, subsets, SUBSET), *precision_recall(real, made, NEIGHBOURS))
    if not rounds:
        return tuple(Measure(value, n=n) for value in values)

    def again(x: np.ndarray, y: np.ndarray) -> tuple[float, ...]:
        return fid(x, y), squared_mmd(x, y), *precision_recall(x, y, NEIGHBOURS)

    around = WITHIN * spread(again, real, made, rounds)
    cells = []
    for metric, value, off in zip(DISTANCES, values, around, strict=True):
        low, high = value - off, value + off
        if metric in ("precision", "recall"):  # shares of n: no surer than those of n throws
            _, least, most = share(round(value * n), n)
            low, high = max(0.0, min(low, least)), min(1.0, max(high, most))
        cells.append(Measure(value, max(0.0, low) if metric == "FID" else low, high, n))
    return tuple(float_cell(cell) for cell in cells)


def float_cell(cell: Measure) -> Measure:
    """Without numpy's numbers, which JSON does not know."""
    return replace(cell, value=float(cell.value), low=float(cell.low), high=float(cell.high))


def path_cells(
    name: str, trained: Trained, paths: int, space: FeatureSpace, kept: FeatureRows, watch: Watch
) -> Iterator[Measure | None]:
    """PPL in z and in w, full and end; None where there is no such space."""
    for latent, part in PATHS:
        if latent not in latent_paths.spaces_of(trained):
            yield None
            continue
        tell = partial(watch, f"paths of {name} in {latent}, {part}")
        values = latent_paths.steps(trained, space, latent, part, paths, kept, tell)
        yield Measure(trimmed_mean(values), *trimmed_mean_interval(values), n=paths)


def distance_table(
    rows: Sequence[tuple[Cell, ...]], contenders: Sequence[Contender], setup: Setup, named: Named
) -> Table:
    """Everyone against photos, and what a reader should know of it."""
    near, kernel, good, varied = map(named.word, DISTANCES)
    columns = (
        Column("made by"),
        Column("against", about="the photos, and the size of photos and pictures in px"),
        Column(near, about="Fréchet distance; lower is nearer; the fewer the pictures, the higher"),
        Column(kernel, about="squared MMD, kernel (x·y/D + 1)³; 0 is alike, at any number of pictures"),
        Column(good, about=f"share of pictures among the photos, k = {NEIGHBOURS}; higher is better"),
        Column(varied, about=f"share of photos among the pictures, k = {NEIGHBOURS}; higher is more varied"),
    )
    notes = [f"Space: {named.space.name}, {named.space.dims} dimensions. {why(named)}"]
    if setup.rounds:
        notes.append(f"Intervals, 95 %: {setup.rounds} half samples of both sets; shares at least Wilson's.")
    if any(row[0] == OTHERS for row in rows):
        notes.append(f"{OTHERS.capitalize()}: as many of the same corpus; what a perfect generator would score.")
    strangers = [who.name for who in contenders if who.trained and not who.learned]
    if strangers:
        notes.append(f"Not known to have learned from these photos: {', '.join(strangers)}.")
    if len({cell.n for row in rows for cell in row if isinstance(cell, Measure)}) > 1:
        notes.append(f"n differs: rows compare at the same n only, but for {kernel}.")
    for who in contenders:
        if who.folder and who.folder.formats != who.real.formats:
            theirs, photos = (" and ".join(sorted(gallery.formats)) for gallery in (who.folder, who.real))
            notes.append(f"{who.name}: pictures are {theirs}, photos {photos}: part of the distance may be that.")
    return Table("fidelity", "How near to photos, and how varied", columns, tuple(rows), tuple(notes))


def why(named: Named) -> str:
    """Why the words are what they are."""
    if named.published:
        return 'FID and KID as published; precision and recall are published in VGG-16, so they are "-like".'
    if getattr(named.space, "as_published", False):
        return 'Its weights\' file is not known by its hash to be the published one, so all are "-like".'
    return 'Not the space of published figures, so all are "-like": they compare within this space only.'


def path_table(rows: Sequence[tuple[Cell, ...]], named: Named) -> Table:
    """How smooth the generators' latent spaces are."""
    word = named.word("PPL")
    columns = (Column("made by"), *(Column(f"{word}, {latent} {part}") for latent, part in PATHS))
    notes = (
        f"|f(t+ε) - f(t)|²/ε², ε = {latent_paths.EPSILON:g}, in {named.space.name}; the lowest and highest 1 % are "
        "left out. Lower is smoother. Published figures are in VGG-16.",
        "full: anywhere on a path between two latents, slerp in z, lerp in w; end: at its beginning. Noise inputs "
        "are constant. Intervals, 95 %: bootstrap over paths.",
    )
    return Table("paths", "How evenly pictures change along latent paths", columns, tuple(rows), notes)
