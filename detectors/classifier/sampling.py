"""What the classifier is shown: both classes in the same situations.

A sample starts with its situation, before anybody knows its class: how many pixels the face has, and
whether the photo is cropped so tightly that the square spills over its border. Only then the class is
drawn, then a source (the maker of a fake, the domain of a real photo), then a photo that allows this
situation. So neither resolution nor framing says anything about the class. The photo takes on the history of
one of the other class (`borrowed.py`), then goes through the same random laundering, and through the same
views that the detector has. Where corpora hold reconstructions of their real photos, a share of the samples
are such twins: one photo and its reconstruction, laundered alike to the last random number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from detectors.classifier.borrowed import Histories, borrow
from detectors.classifier.cuts import Cut, Cuts
from detectors.classifier.network import NetworkConfig
from detectors.classifier.views import windows
from forensics import laundering
from forensics.face import cut as cut_square
from forensics.refusal import Refusal

LABELS = ("real", "fake")
TRIES = 100

Sample = tuple[np.ndarray, str]  # (size, size, 3) uint8 as the network sees it, and the source it came from


@dataclass(frozen=True)
class SamplingConfig:
    """Situations and their frequency, the same for both classes."""

    smallest: int = 64  # px of the square: the least that is shown
    largest: int = 220
    tight: float = 0.3  # share cropped to the face
    once: float = 0.35  # share encoded once, at its size; the others have a longer history
    grey: float = 0.1  # share without colour
    least: int = 20  # photos that a source must have for a situation to take part in it
    twins: float = 0.0  # share of photos shown with their reconstruction, where there are such
    matched: bool = True  # whether histories are borrowed from the other class


class Sampler:
    """Draws samples from cuts. A sample depends on the random generator given and on `weights`, nothing else."""

    def __init__(self, cuts: Cuts, config: SamplingConfig, network: NetworkConfig):
        self.cuts, self.config, self.size, self.view = cuts, config, network.size, network.view
        self.sources: dict[str, np.ndarray] = {}  # source → rows of cuts
        for name in sorted({row.source for row in cuts.rows}):
            self.sources[name] = np.array([i for i, row in enumerate(cuts.rows) if row.source == name])
        self.sides = np.array([row.side for row in cuts.rows])
        self.spills = np.array([row.spills for row in cuts.rows], dtype=bool)
        self.twins = twins_of(cuts)  # row of a real photo → rows of its reconstructions
        apart = alone(self.sources, self.twins)
        self.histories = Histories(apart, cuts.rows)
        self.alone = {name for name in apart if name in self.sources}
        self.weights = dict.fromkeys(self.sources, 1.0)
        for label in LABELS:
            count = sum(row.label == label for row in cuts.rows)
            if not self.eligible(label, config.smallest, True):
                raise Refusal(
                    f"the classifier needs {config.least} {label} photos of one source with a face whose square is "
                    f"{config.smallest} px or more; {count} {label} photos have a usable face"
                    + "".join(f", {n} not ({why})" for why, n in cuts.missed.items())
                )

    def eligible(self, label: str, resolution: float, tight: bool, alone: bool = False) -> dict[str, np.ndarray]:
        """Sources of a class that can show a face at this resolution, with the rows that can.

        alone: without those that are shown beside their photos only.
        """
        found = {}
        for name, rows in self.sources.items():
            if name.startswith(label) and (name in self.alone or not alone):
                rows = rows[(self.sides[rows] >= resolution - 1e-6) & (tight | ~self.spills[rows])]
                if len(rows) >= self.config.least:
                    found[name] = rows
        return found

    def situation(self, rng: np.random.Generator) -> tuple[float, bool]:
        """Resolution in px of the square (log-uniform) and whether tightly cropped; both classes have such photos."""
        low, high = math.log(self.config.smallest), math.log(self.config.largest)
        while True:
            tight = bool(rng.random() < self.config.tight)
            resolution = math.exp(rng.uniform(low, high))
            if all(self.eligible(label, resolution, tight, True) for label in LABELS):
                return resolution, tight
            high = max(low, math.log(resolution)) if tight else high  # tight allows most: larger is in vain
            if high <= low + 1e-9:
                return math.exp(low), True

    def pair(self, rng: np.random.Generator) -> tuple[Sample, Sample]:
        """A real and a fake sample: twins, or each drawn for itself."""
        if self.twins and rng.random() < self.config.twins:
            found = self.twin_pair(rng)
            if found:
                return found
        return self.sample(rng, "real"), self.sample(rng, "fake")

    def sample(self, rng: np.random.Generator, label: str) -> Sample:
        """One of a class, in a situation that both classes have. Raises Refusal when patches fit into no face."""
        for _ in range(TRIES):
            resolution, tight = self.situation(rng)
            name, row = self.draw(rng, self.eligible(label, resolution, tight, True))
            history = self.histories.draw(label, resolution, rng) if self.config.matched else None
            view = self.shown(self.cuts.rows[row], history, resolution, tight, rng)
            if view is not None:
                return view, name
        raise Refusal(f"of {TRIES} faces in a row none was large enough for patches of {self.size} px")

    def twin_pair(self, rng: np.random.Generator) -> tuple[Sample, Sample] | None:
        """A photo and a reconstruction of it; None where no twin allows the situation."""
        resolution, tight = self.situation(rng)
        sources = self.eligible("real", resolution, tight)
        sources = {name: np.array([i for i in rows if i in self.twins]) for name, rows in sources.items()}
        sources = {name: rows for name, rows in sources.items() if len(rows) >= self.config.least}
        if not sources:
            return None
        name, real = self.draw(rng, sources)
        fake = self.twins[real][rng.integers(len(self.twins[real]))]
        photo, twin = self.cuts.rows[real], self.cuts.rows[fake]
        own = (photo.native or photo.side, photo.quality or 90)  # what the photo went through before it was at hand
        seed = rng.integers(2**63)
        one, other = (
            self.shown(row, history, resolution, tight, np.random.default_rng(seed))
            for row, history in ((photo, None), (twin, own))
        )
        return None if one is None or other is None else ((one, name), (other, twin.source))

    def draw(self, rng: np.random.Generator, sources: Mapping[str, np.ndarray]) -> tuple[str, int]:
        """A source by its weight, and one of its rows."""
        names = list(sources)
        weights = np.array([self.weights[name] for name in names])
        name = names[rng.choice(len(names), p=weights / weights.sum())]
        return name, int(rng.choice(sources[name]))

    def shown(
        self, row: Cut, history: tuple[float, int] | None, resolution: float, tight: bool, rng: np.random.Generator
    ) -> np.ndarray | None:
        """One view of a face: (size, size, 3) uint8; None where it is too small for a patch."""
        pixels, square = taken(self.cuts.pixels(row), row, resolution, tight, rng, self.config, history)
        if rng.random() < 0.5:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
            square[:, 0] = pixels.shape[1] - square[:, 0]
            square = square[[3, 2, 1, 0]]
        if self.view == "whole":
            view = cut_square(pixels, jittered(square, rng.normal(0, 1, 4)), self.size)
        elif windows(pixels.shape, square, self.size):
            view = patch_at(pixels, square, self.size, rng.random(2))
        else:
            return None
        return recoloured(view, rng, self.config.grey)

    def reweigh(self, losses: Mapping[str, float]) -> None:
        """Sources that are learnt badly are shown more often, at most 4 times as often as others."""
        self.weights = {name: float(np.clip(losses.get(name, 0.7), 0.15, 0.6)) for name in self.sources}


def twins_of(cuts: Cuts) -> dict[int, list[int]]:
    """Row of a real photo → rows of its reconstructions."""
    real = {row.subject: i for i, row in enumerate(cuts.rows) if row.label == "real"}
    found: dict[int, list[int]] = {}
    for i, row in enumerate(cuts.rows):
        if row.label == "fake" and row.subject in real:
            found.setdefault(real[row.subject], []).append(i)
    return found


def alone(sources: Mapping[str, np.ndarray], twins: Mapping[int, list[int]]) -> dict[str, np.ndarray]:
    """Sources that are shown by themselves: not those that are twins through and through, if there are others."""
    twinned = {i for rows in twins.values() for i in rows}
    apart = {name: rows for name, rows in sources.items() if not twinned.issuperset(rows.tolist())}
    return apart if any(name.startswith("fake") for name in apart) else dict(sources)


def taken(
    pixels: np.ndarray,
    row: Cut,
    resolution: float,
    tight: bool,
    rng: np.random.Generator,
    config: SamplingConfig,
    history: tuple[float, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A face after its history, at `resolution` px of its square (4, 2): pixels, and the square in them."""
    square, side = np.array(row.corners, dtype=np.float32), row.side
    if history:
        pixels, square = moved(pixels, square, lambda p: borrow(p, side, history))
    scale = float(np.linalg.norm(square[3] - square[0])) / side
    if tight and not row.spills:
        pixels, square = crop_to_face(pixels, square, tuple(v * scale for v in row.box), rng)
    return moved(pixels, square, lambda p: laundered(p, resolution / (side * scale), rng, config))


