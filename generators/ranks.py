"""The processes that train together under `torchrun`: which one this is, and what the others measured.

A step's work is cut into microbatches, numbered; process r of W takes those numbered r, r + W, ... What
follows from all of them in order, a running mean say, is the same whoever computed them.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed


def rank() -> int:
    """Number of this process, from 0; 0 when it trains alone."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def in_order(value: Tensor) -> list[Tensor]:
    """What every process has for its current microbatch, in the order of microbatches, without gradients.

    All processes must call it the same number of times; shapes must agree.
    """
    value = value.detach()
    if world() == 1:
        return [value]
    found = [torch.empty_like(value) for _ in range(world())]
    distributed.all_gather(found, value.contiguous())
    return found
