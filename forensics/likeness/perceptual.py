"""How alike two pictures look: PDQ, 256 bits of what a picture looks like (Facebook 2019), and their distance.

Copies of one picture, encoded or scaled anew, are at most 31 bits apart; pictures that have nothing to do with each
other differ in about half of the bits. PDQ is blind to most crops, and says little of flat pictures (low quality).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import pdqhash

BITS = 256
MATCH = 31  # bits: the distance up to which PDQ's authors call two pictures the same
RELIABLE = 50  # quality under which they advise to discard a hash
SEEN = 512  # px of the longer side at which turned copies are tried


class Turn(StrEnum):
    """What has to be done to the second picture so that it stands as the first."""

    NONE = "none"
    MIRRORED = "mirrored"
    FLIPPED = "flipped"
    LEFT = "left"  # a quarter turn, anticlockwise
    HALF = "half"
    RIGHT = "right"
    TRANSPOSED = "transposed"
    TRANSVERSED = "transversed"


@dataclass(frozen=True)
class Look:
    """A PDQ hash as 64 hexadecimal digits, and its quality from 0 to 100."""

    pdq: str
    quality: int

    @classmethod
    def of(cls, pixels: np.ndarray) -> Look:
        bits, quality = pdqhash.compute(np.ascontiguousarray(pixels))
        return cls(np.packbits(bits.astype(np.uint8)).tobytes().hex(), int(quality))

    @property
    def reliable(self) -> bool:
        return self.quality >= RELIABLE


def distance(one: Look, other: Look) -> int:
    """Bits in which two hashes differ: 0 to 256."""
    return (int(one.pdq, 16) ^ int(other.pdq, 16)).bit_count()


def turned(pixels: np.ndarray, turn: Turn) -> np.ndarray:
    """(H, W, 3) mirrored or turned; a view of the same pixels."""
    return {
        Turn.NONE: lambda p: p,
        Turn.MIRRORED: lambda p: p[:, ::-1],
        Turn.FLIPPED: lambda p: p[::-1],
        Turn.LEFT: lambda p: np.rot90(p),
        Turn.HALF: lambda p: np.rot90(p, 2),
        Turn.RIGHT: lambda p: np.rot90(p, 3),
        Turn.TRANSPOSED: lambda p: p.transpose(1, 0, 2),
        Turn.TRANSVERSED: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
    }[turn](pixels)


def nearest_turn(one: np.ndarray, other: np.ndarray) -> tuple[Turn, int]:
    """The turn of `other` that looks most like `one`, and how many bits are then left between them."""
    ours, theirs = Look.of(small(one, SEEN)), small(other, SEEN)
    distances = {turn: distance(ours, Look.of(turned(theirs, turn))) for turn in Turn}
    best = min(distances, key=distances.__getitem__)  # the first of equals: as it is
    return best, distances[best]


def small(pixels: np.ndarray, longest: int) -> np.ndarray:
    """Shrunk, each pixel the mean of what it stands for; smaller pictures as they are."""
    scale = longest / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
