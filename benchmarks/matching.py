"""Both classes of a test set brought to the same shapes, so that no size gives a class away.

Photos are ranked by area within their class, and those of the same rank are partners: one of the smaller class,
one or several of the other. All partners get one shape, the largest width and height that all of them have: each
is cut to its proportions around the middle, and shrunk; none is enlarged. Where one of them has to give way, all
are shrunk a step further, so that having been resampled is no mark of a class either. Sets of one shape stay as
they are.

A laundering comes after it (launder.py): "match" then encodes both once, at qualities drawn alike.
What this cannot make alike: how far a photo was shrunk, and what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from benchmarks.launder import KERNELS
from benchmarks.shots import Shape, Shot
from forensics import laundering
from forensics.crew import Crew
from forensics.photo import Photo, UnreadableImage

STEP = 0.9  # of both sides, where a partner is resampled


def matched(shots: Sequence[Shot], crew: Crew) -> list[Shot]:
    """The same photos, each with the shape that it is to be brought to; a grey copy has that of its photo.

    Photos that cannot be read have none: they are lost later, and told.
    """
    told = dict(crew.map(shape_of, [shot for shot in shots if not shot.grey]))
    read = [(shot, shape) for shot, shape in told.items() if isinstance(shape, tuple)]
    fake = [shot.fake for shot, _ in read]
    if all(fake) or not any(fake):
        return list(shots)
    targets = matched_shapes([shape for _, shape in read], fake, [shot.sha256 for shot, _ in read])
    wanted = {shot.sha256: target for (shot, _), target in zip(read, targets, strict=True)}
    return [replace(shot, shape=wanted.get(shot.sha256)) for shot in shots]


def shape_of(held: object, shot: Shot) -> Shape | None:
    """Of one photo, in a worker; None when it cannot be read."""
    try:
        photo = Photo.open(shot.path)
    except UnreadableImage:
        return None
    return photo.width, photo.height


def matched_shapes(shapes: Sequence[Shape], fake: Sequence[bool], names: Sequence[str]) -> list[Shape]:
    """The shape that each photo is brought to, in the order given. `names` as in `partners`."""
    cell = partners(shapes, fake, names)
    members: dict[int, list[Shape]] = {}
    for i, shape in zip(cell, shapes, strict=True):
        members.setdefault(int(i), []).append(shape)
    target = {i: common(part) for i, part in members.items()}
    return [target[int(i)] for i in cell]


def partners(shapes: Sequence[Shape], fake: Sequence[bool], names: Sequence[str]) -> np.ndarray:
    """(N,) int: who is partner of whom. Each has one of the smaller class and, as nearly as can be, as many of the
    other as each. `names`, a hash a photo, decide among photos of one shape: the order given does not.

    Raises ValueError for one class only.
    """
    fake = np.asarray(fake, dtype=bool)
    count = min(fake.sum(), (~fake).sum())
    if not count:
        raise ValueError("photos of one class have no partners")
    cell = np.empty(len(fake), dtype=int)
    for label in (False, True):
        mine = np.flatnonzero(fake == label)
        ranked = sorted(mine, key=lambda i: (shapes[i][0] * shapes[i][1], tuple(shapes[i]), names[i]))
        cell[ranked] = np.arange(len(mine)) * count // len(mine)
    return cell


def common(shapes: Sequence[Shape]) -> Shape:
    """What all of these can be brought to."""
    first = tuple(shapes[0])
    if all(tuple(shape) == first for shape in shapes):
        return first
    width, height = (min(sides) for sides in zip(*shapes, strict=True))
    return max(1, round(width * STEP)), max(1, round(height * STEP))


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
