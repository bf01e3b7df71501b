"""Does a region disagree with the rest of the photo? Where fine detail lacks: heat map, boxes, and a rank.

    strength = largest, over connected areas of cells under -0.8, of sum(-residue) / root(cells)

`residue.py` says what the residue is. Depth of field, haze, water and painted backdrops make untouched photos
disagree with themselves too. So the strength is told as a rank among untouched photos at least half as large,
and an edit is concluded only beyond everything seen on them, by a margin, if they are so many that their false
alarms can be bounded: 300 without one bound the rate near 1 % (3 / n, 95 %).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

import cv2
import numpy as np

from detectors.structure.residue import CELL, Residue, residue
from detectors.structure.tables import nearest
from forensics.carded import check_card
from forensics.evidence import Evidence, Mark, silent
from forensics.photo import Photo
from forensics.places import DETECTOR_WEIGHTS
from forensics.refusal import Refusal

LEAST = 256  # px a side
COARSEST = 70  # libjpeg's quality: under it the encoder leaves no fine detail to compare
LACK = 0.8  # spreads
SHOWN = 0.9  # a region is marked if it is stronger than in this share of untouched photos
BOXES = 3  # at most
FEW = 20  # untouched photos: with fewer, no rank is told
ENOUGH = 300  # untouched photos: with fewer, nothing is concluded
MARGIN = 1.25  # by which a strength has to exceed the largest of them
LONGEST = 1000  # px of the exhibit
HOT = 2.0  # spreads: full colour in the exhibit
CAVEATS = (
    "Untouched photos disagree with themselves too: background out of focus, haze, water, motion, shadows, a "
    "phone's portrait mode or local smoothing, text and pasted frames.",
    "It sees areas that were enlarged, smoothed or filled in, most of all large ones in large photos. Parts copied "
    "from the same photo, small ones and strong blur pass; encoding at quality 70 or re-posting hides most.",
)


@dataclass(frozen=True)
class Region:
    """An area that lacks fine detail. `box`: left, top, right, bottom in pixels; `ratio`: of expected detail."""

    strength: float
    box: tuple[int, int, int, int]
    ratio: float


@dataclass(frozen=True)
class Untouched:
    """What the strongest region is like in photos that nobody edited: `cells` and `strengths`, (N,) each."""

    cells: np.ndarray
    strengths: np.ndarray

    def like(self, cells: int) -> np.ndarray:
        """Strengths in photos of at least half as many cells, ascending: larger photos have room for larger areas."""
        return np.sort(self.strengths[self.cells >= cells / 2])


class Regions:
    """Compares the fine detail of each part with like parts of the photo. Never raises; its strength is no score."""

    name: ClassVar[str] = "regions"
    question: ClassVar[str] = "Does a region disagree with the rest of the photo?"
    scores: ClassVar[bool] = False

    def __init__(self, untouched: Untouched, weights: str | None = None):
        self.untouched = untouched
        self.weights = weights

    @classmethod
    def load(cls, weights: Path) -> Self:
        """Read `regions.json` in a folder, or, where a run made none of its own, the one that ships.

        Raises Refusal when it is missing, damaged, or not ours.
        """
        own = Path(weights) / "regions.json"
        path = own if own.exists() else DETECTOR_WEIGHTS / own.name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise Refusal(f"{path} cannot be read ({error.strerror}); it ships with us: restore it") from None
        sha256 = hashlib.sha256(data).hexdigest()
        check_card(path, sha256)
        try:
            rows = np.array([row for rows in told(data).values() for row in rows], dtype=np.float64).reshape(-1, 2)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(f"{path} lists no untouched photos ({error}); make it anew") from None
        return cls(Untouched(rows[:, 0], rows[:, 1]), sha256)

    def examine(self, photo: Photo) -> Evidence:
        reason = outside(photo)
        seen = None if reason else residue(photo.pixels)
        if seen is None:
            return silent(self.name, reason or "Most of the picture is blank or blown out: nothing to compare.")
        found = regions(seen)
        strength = found[0].strength if found else 0.0
        others = self.untouched.like(seen.map.size)
        weaker = int(np.searchsorted(others, strength))
        unusual = [r for r in found[:BOXES] if len(others) >= FEW and np.mean(others < r.strength) >= SHOWN]
        return Evidence(
            self.name,
            None,
            sentence(found, bool(unusual), weaker, len(others)),
            tuple(mark(region, photo) for region in unusual),
            partial(picture, photo.pixels, seen, unusual),
            caveats=CAVEATS,
            edited=self.edited(seen.map.size, strength),
        )

    def edited(self, cells: int, strength: float) -> int | None:
        """How many untouched photos stand behind "edited"; None where it is not concluded."""
        others = self.untouched.like(cells)
        return len(others) if len(others) >= ENOUGH and strength > MARGIN * others[-1] else None


def told(data: bytes) -> Mapping[str, list[tuple[float, float]]]:
    """Rows of (cells, strength) by source, from the bytes of `regions.json`."""
    return json.loads(data)["untouched"]


def outside(photo: Photo) -> str | None:
    """Why a photo is outside what was validated, or None."""
    if min(photo.width, photo.height) < LEAST:
        return f"The photo is {photo.width}x{photo.height} px; regions need {LEAST} px a side to be compared."
    if photo.jpeg is not None and nearest(photo.jpeg.tables).quality < COARSEST:
        return "The photo was saved so coarsely that no fine detail is left to compare."
    return None


def regions(seen: Residue) -> list[Region]:
    """Connected areas that lack fine detail, strongest first."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats((seen.map < -LACK).astype(np.uint8), connectivity=4)
    flat, weight = labels.ravel(), seen.valid.ravel().astype(np.float64)
    depth = np.bincount(flat, -seen.map.ravel().astype(np.float64), n)
    logs = np.bincount(flat, seen.logs.ravel() * weight, n) / np.maximum(np.bincount(flat, weight, n), 1)
    found = []
    for i in range(1, n):
        left, top, width, height, cells = (int(v) for v in stats[i])
        right, bottom = int(seen.lefts[left + width - 1]) + CELL, int(seen.tops[top + height - 1]) + CELL
        box = int(seen.lefts[left]), int(seen.tops[top]), right, bottom
        found.append(Region(float(depth[i] / cells**0.5), box, float(np.exp(logs[i]))))
    return sorted(found, key=lambda region: -region.strength)


