"""Pairs: does this left part and this mirrored right part belong to the same photo? Learnt from real faces only.

A small Siamese network (`pairs_network`) saw eyes, ears with what they carry, and collars of real photos: the
two sides of one photo, and sides of two photos matched for light, colour and pose. It never saw a generated
face, so it knows no generator; it knows how alike the two sides of a person are.

    score = mean over the visible parts of -log odds of "the same photo" (natural log; higher = less alike)

Seen at the size at which faces were validated (`forensics.view`). Silent where no part can be compared.
What it is worth (split test, re-posted; 177 camera faces): AUC against StyleGAN 0.43 (0.34-0.50), StyleGAN2 0.48
(0.39-0.57), Stable Diffusion 3 0.47 (0.35-0.58), and 0.30-0.35 against FFHQ alone: generated sides match better than
photographed ones. A calibration gives it no weight; the picture remains. More in `pairs.md`, beside the weights.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from detectors.asymmetry.pairs_parts import hindrance, sides, visible
from detectors.asymmetry.two_sides import PANEL, beside, marks_of
from forensics.evidence import Evidence, silent
from forensics.face import PARTS, Face, largest_face
from forensics.photo import Photo
from forensics.places import DETECTOR_WEIGHTS
from forensics.view import at_known_size

if TYPE_CHECKING:
    from detectors.asymmetry.pairs_network import PairNetwork

WEIGHTS = "pairs.safetensors"
MOST = 1000  # odds are said up to this
CAVEATS = (
    "Recent generators draw two sides that match: alike sides say little.",
    "Hair over one side, an eye patch, light of two colours or two unlike earrings make real sides differ.",
)


class Pairs:
    """Compares the left and right eye, ear and collar of the largest face by a learnt measure."""

    name: ClassVar[str] = "pairs"
    question: ClassVar[str] = "Do the two sides of the face belong to one photo?"
    scores: ClassVar[bool] = True

    def __init__(self, network: PairNetwork, weights: str | None):
        self.network = network
        self.weights = weights

    @classmethod
    def load(cls, weights: Path) -> Self:
        """From the folder with `pairs.safetensors`; without one, what ships: it has seen no fakes and goes with
        any panel. Raises Refusal when it is broken.
        """
        from detectors.asymmetry import pairs_network

        own = Path(weights) / WEIGHTS
        network, sha256, _ = pairs_network.read(own if own.exists() else DETECTOR_WEIGHTS / WEIGHTS)
        return cls(network, sha256)

    def examine(self, photo: Photo) -> Evidence:
        seen = at_known_size(photo)
        whole, face = largest_face(photo), largest_face(seen)
        if whole is None or face is None:
            return silent(self.name, "No face was found, so there are no two sides to compare.")
        parts = visible(face, seen)
        if not parts:
            why = "; ".join(str(hindrance(face, seen, part)) for part in PARTS)
            return silent(self.name, f"No part of the face can be compared: {why}.")
        odds = self.log_odds(seen.pixels, face, parts)
        marks = tuple(mark for part in parts for mark in marks_of(photo, whole, part, part))
        said = ", ".join(f"{part}s {spoken(value)}" for part, value in odds.items())
        finding = f"By the learnt measure, the odds that both sides are of one photo: {said}."
        picture = partial(exhibit, photo.pixels, whole, odds)
        return Evidence(self.name, -float(np.mean(list(odds.values()))), finding, marks, picture, caveats=CAVEATS)

    def log_odds(self, pixels: np.ndarray, face: Face, parts: tuple[str, ...]) -> dict[str, float]:
        """Part → natural log-odds that its two sides are of one photo."""
        import torch

        from forensics.tensors import to_tensor

        network, pictures = self.network, [side for part in parts for side in sides(pixels, face, part)]
        with torch.inference_mode():
            seen = network.trunk(to_tensor(pictures)).split(2)
            both = {part: network.heads[part](two) for part, two in zip(parts, seen, strict=True)}
            return {part: float(network.compare(left, right, part)) for part, (left, right) in both.items()}


def spoken(log_odds: float) -> str:
    """ "12 to 1", "1 to 3": odds as people say them."""
    odds = min(MOST, math.exp(min(abs(log_odds), 20)))
    words = f"{odds:.0f}" if odds >= 2 else f"{odds:.1f}"
    words = f"over {MOST}" if odds == MOST else words
    return f"{words} to 1" if log_odds >= 0 else f"1 to {words}"


def exhibit(pixels: np.ndarray, face: Face, odds: dict[str, float]) -> np.ndarray:
    """One row a part, (320 each, 588, 3) uint8: the left side and the mirrored right one."""
    rows = []
    for part, value in odds.items():
        both = sides(pixels, face, part, PANEL)
        rows.append(beside(both, (f"left {part}", f"right {part}, mirrored: {spoken(value)}")))
    return np.vstack(rows)