def patch_at(pixels: np.ndarray, square: np.ndarray, size: int, place: np.ndarray) -> np.ndarray:
    """A patch of the photo's own pixels around the face; place (2,) in [0, 1) says where."""
    found = windows(pixels.shape, square, size)
    (top, left), (down, across) = np.min(found, axis=0), np.max(found, axis=0)
    y, x = int(top + place[0] * (down - top + 1)), int(left + place[1] * (across - left + 1))
    return np.ascontiguousarray(pixels[y : y + size, x : x + size])


def crop_to_face(
    pixels: np.ndarray, square: np.ndarray, box: tuple[float, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cropped at the face box, with a small random margin, as collections of web faces are."""
    left, top, right, bottom = box
    room = rng.uniform(-0.02, 0.12, 4) * (bottom - top)
    low = np.clip((left - room[0], top - room[1]), 0, (pixels.shape[1] - 2, pixels.shape[0] - 2)).astype(int)
    high = np.clip((right + room[2], bottom + room[3]), low + 2, (pixels.shape[1], pixels.shape[0])).astype(int)
    return pixels[low[1] : high[1], low[0] : high[0]], square - low.astype(np.float32)


def moved(pixels: np.ndarray, square: np.ndarray, change) -> tuple[np.ndarray, np.ndarray]:
    """A picture after a change that may resize it, and the square moved along."""
    after = change(pixels)
    factor = np.array([after.shape[1] / pixels.shape[1], after.shape[0] / pixels.shape[0]], dtype=np.float32)
    return after, square * factor


def laundered(pixels: np.ndarray, scale: float, rng: np.random.Generator, config: SamplingConfig) -> np.ndarray:
    """A first encoding at its own size, then to `scale`, then re-posted."""
    shift = rng.integers(0, 8, 2) if min(pixels.shape[:2]) > 8 else (0, 0)  # of the JPEG grid
    pixels = np.pad(pixels, ((shift[0], 0), (shift[1], 0), (0, 0)), "reflect")
    first = ("4:2:0", "4:2:0", "4:4:4")[rng.integers(3)]
    pixels = laundering.jpeg(np.ascontiguousarray(pixels), int(rng.integers(65, 97)), first)[shift[0] :, shift[1] :]
    if scale < 0.98:
        kernel = ("area", "area", "bilinear", "bicubic", "lanczos")[rng.integers(5)]
        pixels = laundering.resize(pixels, scale, kernel)
    if rng.random() < config.once:
        quality = int(rng.integers(60, 98))
        return laundering.webp(pixels, quality) if rng.random() < 0.1 else laundering.jpeg(pixels, quality)
    return laundering.history(pixels, rng, scales=(0.75, 1.0))


def jittered(square: np.ndarray, by: np.ndarray) -> np.ndarray:
    """The square turned, scaled and shifted a little, by (4,) standard normal: face landmarks are never exact."""
    angle, scale = 0.05 * by[0], math.exp(0.04 * by[1])
    turn = scale * np.array([(math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))])
    centre = square.mean(0)
    side = float(np.linalg.norm(square[3] - square[0]))
    return ((square - centre) @ turn.T + centre + 0.02 * by[2:] * side).astype(np.float32)


def recoloured(pixels: np.ndarray, rng: np.random.Generator, grey: float) -> np.ndarray:
    """Contrast, brightness, gains of the channels; sometimes no colour at all."""
    gain = rng.uniform(0.85, 1.15) * rng.uniform(0.94, 1.06, 3)
    pixels = np.clip((pixels.astype(np.float32) - 128) * gain + 128 + rng.uniform(-18, 18), 0, 255).astype(np.uint8)
    if rng.random() < grey:
        pixels = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return pixels
