"""In which type of number a run computes, and what must be computed in full whatever it asks for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


def at_precision(precision: str, device: torch.device) -> torch.autocast:
    """A context in which convolutions and matrix products are computed as a run asks: fp32, bf16 or fp16."""
    dtype = AUTOCAST.get(precision)
    return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)


def in_full(x: Tensor) -> AbstractContextManager:
    """A context in which nothing on x's device is computed in a smaller type than its inputs have.

    The meta device has no autocast, and torch raises when it is switched off there.
    """
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


def in_float16(x: Tensor) -> bool:
    """Whether a convolution of x is computed in float16, whose largest number is 65504."""
    if x.dtype == torch.float16 or x.is_meta:
        return x.dtype == torch.float16
    kind = x.device.type
    return torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) == torch.float16
