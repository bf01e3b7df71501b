"""Two files, compared: are they the same bytes, the same pixels, the same picture, alike, or not?

    compare(Photo.open("a.jpg"), Photo.open("b.jpg")).relation

It never says which of them is the original: nothing in two files alone can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from forensics.likeness.alignment import Alignment, align
from forensics.likeness.difference import Difference
from forensics.likeness.metadata import Entry, Lead, entries, leads
from forensics.likeness.perceptual import MATCH, Look, Turn, distance, nearest_turn, small
from forensics.photo import Photo

LARGEST = 4000  # px of the longer side at which differences are measured
SAME = 0.95  # correlation of the coarse structure from which aligned pictures are called the same; re-encoded: > 0.98
MOST = 0.5  # of one of the pictures has to lie on the other
UNSEEN = 0.001  # share of pixels that differ visibly, under which nobody would see a difference


class Relation(StrEnum):
    """The strongest of these that holds."""

    SAME_BYTES = "same_bytes"
    SAME_PIXELS = "same_pixels"
    SAME_PICTURE = "same_picture"  # encoded, scaled, cropped, turned, or edited here and there
    SIMILAR = "similar"  # a part or the look in common
    DIFFERENT = "different"  # nothing in common was found


@dataclass(frozen=True, eq=False)
class Likeness:
    """Two files beside each other. `laid` is the second in the frame of the first, transparent where it is not."""

    relation: Relation
    sha256: tuple[str, str]  # of the files' bytes
    pixels_sha256: tuple[str, str]  # of the upright sRGB pixels, and their width and height
    looks: tuple[Look, Look]
    bits: int  # PDQ distance as the pictures are
    turn: Turn  # of the second picture, at which it is nearest
    turned_bits: int  # and the distance then
    metadata: tuple[Entry, ...]
    leads: Mapping[Lead, int]
    alignment: Alignment | None
    difference: Difference | None
    first: np.ndarray = field(repr=False)  # (H, W, 3) uint8, what the second is laid on
    laid: np.ndarray | None = field(repr=False)  # (H, W, 4) uint8

    @property
    def shrunk(self) -> bool:
        """Whether differences were measured on fewer pixels than the first picture has."""
        return self.difference is not None and max(self.first.shape[:2]) == LARGEST


def compare(a: Photo, b: Photo) -> Likeness:
    """All that can be said of two files; takes a second or two."""
    looks = Look.of(a.pixels), Look.of(b.pixels)
    bits = distance(*looks)
    turn, turned_bits = nearest_turn(a.pixels, b.pixels)
    first, second = small(a.pixels, LARGEST), small(b.pixels, LARGEST)
    same = a.pixels.shape == b.pixels.shape and np.array_equal(a.pixels, b.pixels)
    alignment = Alignment.identity() if same else align(first, second)
    difference = laid = None
    if alignment:
        placed, covered = alignment.lay(second, first.shape)
        difference = Difference.of(first, placed, covered)
        laid = np.dstack([placed, covered.astype(np.uint8) * 255])
    # A hash of a flat picture says nothing.
    near = min(bits, turned_bits) <= MATCH and all(look.reliable for look in looks)
    if a.sha256 == b.sha256:
        relation = Relation.SAME_BYTES
    elif same:
        relation = Relation.SAME_PIXELS
    elif alignment and difference and same_picture(alignment, difference, near, second):
        relation = Relation.SAME_PICTURE
    elif near or (alignment and alignment.agreeing):
        relation = Relation.SIMILAR
    else:
        relation = Relation.DIFFERENT
    return Likeness(
        relation=relation,
        sha256=(a.sha256, b.sha256),
        pixels_sha256=(pixels_sha256(a), pixels_sha256(b)),
        looks=looks,
        bits=bits,
        turn=turn,
        turned_bits=turned_bits,
        metadata=entries(a, b),
        leads=leads(a, b),
        alignment=alignment,
        difference=difference,
        first=first,
        laid=laid,
    )


def same_picture(alignment: Alignment, difference: Difference, near: bool, second: np.ndarray) -> bool:
    """Whether what lies on each other is one picture: most of one of the two, and the same there."""
    height, width = difference.map.shape[:2]
    of_second = difference.covered * width * height / (second.shape[0] * second.shape[1] * alignment.scale**2)
    most = max(difference.covered, of_second) >= MOST
    if not alignment.agreeing and not near:  # frame on frame, of pictures too flat to tell by hash or points
        return difference.visibly < UNSEEN
    return most and (difference.correlation or 0) >= SAME


def pixels_sha256(photo: Photo) -> str:
    digest = hashlib.sha256(f"{photo.width}x{photo.height} ".encode())
    digest.update(np.ascontiguousarray(photo.pixels))
    return digest.hexdigest()
