"""Clone candidates: places of a photo that resemble another place of it, moved, turned or scaled together.

Amerini et al., "A SIFT-based Forensic Method for Copy-Move Attack Detection and Transformation Recovery", 2011: SIFT
keypoints are matched within the photo; matches that one similarity transform explains are a group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from detectors.maps.map import Drawing
from detectors.maps.reach import shrunk, within
from forensics.photo import Photo

MOST = 2_000_000  # pixels searched
KEYPOINTS = 4000
ALIKE = 0.5  # the best match's distance over the next best's: Lowe's ratio, stricter
NEAR = 24.0  # px: closer than this, a place resembles itself
FEWEST = 6  # matches that one transform must explain
GROUPS = 6
SPREAD = 4.0  # px that a match may lie off its group's transform
COLOURS = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66), (204, 121, 167), (213, 94, 0))


@dataclass(frozen=True)
class Copied:
    """Matches of one group: places (n, 2) in pixels, and where each reappears."""

    here: np.ndarray
    there: np.ndarray


def groups(grey: np.ndarray) -> list[Copied]:
    """Groups of matches within (H, W) uint8, the largest first."""
    here, there = matches(grey)
    return list(explained(here, there))


def matches(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 2) and (n, 2) that resemble each other more than the rest; each pair once, left to right."""
    none = np.empty((0, 2), np.float32)
    if min(grey.shape) < 32:
        return none, none
    points, words = cv2.SIFT_create(KEYPOINTS, contrastThreshold=0.02).detectAndCompute(grey, None)
    if words is None or len(points) < FEWEST:
        return none, none
    places = np.array([point.pt for point in points], np.float32)
    pairs = set()
    for found in cv2.BFMatcher().knnMatch(words, words, k=6):
        far = [m for m in found if np.linalg.norm(places[m.queryIdx] - places[m.trainIdx]) > NEAR]
        for match in alike(far):
            one, other = match.queryIdx, match.trainIdx
            pairs.add((one, other) if tuple(places[one]) <= tuple(places[other]) else (other, one))
    chosen = np.array(sorted(pairs), int).reshape(-1, 2)
    return places[chosen[:, 0]], places[chosen[:, 1]]


def alike(found: Sequence[cv2.DMatch]) -> Sequence[cv2.DMatch]:
    """Those before the first leap in distance, nearest first: a part may have been copied more than once (g2NN)."""
    for i in range(len(found) - 1):
        if found[i].distance < ALIKE * found[i + 1].distance:
            return found[: i + 1]
    return ()


def explained(here: np.ndarray, there: np.ndarray) -> Iterator[Copied]:
    """Takes away, again and again, the most matches that one similarity explains."""
    for _ in range(GROUPS):
        if len(here) < FEWEST:
            return
        # OpenCV starts its random numbers anew in each call: the same matches give the same groups.
        transform, fits = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=SPREAD)
        fits = np.zeros(len(here), bool) if transform is None else fits.ravel().astype(bool)
        if len(np.unique(here[fits].round(), axis=0)) < FEWEST or not 0.4 < np.linalg.norm(transform[:, 0]) < 2.5:
            return
        yield Copied(here[fits], there[fits])
        here, there = here[~fits], there[~fits]


class Clones:
    name: ClassVar[str] = "clones"
    title: ClassVar[str] = "Clone candidates"
    source: ClassVar[str] = (
        "Amerini et al., “A SIFT-based Forensic Method for Copy-Move Attack Detection”, IEEE TIFS 2011"
    )
    shows: ClassVar[str] = (
        "Lines between places of the photo that resemble each other in the same arrangement, a colour a group: a "
        "part may have been copied from one to the other."
    )
    misses: ClassVar[str] = (
        "Windows, tiles, printed letters and patterned cloth repeat in untouched photos. Copies of smooth surfaces "
        "(sky, skin) have no keypoints and are missed."
    )

    def draw(self, photo: Photo) -> Drawing:
        pixels, said = within(photo.pixels, MOST)
        grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
        found = groups(grey)
        canvas = np.repeat((grey // 2)[..., None], 3, axis=2)
        for colour, group in zip(COLOURS, found, strict=False):
            for one, other in zip(group.here.round().astype(int), group.there.round().astype(int), strict=True):
                cv2.line(canvas, one.tolist(), other.tolist(), colour, 1, cv2.LINE_AA)
            for place in np.vstack([group.here, group.there]).round().astype(int):
                cv2.circle(canvas, place.tolist(), 4, colour, 1, cv2.LINE_AA)
        pairs = sum(len(group.here) for group in found)
        words = (
            f"{len(found)} group{'s' if len(found) != 1 else ''} of like places, {pairs} pairs of points."
            if found
            else "No part was found that resembles another in the same arrangement."
        )
        return Drawing(shrunk(canvas), words + said)
