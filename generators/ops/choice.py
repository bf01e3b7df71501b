"""Which implementation of an operation runs: its CUDA kernel, or the plain PyTorch that specifies it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Literal, get_args

import torch
from torch import Tensor

from generators.ops.cuda import kernel
from generators.ops.cuda.layout import DTYPES

Impl = Literal["auto", "cuda", "reference"]
KERNELS_MAY_RUN = ContextVar("kernels may run", default=True)


def takes_kernel(impl: Impl, x: Tensor, obstacle: str | None = None) -> bool:
    """Whether the kernel is to run on x. "auto" takes it where it can, and not while torch.compile looks on.

    `obstacle` says what about the other arguments no kernel can do. Raises ValueError when "cuda" is asked for
    and can't be had, and for an unknown `impl`.
    """
    if impl not in get_args(Impl):
        raise ValueError(f"impl {impl!r}: must be auto, cuda or reference")
    if impl == "reference" or (impl == "auto" and (torch.compiler.is_compiling() or not KERNELS_MAY_RUN.get())):
        return False
    if obstacle is None and x.dtype not in DTYPES:
        obstacle = f"there is no kernel for {x.dtype}"
    if obstacle is None and not kernel.available(x):
        obstacle = f"no CUDA kernel can run on {x.device}; `forensics doctor` says what was found"
    if impl == "cuda" and obstacle:
        raise ValueError(f"impl='cuda': {obstacle}; impl='reference' always works")
    return obstacle is None


def twins_only(wanted: bool = True) -> AbstractContextManager[None]:
    """Within, "auto" means the plain twins: a layer or a whole network without kernels, to compare with."""
    return without_kernels() if wanted else nullcontext()  # which torch.compile can look through


@contextmanager
def without_kernels() -> Iterator[None]:
    before = KERNELS_MAY_RUN.set(False)
    try:
        yield
    finally:
        KERNELS_MAY_RUN.reset(before)
