"""Growing step by step: when a resolution fades in, and what is shown meanwhile.

Karras et al. 2018, section 2 and figure 2: training starts at 4x4; each doubling fades in over a while, its
weight alpha rising from 0 to 1, and then settles. Real photos are faded alike, or the discriminator would
know them by the detail that fakes do not have yet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Row = tuple[int, float, float]  # resolution in px; kimg it fades in; kimg it then settles (the last: without end)


def doublings(resolution: int) -> int:
    """How often 4 doubles to make `resolution`, px. Raises ValueError unless it is a power of two, at least 4."""
    if resolution < 4 or resolution & (resolution - 1):
        raise ValueError(f"resolution {resolution}: must be a power of two, at least 4")
    return int(math.log2(resolution)) - 2


def check_schedule(schedule: Sequence[Row], resolution: int) -> tuple[Row, ...]:
    """The rows as tuples. Raises ValueError unless they double up to `resolution`, with times of 0 or more."""
    rows = tuple((int(side), float(fade), float(settle)) for side, fade, settle in schedule)
    sides = [side for side, _, _ in rows]
    if not sides or sides[-1] != resolution or any(b != 2 * a for a, b in pairwise(sides)):
        raise ValueError(f"schedule of {sides} px: must double from row to row and end at {resolution}")
    if any(not (math.isfinite(time) and time >= 0) for row in rows for time in row[1:]):
        raise ValueError(f"schedule {rows}: times are kimg, 0 or more")
    if rows[0][1]:
        raise ValueError(f"schedule: nothing comes before {sides[0]} px that it could fade in from; give 0 kimg")
    return rows


def growth_at(schedule: Sequence[Row], images_seen: int) -> tuple[int, float]:
    """Stage (0 = 4x4) and alpha in [0, 1] after so many images; alpha is 1 outside fades."""
    left = images_seen / 1000
    for side, fade, settle in schedule:
        if left < fade:
            return doublings(side), left / fade
        if left < fade + settle:
            break
        left -= fade + settle
    return doublings(side), 1.0


def even_schedule(first: int, resolution: int, kimg: float) -> tuple[Row, ...]:
    """The papers' schedule: every fade and every rest takes `kimg`."""
    sides = [first * 2**step for step in range(doublings(resolution) - doublings(first) + 1)]
    return tuple((side, kimg if side > first else 0.0, kimg) for side in sides)


class Growth(nn.Module):
    """How far a network has grown, as buffers: saved with it. Fully grown until told otherwise."""

    def __init__(self, stages: int):
        super().__init__()
        self.last = stages - 1
        self.register_buffer("stage", torch.tensor(self.last))
        self.register_buffer("alpha", torch.tensor(1.0))

    def now(self) -> tuple[int, float]:
        """Stage (0 = 4x4), and alpha: the weight of its own layers against those of the stage before."""
        if self.stage.is_meta:
            return self.last, 1.0
        return int(self.stage), float(self.alpha)

    def set(self, stage: int, alpha: float) -> None:
        self.stage.fill_(stage)
        self.alpha.fill_(alpha)


def enlarged(images: Tensor, side: int) -> Tensor:
    """(N, C, H, H) → (N, C, side, side) by repeating pixels."""
    return images if images.shape[-1] == side else F.interpolate(images, (side, side))


def shrunk(images: Tensor, side: int) -> Tensor:
    """(N, C, H, H) → (N, C, side, side) by averaging pixels."""
    return images if images.shape[-1] == side else F.avg_pool2d(images, images.shape[-1] // side)


def blend(before: Tensor, now: Tensor, alpha: float) -> Tensor:
    """What the stage before makes, (N, C, R / 2, R / 2) or (N, C, R, R), and what this one makes, (N, C, R, R)."""
    return enlarged(before, now.shape[-1]).to(now.dtype).lerp(now, alpha)


def seen(photos: Tensor, stage: int, alpha: float) -> Tensor:
    """Full photos (N, C, R, R) as the discriminator sees them now: at the stage's resolution, faded as fakes are."""
    photos = shrunk(photos, 4 * 2**stage)
    return photos if alpha == 1 else blend(shrunk(photos, 2 * 2**stage), photos, alpha)
