"""Real photos of corpora → what `pairs` learns from: the face's surroundings, its parts, and look-alikes of each.

Found once and kept in one file; pixels are read again from the photos when they are needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from detectors.asymmetry.pairs_parts import LEAST_SIDE, NEEDS, sides, visible
from forensics import laundering
from forensics.corpus import Corpus
from forensics.face import PARTS, PLACES, Face, largest_face
from forensics.photo import Photo, UnreadableImage
from forensics.saving import at_once
from forensics.view import LARGEST_FACE

MARGIN = 8  # px kept around all parts


@dataclass(frozen=True)
class Seen:
    """One face of a photo. `light` (parts, 8): mean L, a, b of both sides, their difference in L, and the turn."""

    path: Path
    source: str
    group: str
    points: np.ndarray = field(repr=False)  # (478, 2) in the photo
    visible: np.ndarray = field(repr=False)  # (parts,) bool
    light: np.ndarray = field(repr=False)


def look(photo: Photo) -> tuple[Face, np.ndarray, np.ndarray] | None:
    """Largest face, its visible parts, and their light; None where no part can be compared."""
    face = largest_face(photo)
    if face is None:
        return None
    shown = np.array([part in visible(face, photo) for part in PARTS])
    if not shown.any():
        return None
    light = np.zeros((len(PARTS), 8), dtype=np.float32)
    for row, part in enumerate(PARTS):
        means = []
        for side in sides(photo.pixels, face, part):
            lab = cv2.cvtColor(side.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
            means.append(lab.mean((0, 1)))
        light[row] = [*means[0], *means[1], means[0][0] - means[1][0], 40 * face.turn]
    return face, shown, light


def find(corpora: Sequence[Corpus], split: str, store: Path) -> list[Seen]:
    """The faces of the real photos of a split; kept in `store` (.npz), found again only for other corpora."""
    from rich.console import Console
    from rich.progress import track

    entries = [(c, e) for c in corpora for e in c.where(split=split, label="real")]
    told = (split, NEEDS, LEAST_SIDE, PLACES, [c.sha256 for c in corpora])
    identity = hashlib.sha256(repr(told).encode()).hexdigest()
    if store.exists():
        with np.load(store, allow_pickle=False) as kept:
            if str(kept["identity"]) == identity:
                return [
                    Seen(c.path(e), e.domain or c.root.name, e.group or e.path, points, shown, light)
                    for (c, e), points, shown, light in zip(
                        (entries[i] for i in kept["entry"]), kept["points"], kept["shown"], kept["light"], strict=True
                    )
                ]
    found, numbers = [], []
    for number, (corpus, entry) in enumerate(track(entries, "finding parts", console=Console(stderr=True))):
        try:
            seen = look(Photo.open(corpus.path(entry)))
        except UnreadableImage:
            continue
        if seen:
            face, shown, light = seen
            source = entry.domain or corpus.root.name
            found.append(Seen(corpus.path(entry), source, entry.group or entry.path, face.points, shown, light))
            numbers.append(number)
    store.parent.mkdir(parents=True, exist_ok=True)
    with at_once(store) as part, open(part, "wb") as file:
        np.savez(
            file, identity=identity, entry=np.array(numbers, dtype=np.int64),
            points=np.array([s.points for s in found], dtype=np.float32).reshape(-1, 478, 2),
            shown=np.array([s.visible for s in found], dtype=bool).reshape(-1, len(PARTS)),
            light=np.array([s.light for s in found], dtype=np.float32).reshape(-1, len(PARTS), 8),
        )  # fmt: skip
    return found


def surroundings(seen: Seen) -> tuple[np.ndarray, Face]:
    """The pixels around all parts, and the face in them; a face over 224 px shrunk as an inspection sees it."""
    pixels, points = Photo.open(seen.path).pixels, seen.points
    height = float(np.ptp(points[:, 1]))
    if height > LARGEST_FACE:
        pixels, points = laundering.resize(pixels, LARGEST_FACE / height), points * (LARGEST_FACE / height)
    face = Face(points)
    corners = np.concatenate([face.part(part, side) for part in PARTS for side in ("left", "right")])
    low = np.clip(np.floor(corners.min(0)).astype(int) - MARGIN, 0, None)
    high = np.ceil(corners.max(0)).astype(int) + MARGIN
    return pixels[low[1] : high[1], low[0] : high[0]], Face(points - low.astype(np.float32))
