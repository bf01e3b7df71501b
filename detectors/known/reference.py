"""How near a generator comes to pictures of known origin: its own, and photos. Without it a distance says nothing.

Own pictures are of fresh seeds. Photos are cut as the generator's training photos were, to its size. Then both are
treated alike: every second one passes through one JPEG file of random quality; each is opened as a photo, its face
is looked for again, it is framed, and projected. What has no face is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from detectors.known.distance import NAME
from detectors.known.projection import Region, Settings, project
from detectors.known.suspect import Suspect
from forensics import __version__, laundering
from forensics.corpus import Corpus
from forensics.metrics import auc, interval
from forensics.photo import Photo, UnreadableImage
from forensics.refusal import Refusal
from forensics.saving import write_at_once
from forensics.tensors import to_tensor

LEAST = 12  # of each kind: with fewer, ranges and intervals mean little
FRESH = 1_000_003  # seeds of own pictures begin here, away from those of the search
QUALITIES = (60, 96)  # of the JPEG file
DRAWN = 10_000  # latents that the region is made from

Watch = Callable[[int, int, str], object]  # pictures done, in all at least, what is looked at; False stops


@dataclass(frozen=True)
class Reference:
    """Distances reached, in the order in which they were measured; None: no face was found, left out.

    Holds for one generator, one way to search, and one network to compare with: `about` names them.
    """

    own: tuple[float | None, ...]
    photos: tuple[float | None, ...]
    wanted: int  # of each
    about: dict = field(default_factory=dict)  # generator, sha256 of its weights, settings, corpus, seed, versions

    @property
    def near(self) -> tuple[float, ...]:
        return tuple(d for d in self.own if d is not None)

    @property
    def far(self) -> tuple[float, ...]:
        return tuple(d for d in self.photos if d is not None)

    @property
    def finished(self) -> bool:
        return min(len(self.near), len(self.far)) >= self.wanted

    @cached_property
    def auc(self) -> tuple[float, float, float]:
        """How often an own picture is reproduced more closely than a photo, with its 95 % interval."""
        fake = np.repeat([True, False], (len(self.near), len(self.far)))
        return interval(auc, -np.array([*self.near, *self.far]), fake, rounds=300)

    def score(self, distance: float) -> float:
        """How much nearer than the nearest photo, less a margin, in the photos' own spread.

        (log nearest - s - log distance) / s, with s the standard deviation of the photos' log distances. Above 0:
        nearer than photos come but for very few; for 20 normally distributed ones about 2 in 1,000.
        """
        far = np.log(self.far)
        spread = max(float(far.std(ddof=1)), 1e-3)
        return float((far.min() - np.log(max(distance, 1e-9))) / spread - 1)

    def check(self, suspect: Suspect, settings: Settings) -> None:
        """Raises Refusal unless it was measured, to the end, for this generator and these settings."""
        wanted = about(suspect, settings)
        odd = [key for key, value in wanted.items() if self.about.get(key) != value]
        if odd:
            raise Refusal(f"the reference of {suspect.name} is of another {', '.join(odd)}; measure it anew")
        if not self.finished:
            raise Refusal(
                f"the reference of {suspect.name} is not finished ({len(self.near)} own pictures and {len(self.far)}"
                f" photos of {self.wanted} each); measure on"
            )

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Reference:
        """Raises Refusal for a file that holds no reference."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            rows = [tuple(None if d is None else float(d) for d in values[key]) for key in ("own", "photos")]
            if not all(d is None or 0 < d < float("inf") for row in rows for d in row):
                raise ValueError("distances must be above 0")
            return cls(*rows, int(values["wanted"]), dict(values["about"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refusal(f"{path} holds no reference of a known generator ({error!r}); measure one") from None


def about(suspect: Suspect, settings: Settings) -> dict:
    """What a reference must agree with to be of use."""
    return {
        "generator": suspect.name,
        "weights": suspect.sha256,
        "size": suspect.size,
        "framing": suspect.framing,
        "latents": list(suspect.latents(1, 0).shape[1:]),
        "settings": asdict(settings),
        "network": NAME,
    }


def region_of(suspect: Suspect, settings: Settings) -> Region:
    return Region.of(suspect.module, suspect.latents(DRAWN, settings.seed), settings)


def measure(
    suspect: Suspect,
    photos: Corpus,
    out: Path | None = None,
    settings: Settings | None = None,
    n: int = 24,
    seed: int = 0,
    watch: Watch = lambda done, total, what: None,
) -> Reference:
    """Distances of n own pictures and n photos: the real ones of the corpus's split "calibration".

    Saved to `out` after each, and gone on with from there. `watch` returning False stops, and what is there is
    returned. Raises Refusal for n under 12, too few photos with faces, or an `out` measured otherwise.
    """
    settings = settings or Settings()
    if n < LEAST:
        raise Refusal(f"n {n}: at least {LEAST} own pictures and photos are needed")
    entries = photos.where(label="real", split="calibration").entries
    order = np.random.default_rng(seed).permutation(len(entries))
    told = {**about(suspect, settings), "corpus": photos.sha256, "seed": seed}
    made = {"versions": {"torch": torch.__version__, "forensics": __version__}}
    found = Reference.load(out) if out is not None and out.exists() else Reference((), (), n, {**told, **made})
    odd = [key for key, value in {**told, "n": n}.items() if {**found.about, "n": found.wanted}.get(key) != value]
    if odd:
        raise Refusal(f"{out} was measured otherwise ({', '.join(odd)} differ); choose another file")
    region = region_of(suspect, settings)

    def distance(kind: int, number: int) -> float | None:
        rng = np.random.default_rng((seed, kind, number))
        if kind == 0:
            pixels = suspect.picture(FRESH + seed + number)
        else:
            pixels = prepared(suspect, photos.path(entries[order[number]]))
        return None if pixels is None else reached(suspect, laundered(pixels, number, rng), region, settings)

    for kind, row, most in ((0, "own", 4 * n), (1, "photos", len(entries))):
        while sum(d is not None for d in getattr(found, row)) < n:
            number = len(getattr(found, row))
            if number >= most:
                raise Refusal(
                    f"{sum(d is not None for d in getattr(found, row))} of {number} {row} had a face that can be"
                    f" compared; {n} are needed (of photos, those of the corpus's split calibration, 1 in 5)"
                )
            found = replace(found, **{row: (*getattr(found, row), distance(kind, number))})
            if out is not None:
                found.save(out)
            if watch(len(found.near) + len(found.far), 2 * n, row) is False:
                return found
    return found


def prepared(suspect: Suspect, path: Path) -> np.ndarray | None:
    """A photo as the generator's training photos were cut; None: no face, or it cannot be opened."""
    try:
        photo = Photo.open(path)
    except UnreadableImage:
        return None
    frame = suspect.frame(photo)
    return None if isinstance(frame, str) else suspect.cut(photo, frame)


def laundered(pixels: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    return laundering.jpeg(pixels, int(rng.integers(*QUALITIES))) if number % 2 else pixels


def reached(suspect: Suspect, pixels: np.ndarray, region: Region, settings: Settings) -> float | None:
    """The distance to which a picture is reproduced, seen as any photo is."""
    photo = Photo.from_pixels(pixels)
    frame = suspect.frame(photo)
    if isinstance(frame, str):
        return None
    target = to_tensor([suspect.cut(photo, frame)]).to(suspect.device)
    return project(suspect.module, target, region, settings).distance
