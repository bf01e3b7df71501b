"""What a step of the training of `pairs` sees: sides of one photo and of its look-alikes, all with one history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor

from detectors.asymmetry.pairs_cuts import Seen, surroundings
from detectors.asymmetry.pairs_network import NetworkConfig
from detectors.asymmetry.pairs_parts import SIZE
from forensics import laundering
from forensics.face import PARTS, Face, cut_near
from forensics.tensors import to_tensor


@dataclass(frozen=True)
class PairsConfig:
    """How long, how hard, and how alike the look-alikes are. Saved with every run."""

    steps: int = 600
    groups: int = 6  # of look-alikes in a step
    alike: int = 8  # photos a group
    nearest: int = 32  # look-alikes are drawn from so many nearest ones
    rate: float = 2e-3  # peak learning rate of AdamW
    decay: float = 0.1
    warmup: int = 50  # steps
    average: float = 0.995  # decay of the weights' moving average, which is what is kept
    shift: float = 0.03  # of a part's side: how far each side is moved (also scaled, turned) on its own
    tint: float = 0.06  # how far each side's channels are scaled on their own
    dye: float = 0.15  # how far colours are mixed, alike for all pictures of a step
    grey: float = 0.2  # share of steps without colour
    scales: tuple[float, float] = (0.6, 1.0)  # of a re-posting
    least: int = 24  # visible parts a source needs to take part
    validate: int = 100  # steps between looks at the photos kept aside, and checkpoints
    seed: int = 0
    network: NetworkConfig = field(default_factory=NetworkConfig)


TINY = PairsConfig(steps=4, groups=1, alike=4, nearest=4, warmup=1, least=4, validate=2)  # for tests of the loop


class Pool:
    """Photos by part and source, each part's look-alikes by light and pose."""

    def __init__(self, seen: Sequence[Seen], config: PairsConfig):
        self.seen, self.config = seen, config
        self.sources: dict[str, dict[str, np.ndarray]] = {}
        for row, part in enumerate(PARTS):
            for source in sorted({s.source for s in seen}):
                chosen = np.array([i for i, s in enumerate(seen) if s.source == source and s.visible[row]])
                if len(chosen) >= max(config.least, config.alike):
                    self.sources.setdefault(part, {})[source] = chosen

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        return {part: {source: len(i) for source, i in each.items()} for part, each in self.sources.items()}

    def batch(self, rng: np.random.Generator) -> tuple[str, Tensor, Tensor, Tensor, Tensor]:
        """part, left and right (N, 3, 48, 48), and (N, N) masks: pairs of one photo, pairs of look-alikes."""
        config = self.config
        part = list(self.sources)[rng.integers(len(self.sources))]
        history = int(rng.integers(2**62))
        grey, flipped = rng.random() < config.grey, rng.random() < 0.5
        dye = np.eye(3) + rng.normal(0, config.dye / 2, (3, 3)) * (rng.random() < 0.5)
        dye /= np.abs(dye).sum(0)  # rows: from, columns: to
        lefts, rights, where = [], [], []
        for number in range(config.groups):
            sources = list(self.sources[part])
            for i in self.look_alikes(part, sources[rng.integers(len(sources))], rng):
                pixels, face = surroundings(self.seen[i])
                pixels, face = laundered(pixels, face, np.random.default_rng(history), config)
                if grey:
                    pixels = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
                for kept, side in ((lefts, "left"), (rights, "right")):
                    square = moved(face.part(part, side), rng, config.shift)
                    kept.append(tinted(cut_near(pixels, square, SIZE), dye, rng, config.tint, grey))
                where.append((number, self.seen[i].group))
        one = torch.eye(len(where), dtype=torch.bool)
        near = torch.tensor([[a[0] == b[0] and a[1] != b[1] for b in where] for a in where])
        left, right = to_tensor(lefts), to_tensor(rights)
        if flipped:
            left, right = left.flip(-1), right.flip(-1)
        return part, left, right, one, near

    def look_alikes(self, part: str, source: str, rng: np.random.Generator) -> np.ndarray:
        """One photo at random and others of its source with the nearest light and pose."""
        chosen = self.sources[part][source]
        light = np.array([self.seen[i].light[PARTS.index(part)] for i in chosen])
        far = np.linalg.norm(light - light[rng.integers(len(chosen))], axis=1)
        nearest = np.argsort(far, kind="stable")[: self.config.nearest]
        return chosen[rng.choice(nearest, self.config.alike, replace=False)]


def laundered(pixels: np.ndarray, face: Face, rng: np.random.Generator, config: PairsConfig):
    """Pixels after one or two re-postings, and the face where it is then."""
    width = pixels.shape[1]
    for _ in range(1 + int(rng.random() < 0.3)):
        pixels = laundering.repost(pixels, rng, config.scales)
    return pixels, Face(face.points * np.float32(pixels.shape[1] / width))


def moved(square: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """A square a little elsewhere, larger or smaller, and turned: landmarks are never exact."""
    middle, side = square.mean(0), float(np.linalg.norm(square[3] - square[0]))
    scale, angle = math.exp(rng.normal(0, 1.5 * most)), rng.normal(0, 1.5 * most)
    turn = scale * np.array([(math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))])
    return ((square - middle) @ turn.T + middle + rng.normal(0, most * side, 2)).astype(np.float32)


def tinted(side: np.ndarray, dye: np.ndarray, rng: np.random.Generator, most: float, grey: bool) -> np.ndarray:
    """A picture whose colours are mixed by `dye` (3, 3), then brightened and tinted a little on its own."""
    gain = (1 + rng.uniform(-most, most, 1 if grey else 3)) * (1 + rng.uniform(-most, most))
    return np.clip((side if grey else side @ dye) * gain, 0, 255).round().astype(np.uint8)
