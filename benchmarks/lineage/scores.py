"""The lineage in figures: each family's pictures of the same seeds, its size, and how near they are to photos.

A score is the Fréchet distance between as many pictures and training photos, both at the family's own size, in a
named feature space: "FID-like". Scores that ship are kept with the hash of the weights they were measured on, and
are not shown for others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from forensics.features import FeatureSpace, features_of
from forensics.fidelity import Cloud, frechet
from forensics.places import GENERATOR_WEIGHTS
from forensics.refusal import Refusal
from forensics.saving import write_at_once
from forensics.tensors import to_pictures, to_tensor
from generators import FAMILIES
from generators.latent.film import as_rgb
from generators.photos import decode
from generators.source import corpus_at
from generators.trained import Trained, load

SCORES = GENERATOR_WEIGHTS / "lineage.json"
PICTURES = 2000  # of each family, and photos, that a score rests on
FEWEST = 50
AT_ONCE = 50
SPELLED = {"stylegan2-ada": "StyleGAN2-ADA"}


@dataclass(frozen=True)
class Score:
    """One family's, and which weights made it. `photos`: the same of as many other photos, where there are any."""

    weights: str  # sha256
    size: str  # px of both pictures and photos: "64x64"
    fid_like: float
    photos: float | None = None


@dataclass(frozen=True)
class Scores:
    """Measured together: the same space, photos and number of pictures."""

    space: str
    n: int
    corpus: str  # fingerprint of the photos
    of: Mapping[str, Score] = field(default_factory=dict)  # family → score
    made: Mapping[str, object] = field(default_factory=dict)  # command, commit, date, libraries

    def score(self, trained: Trained) -> Score | None:
        """That of these very weights, or None."""
        found = self.of.get(trained.family.name)
        return found if found and found.weights == trained.sha256 else None

    def save(self, path: Path) -> None:
        write_at_once(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Scores:
        """Raises Refusal for a file that `save` did not write."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**told, "of": {name: Score(**score) for name, score in told["of"].items()}})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(f"{path} holds no scores of the lineage ({type(error).__name__}: {error})") from None


@dataclass(frozen=True)
class Row:
    """What the figure shows of a family. `pictures`: (H, W, 3) uint8, one a seed."""

    name: str
    year: int
    size: str  # px
    parameters: int  # of what ships: the generator, autoencoders with both halves
    pictures: tuple[np.ndarray, ...]
    score: Score | None = None


def shipped() -> tuple[list[Trained], list[str]]:
    """The families whose weights are here, oldest first, and the names of those whose are not."""
    files = {kind.name: GENERATOR_WEIGHTS / f"{kind.name}.safetensors" for kind in FAMILIES}
    here = [load(path) for path in files.values() if path.exists()]
    return here, [name for name, path in files.items() if not path.exists()]


def row(trained: Trained, seeds: Sequence[int], scores: Scores | None = None) -> Row:
    family = trained.family
    name = SPELLED.get(family.name, type(family).__name__)
    parameters = sum(p.numel() for p in family.average.parameters())
    pictures = tuple(as_rgb(trained.picture(seed)) for seed in seeds)
    score = scores.score(trained) if scores else None
    return Row(name, family.paper.year, size_of(trained), parameters, pictures, score)


def size_of(trained: Trained) -> str:
    high, wide = trained.family.size
    return f"{wide}x{high}"


def measure(
    generators: Iterable[Trained],
    data: Path,
    space: FeatureSpace,
    n: int = PICTURES,
    made: Mapping[str, object] | None = None,
    watch: Callable[[str], None] = lambda doing: None,
) -> Scores:
    """Score each against n photos of a corpus (all, where it holds fewer), drawn at random with seed 0.

    watch(doing) is told what is being measured. Raises Refusal for fewer than FEWEST, and as `decode` does.
    """
    if n < FEWEST:
        raise Refusal(f"--n {n}: a distance needs at least {FEWEST} pictures")
    corpus = corpus_at(data)
    clouds: dict[tuple[int, int], tuple[Cloud, float | None]] = {}
    found: dict[str, Score] = {}
    fingerprint = ""
    for trained in generators:
        family = trained.family
        if family.size not in clouds:
            watch(f"photos at {size_of(trained)}")
            with TemporaryDirectory() as folder:
                photos = decode(corpus, family.size, Path(folder, "photos.npy"))
                if len(photos) < FEWEST:
                    raise Refusal(f"{data} holds {len(photos)} photos; a distance needs at least {FEWEST}")
                n, fingerprint = min(n, len(photos)), photos.sha256
                order = np.random.default_rng(0).permutation(len(photos))
                clouds[family.size] = halves(photos.pixels, order, n, space)
        real, apart = clouds[family.size]
        watch(f"{n:,} pictures by {family.name}")
        made_up = Cloud.of(features_of(samples(trained, range(n)), space))
        found[family.name] = Score(trained.sha256, size_of(trained), frechet(real, made_up), apart)
    return Scores(space.name, n, fingerprint, found, dict(made or {}))


def halves(pixels: np.ndarray, order: np.ndarray, n: int, space: FeatureSpace) -> tuple[Cloud, float | None]:
    """n photos as a cloud, and the distance of n others, where there are so many."""

    def cloud(chosen: np.ndarray) -> Cloud:
        parts = (chosen[i : i + AT_ONCE] for i in range(0, len(chosen), AT_ONCE))
        return Cloud.of(features_of((to_tensor(pixels[np.sort(part)]) for part in parts), space))

    first = cloud(order[:n])
    return first, frechet(first, cloud(order[n : 2 * n])) if len(order) >= 2 * n else None


def samples(trained: Trained, seeds: Sequence[int]) -> Iterator[torch.Tensor]:
    """The pictures of seeds, rounded to 8 bits, (N, 3, H, W) in [-1, 1], AT_ONCE at a time.

    As `Trained.picture` makes them, but for rounding of the last digits.
    """
    family, classes = trained.family, len(trained.classes)
    for start in range(0, len(seeds), AT_ONCE):
        part = seeds[start : start + AT_ONCE]
        z = torch.cat([family.draw(1, torch.Generator().manual_seed(seed)) for seed in part])  # (N, Z)
        labels = torch.eye(classes)[[trained.label_of(seed) for seed in part]] if classes else None
        with torch.inference_mode():
            pictures = to_pictures(family.sample(z, labels))  # (N, H, W, C)
        yield to_tensor([as_rgb(picture) for picture in pictures])