def sentence(found: list[Region], unusual: bool, weaker: int, n: int) -> str:
    if not found:
        return "No region lacks fine detail against equally bright and structured parts of the photo."
    first = found[0]
    size = f"{first.box[2] - first.box[0]}×{first.box[3] - first.box[1]} px"
    what = f"{1 - first.ratio:.0%} less fine detail than equally bright and structured parts of the photo"
    if n < FEW:
        return (
            f"A region of {size} has {what}; too few untouched photos of this size were seen to say if that is rare."
        )
    rank = f"stronger than in {weaker} of {n} untouched photos at least half as large"
    if unusual:
        return f"A region of {size} has {what}, {rank}."
    return f"No region stands out: the largest lack is {what}, over {size}, {rank}."


def mark(region: Region, photo: Photo) -> Mark:
    left, top, right, bottom = region.box
    right, bottom = min(right, photo.width), min(bottom, photo.height)
    return Mark("less fine detail than like parts", left, top, right - left, bottom - top)


def picture(pixels: np.ndarray, seen: Residue, unusual: list[Region]) -> np.ndarray:
    """(H, W, 3) uint8: the photo in grey, red the more fine detail lacks, blue where no comparison is possible."""
    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    shown = (grey * 0.7 + 50)[..., None].repeat(3, 2)
    lack = cv2.resize(np.clip(-seen.map / HOT, 0, 1), size, interpolation=cv2.INTER_LINEAR)[..., None]
    blank = cv2.resize((~seen.valid).astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
    shown = shown + 0.75 * lack * (np.array([230.0, 30, 0]) - shown)
    shown = shown + 0.25 * blank * (np.array([40.0, 90, 220]) - shown)
    canvas = np.clip(shown, 0, 255).astype(np.uint8)
    for region in unusual:
        left, top, right, bottom = (round(v * scale) for v in region.box)
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), (255, 200, 0), 2)
    return canvas
