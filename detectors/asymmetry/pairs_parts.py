"""The parts that `pairs` compares: where they are, when both sides can be seen, and their pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forensics.face import PARTS, Face, cut_near, inside
from forensics.photo import Photo

SIZE = 48  # px: side of a part's picture, about what it has in a face 224 px high
LEAST_SIDE = 18.0  # px of a part in the photo


@dataclass(frozen=True)
class Need:
    """What it takes to compare one part."""

    within: float  # share of each side that the photo shows
    turn: float  # see Face.turn: beyond, one side is hidden


NEEDS = {"eye": Need(0.95, 0.45), "ear": Need(0.75, 0.35), "collar": Need(0.6, 0.6)}


def hindrance(face: Face, photo: Photo, part: str) -> str | None:
    """Why the two sides of a part cannot be compared, or None."""
    squares = [face.part(part, side) for side in ("left", "right")]
    least = min(float(np.linalg.norm(square[3] - square[0])) for square in squares)
    if least < LEAST_SIDE:
        return f"{part}s {least:.0f} px small, {LEAST_SIDE:.0f} needed"
    if abs(face.turn) > NEEDS[part].turn:
        return f"head turned too far for the {part}s"
    if min(inside(square, photo) for square in squares) < NEEDS[part].within:
        return f"{part}s out of the photo"
    return None


def visible(face: Face, photo: Photo) -> tuple[str, ...]:
    """The parts whose sides can be compared."""
    return tuple(part for part in PARTS if hindrance(face, photo, part) is None)


def sides(pixels: np.ndarray, face: Face, part: str, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """The left part and the mirrored right one, each (size, size, 3) uint8."""
    left, right = (cut_near(pixels, face.part(part, side), size) for side in ("left", "right"))
    return left, right
