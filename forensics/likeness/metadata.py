"""What two files say of themselves, side by side; and what may be said of which has more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from forensics.photo import Photo
from forensics.shown import LONGEST


class Lead(StrEnum):
    """In what one file is ahead of the other. None of it says which was first."""

    METADATA = "more_metadata"
    PIXELS = "more_pixels"
    COMPRESSION = "less_compressed"
    BYTES = "more_bytes"


@dataclass(frozen=True)
class Entry:
    """One thing of which the files tell; None where one does not. Values are the files' own: hostile text."""

    name: str
    first: str | None
    second: str | None

    @property
    def differs(self) -> bool:
        return self.first != self.second


def entries(one: Photo, other: Photo) -> tuple[Entry, ...]:
    """Everything that either tells, in the order of the first."""
    ours, theirs = dict(told(one)), dict(told(other))
    return tuple(Entry(name, ours.get(name), theirs.get(name)) for name in {**ours, **theirs})


def told(photo: Photo) -> Iterator[tuple[str, str]]:
    yield "Format", photo.format
    yield "Size", f"{photo.width} × {photo.height} px"
    yield "Bytes", f"{len(photo.data):,}"
    yield "Stored as", f"{photo.mode}, {photo.frames} frame{'s' if photo.frames != 1 else ''}"
    if photo.jpeg:
        yield "JPEG order", "progressive" if photo.jpeg.progressive else "baseline"
        yield "JPEG subsampling", photo.jpeg.subsampling
        digest = hashlib.sha256(b"".join(table.tobytes() for table in photo.jpeg.tables)).hexdigest()[:8]
        yield "JPEG quantisation", f"{coarseness(photo):.1f} on average in luminance (tables {digest})"
    if photo.xmp:
        yield "XMP", f"{len(photo.xmp):,} bytes, SHA-256 {hashlib.sha256(photo.xmp).hexdigest()[:8]}…"
    for kind, values in (("EXIF", photo.exif), ("Text", photo.text)):
        for key, value in values.items():
            yield f"{kind} {key}"[:LONGEST], value


def coarseness(photo: Photo) -> float | None:
    """The mean divisor of a JPEG's luminance: 1 loses least; None for other formats."""
    return float(photo.jpeg.tables[0].mean()) if photo.jpeg and photo.jpeg.tables else None


def leads(one: Photo, other: Photo) -> dict[Lead, int]:
    """Lead → 0 where the first file has it, 1 the second; left out where neither has."""
    measured = {
        Lead.METADATA: (amount(one), amount(other)),
        Lead.PIXELS: (one.width * one.height, other.width * other.height),
        Lead.BYTES: (len(one.data), len(other.data)),
    }
    if one.jpeg and other.jpeg:
        measured[Lead.COMPRESSION] = (-(coarseness(one) or 0), -(coarseness(other) or 0))
    return {lead: int(b > a) for lead, (a, b) in measured.items() if a != b}


def amount(photo: Photo) -> int:
    """How many entries of metadata a file carries."""
    return len(photo.exif) + len(photo.text) + bool(photo.xmp)
