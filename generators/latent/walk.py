"""Walks: pictures along a path from point to point. Straight in w, along the sphere in z.

Why along the sphere: z of many numbers lie near a sphere, and a straight line between two of them leads through
its inside, where no z was ever drawn (Shoemake 1985 for the path, White 2016 for its use). In w no such sphere is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from forensics.refusal import Refusal
from generators.latent.points import Point
from generators.latent.space import Space

MOST = 100_000  # frames
Where = Literal["auto", "w", "z"]
Easing = Literal["none", "smooth"]


@dataclass(frozen=True)
class Walk:
    """How a path is gone along."""

    count: int = 60  # frames in all
    where: Where = "auto"  # w where the generator has one
    loop: bool = False  # back to the first point; the last frame is not the first again
    easing: Easing = "smooth"  # slow at each point, or at one pace
    truncation: float = 1.0

    def __post_init__(self) -> None:
        if not 2 <= self.count <= MOST:
            raise Refusal(f"{self.count:,} frames: give 2 to {MOST:,}")
        if self.where not in ("auto", "w", "z"):
            raise Refusal(f"a walk in {self.where!r}: must be in w or z")
        if self.easing not in ("none", "smooth"):
            raise Refusal(f"easing {self.easing!r}: must be none or smooth")


@dataclass(frozen=True)
class Place:
    """Where a frame lies: `share` in [0, 1] of the way, eased, from point `first` to point `then`."""

    first: int
    then: int
    share: float


def places(points: int, walk: Walk) -> list[Place]:
    """Those of all frames, evenly spaced in time. The first is point 0; without a loop the last is the last point."""
    if points < 2:
        raise Refusal("a walk needs two points or more: seeds (0-7), or files of saved w")
    legs = points if walk.loop else points - 1
    found = []
    for frame in range(walk.count):
        at = frame * legs / (walk.count if walk.loop else walk.count - 1)
        leg = min(math.floor(at), legs - 1)
        share = at - leg
        share = share * share * (3 - 2 * share) if walk.easing == "smooth" else share
        found.append(Place(leg, (leg + 1) % points, share))
    return found


def frames(space: Space, points: Sequence[Point], walk: Walk = Walk()) -> Iterator[np.ndarray]:
    """Each frame, (H, W, C) uint8, in order; one at a point is that point's own picture.

    Raises Refusal, before the first frame, for points that the space does not have, and for a truncation in z.
    """
    way = places(len(points), walk)
    in_w = space.has_w if walk.where == "auto" else walk.where == "w"
    at = in_w_at(space, points, walk) if in_w else in_z_at(space, points, walk)
    return (at(place) for place in way)


def in_w_at(space: Space, points: Sequence[Point], walk: Walk) -> Callable[[Place], np.ndarray]:
    ends = [space.w(point, walk.truncation) for point in points]  # (layers, W) each
    return lambda place: space.of_w(ends[place.first].lerp(ends[place.then], place.share))


def in_z_at(space: Space, points: Sequence[Point], walk: Walk) -> Callable[[Place], np.ndarray]:
    saved = [point.name for point in points if point.seed is None]
    if saved:
        raise Refusal(f"{saved[0]} is a w; walk in w, or give seeds only")
    if walk.truncation != 1 and not space.has_w:
        raise Refusal(f"{space.family.name} cannot truncate; leave --truncation away")
    ends = [space.z(point.seed) for point in points]  # (Z,) each
    labels = [space.label(point.seed) for point in points]  # (K,) or None

    def at(place: Place) -> np.ndarray:
        first, then = labels[place.first], labels[place.then]
        label = None if first is None else first.lerp(then, place.share)
        return space.of_z(slerp(ends[place.first], ends[place.then], place.share), label, walk.truncation)

    return at


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """(Z,) to (Z,): the direction along the sphere, the length from one's to the other's. At 0 and 1, a and b.

    Points in the same or in opposite directions have no one great circle: straight between them.
    """
    if share in (0, 1):  # to the bit
        return b if share else a
    long = [end.double().norm() for end in (a, b)]
    x, y = (end.double() / length.clamp_min(1e-12) for end, length in zip((a, b), long, strict=True))
    angle = torch.acos((x @ y).clamp(-1, 1))
    if torch.sin(angle) < 1e-4:
        return a.lerp(b, share)
    direction = (torch.sin((1 - share) * angle) * x + torch.sin(share * angle) * y) / torch.sin(angle)
    return (direction * long[0].lerp(long[1], share)).to(a)
