"""Every kernel in every type and layout beside its twin, over a set of shapes: generators/ops/checkup.py does it.

A figure is the largest difference of values, first and second gradients, in roundings of the type to the twin's
largest number; the twin computes in float64. Where no kernel can run, the twin itself, in the type, takes its place:
that shows that this code works, and nothing of kernels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from benchmarks.kernels.asked import Asked
from benchmarks.kernels.attempts import Attempts, Failed
from generators.ops import checkup
from generators.ops.cuda.kernel import NUMBERS, Kernel

SHAPES = (
    *checkup.SHAPES,  # whole packs; odd
    (1, 1, 4, 4),  # one channel
    (3, 8, 17, 31),  # packs along channels alone
    (2, 32, 64, 64),  # a layer
)
MANY = (1, 3, 2367, 2369)  # more elements than there are threads: each of them has to go round
LAYOUTS = ("NCHW", "channels last")


@dataclass(frozen=True)
class Checked:
    """A kernel in a type and a layout: how far from its twin it is."""

    kernel: str
    dtype: str
    layout: str
    roundings: float | Failed


def correctness(asked: Asked, attempt: Attempts) -> Iterator[Checked]:
    for kernel in checkup.CASES:
        for dtype, named in NUMBERS.items():
            for last, layout in enumerate(LAYOUTS):
                work = partial(furthest, kernel, dtype, last, asked)
                name = f"correctness, {kernel.entry} {named} {layout}"
                yield Checked(kernel.entry, named, layout, attempt(name, work))


def furthest(kernel: Kernel, dtype: torch.dtype, last: int, asked: Asked) -> float:
    """Of all cases and shapes. The largest shape is for float32 alone: indices don't depend on the type."""
    cases = [case if asked.gpu else partial(by_twin, case) for case in checkup.CASES[kernel]]
    pairs = [(case, shape) for case in cases for shape in (checkup.SHAPES if asked.small else SHAPES)]
    if not asked.small and dtype == torch.float32:
        pairs.append((cases[0], MANY))
    return max(checkup.apart(case, shape, last, dtype, asked.device) for case, shape in pairs)


def by_twin(case: checkup.Case, x: Tensor, by_kernel: bool) -> Tensor:
    """Without a GPU: the twin in the kernel's place."""
    return case(x, by_kernel=False)
