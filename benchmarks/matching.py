"""Both classes of a test set brought to one distribution of shapes, so that no size gives a class away.

Photos are ranked by area within their class. At each rank the target is the largest width and height that the
photos of that rank have in both classes: whichever is larger is cut to the target's proportions around its
middle, and shrunk; none is enlarged. Where either has to give way, both are shrunk a step further, so that
having been resampled is no mark of a class either. Sets of one shape stay as they are.

A laundering comes after it (launder.py): "match" then encodes both once, at qualities drawn alike.
What this cannot make alike: how far a photo was shrunk, and what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.launder import KERNELS
from forensics import laundering
from forensics.crew import Crew
from forensics.photo import Photo, UnreadableImage

if TYPE_CHECKING:
    from benchmarks.detection import Shot

Shape = tuple[int, int]  # width, height in px

STEP = 0.9  # of both sides, where either class is resampled


def matched(shots: Sequence[Shot], crew: Crew) -> list[Shot]:
    """The same photos, each with the shape that it is to be brought to; a grey copy has that of its photo.

    Of photos of one size, the hash says which is brought to which shape. Photos that cannot be read have none:
    they are lost later, and told.
    """
    told = dict(crew.map(shape_of, [shot for shot in shots if not shot.grey]))
    read = [(shot, told[shot]) for shot in sorted(told, key=lambda s: s.sha256) if isinstance(told[shot], tuple)]
    if len({shot.fake for shot, _ in read}) < 2:
        return list(shots)
    targets = matched_shapes([shape for _, shape in read], [shot.fake for shot, _ in read])
    wanted = {shot.sha256: target for (shot, _), target in zip(read, targets, strict=True)}
    return [replace(shot, shape=wanted.get(shot.sha256)) for shot in shots]


def shape_of(held: object, shot: Shot) -> Shape | None:
    """Of one photo, in a worker; None when it cannot be read."""
    try:
        photo = Photo.open(shot.path)
    except UnreadableImage:
        return None
    return photo.width, photo.height


def matched_shapes(shapes: Sequence[Shape], fake: Sequence[bool]) -> list[Shape]:
    """The shape that each photo is brought to, in the order given. Both classes must be there.

    The same for the same set, whatever its order; with as many photos in either class, the targets of both are
    the same list. With other numbers, the rank is a share of the class.
    """
    fake = np.asarray(fake, dtype=bool)
    ranked = {
        label: sorted(np.flatnonzero(fake == label), key=lambda i: (shapes[i][0] * shapes[i][1], shapes[i]))
        for label in (False, True)
    }
    if not all(ranked.values()):
        raise ValueError("shapes of one class have nothing to be matched to")
    targets: list[Shape] = list(shapes)
    for label, mine in ranked.items():
        others = ranked[not label]
        for rank, i in enumerate(mine):
            other = others[(2 * rank + 1) * len(others) // (2 * len(mine))]
            targets[i] = common(shapes[i], shapes[other])
    return targets


def common(one: Shape, other: Shape) -> Shape:
    """What both shapes can be brought to."""
    if one == other:
        return one
    return max(1, round(min(one[0], other[0]) * STEP)), max(1, round(min(one[1], other[1]) * STEP))


def brought_to(shape: Shape, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 → (h, w, 3): the largest window of the shape's proportions, shrunk by a drawn kernel.

    Raises ValueError where it would have to be enlarged.
    """
    height, width = pixels.shape[:2]
    if shape[0] > width or shape[1] > height:
        raise ValueError(f"{width}x{height} px cannot be shrunk to {shape[0]}x{shape[1]}")
    kernel = KERNELS[rng.integers(len(KERNELS))]  # drawn in any case: what follows has the same luck
    scale = min(width / shape[0], height / shape[1])
    wide, high = min(width, round(shape[0] * scale)), min(height, round(shape[1] * scale))
    left, top = (width - wide) // 2, (height - high) // 2
    window = np.ascontiguousarray(pixels[top : top + high, left : left + wide])
    if (wide, high) == tuple(shape):
        return window
    return cv2.resize(window, shape, interpolation=laundering.KERNELS[kernel])
