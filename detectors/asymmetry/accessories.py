"""Accessories: collars, shoulders and necklaces have two sides that were made alike.

Early generators dress the two shoulders differently (Matern et al. 2019, "Exploiting Visual Artifacts",
section 3). Two squares below the chin, extrapolated from the mesh (`Face.part`), 96 px wide, the right one
mirrored, compared as a whole:

    colour    distance of the two sides' sorted a and b values (optimal transport in one dimension), in ΔE
    texture   distance of their histograms of gradient directions, mirrored, each 4 x 4 fields x 8 directions,
              normalised (Dalal & Triggs 2005); 0 = alike, 1 = no direction in common

    score = mean of (measure / limit - 1), each at most 3

Lightness is not compared: light from one side makes it differ. Limits: what 9 of 10 camera faces stay under.

What it is worth (split test, re-posted; 83 camera faces that it speaks of): AUC against StyleGAN 0.38 (0.28-0.50),
StyleGAN2 0.48 (0.36-0.60), Stable Diffusion 3 0.33 (0.20-0.48): no evidence, as generators dress people at least
as evenly as people do. It speaks of 38 % of camera faces. A calibration gives it no weight; the picture remains.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from detectors.asymmetry.two_sides import beside, lab_of, marks_of
from forensics.evidence import Evidence, silent
from forensics.face import Face, cut_near, inside, largest_face
from forensics.photo import Photo

SIZE = 96  # px: side of a square
FIELDS, DIRECTIONS = 4, 8
CAVEATS = (
    "Hair over one shoulder, a bag, a pin, a second person or light of two colours make real sides differ.",
    "A match says little: recent generators dress people alike on both sides.",
)


@dataclass(frozen=True)
class Limits:
    """When dress can be compared, and from where a difference is unusual."""

    side: float = 24.0  # px of a square in the photo
    turn: float = 0.5  # see Face.turn
    within: float = 0.6  # share of a square that the photo shows
    plain: float = 0.6  # mean gradient in L a px of the square: below, both sides are blank
    colour: float = 15.0  # ΔE that 9 of 10 camera faces stay under
    texture: float = 0.66
    most: float = 3.0


class Accessories:
    """Compares the two sides of dress below the largest face."""

    name: ClassVar[str] = "accessories"
    question: ClassVar[str] = "Do the two sides of collar and dress match?"
    scores: ClassVar[bool] = True
    weights: str | None = None

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()

    @classmethod
    def load(cls, weights: Path) -> Accessories:
        """Needs no weights; the folder is ignored."""
        return cls()

    def examine(self, photo: Photo) -> Evidence:
        face = largest_face(photo)
        if face is None:
            return silent(self.name, "No face was found, so there is no collar to look for.")
        reason = self.unfit(photo, face)
        if reason:
            return silent(self.name, reason)
        left, right = (cut_near(photo.pixels, face.part("collar", side), SIZE) for side in ("left", "right"))
        marks = marks_of(photo, face, "collar", "side of the collar")
        picture = partial(beside, (left, right), ("left", "right, mirrored"))
        if max(roughness(left), roughness(right)) < self.limits.plain:
            why = "Nothing can be made out below the chin: both sides are plain."
            return Evidence(self.name, None, why, marks, picture)
        colour, texture = colour_distance(left, right), texture_distance(left, right)
        limits = self.limits
        parts = [min(v / limit - 1, limits.most) for v, limit in ((colour, limits.colour), (texture, limits.texture))]
        finding = (
            f"The colours of the two sides below the chin differ by {colour:.1f} ΔE (9 of 10 camera faces: under"
            f" {limits.colour:.0f}), their textures by {texture:.2f} (9 of 10: under {limits.texture})."
        )
        return Evidence(self.name, float(np.mean(parts)), finding, marks, picture, caveats=CAVEATS)

    def unfit(self, photo: Photo, face: Face) -> str | None:
        """Why this dress cannot be compared, or None."""
        limits = self.limits
        squares = {side: face.part("collar", side) for side in ("left", "right")}
        large = min(float(np.linalg.norm(square[3] - square[0])) for square in squares.values())
        if large < limits.side:
            return f"The collar's sides are {large:.0f} px wide in the photo; {limits.side:.0f} px are needed."
        if abs(face.turn) > limits.turn:
            return "The head is turned too far to compare what lies below it."
        for side, square in squares.items():
            if inside(square, photo) < limits.within:
                return f"The {side} side of the collar is out of the photo."
        return None


def colour_distance(left: np.ndarray, right: np.ndarray) -> float:
    """ΔE in a, b between two (S, S, 3) uint8, wherever in them the colours are."""
    one, other = (np.sort(lab_of(side)[::3, ::3, 1:].reshape(-1, 2), axis=0) for side in (left, right))
    return float(np.linalg.norm(np.abs(one - other).mean(0)))


def roughness(side: np.ndarray) -> float:
    """Mean gradient of lightness of (S, S, 3) uint8, in L a px."""
    lightness = lab_of(side)[..., 0]
    return float(np.hypot(*np.gradient(lightness)).mean())


def texture_distance(left: np.ndarray, right: np.ndarray) -> float:
    """1 - similarity of gradient directions of two (S, S, 3) uint8, in [0, 1]."""
    one, other = (directions(side) for side in (left, right))
    return float(np.clip(1 - one @ other, 0, 1))


def directions(side: np.ndarray) -> np.ndarray:
    """(128,) unit vector: square roots of normalised histograms of gradient directions, field by field."""
    lightness = cv2.GaussianBlur(lab_of(side)[..., 0], (0, 0), 1.5)
    down, across = np.gradient(lightness)
    strength = np.hypot(down, across)
    angle = (np.arctan2(down, across) % np.pi) * (DIRECTIONS / np.pi)
    bins = np.minimum(angle.astype(int), DIRECTIONS - 1)
    fields = np.arange(SIZE) * FIELDS // SIZE
    index = (fields[:, None] * FIELDS + fields[None]) * DIRECTIONS + bins
    counts = np.bincount(index.ravel(), strength.ravel(), FIELDS * FIELDS * DIRECTIONS)
    root = np.sqrt(counts + 1e-3 * counts.mean() + 1e-9)
    return root / np.linalg.norm(root)
