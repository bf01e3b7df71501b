"""How long each operation takes, by its kernel and by its twin, beside the floor that copying sets.

Floor: the fewest bytes (ops.py) over the bandwidth of a large copy within the GPU's memory, measured first, bytes
read and written both counted. Inputs rotate among so many buffers that together they are three times the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.kernels.asked import Asked
from benchmarks.kernels.attempts import Attempts, Failed
from benchmarks.kernels.clock import Clock
from benchmarks.kernels.correctness import LAYOUTS
from benchmarks.kernels.machine import Machine
from benchmarks.kernels.ops import CASES, Case
from benchmarks.medians import rate
from benchmarks.table import Measure
from generators.ops.cuda.kernel import NUMBERS

DTYPES = (torch.float16, torch.bfloat16, torch.float32)
MOST_BUFFERS = 24
HEAD = 16  # copies, each of the better part of a millisecond, while which Python queues what is timed


@dataclass(frozen=True)
class Grounds:
    """`sizes`: bytes of the larger of input and output; `copied`: bytes that a copy reads."""

    sizes: tuple[int, ...]
    channels: int
    side: int
    copied: int


LARGE = Grounds((64 * 2**20, 512 * 2**20), 128, 256, 2**30)
SMALL = Grounds((64 * 2**10,), 8, 16, 2**20)


@dataclass(frozen=True)
class Copied:
    """Bytes a second of a large copy, those read and those written."""

    rate: Measure | Failed


@dataclass(frozen=True)
class Taken:
    """Seconds of a call, and the fewest bytes that it moves."""

    took: Measure
    moved: int

    def __str__(self) -> str:
        return f"{self.took.value * 1e6:.1f} µs, {self.moved / self.took.value / 1e9:.0f} GB/s"


@dataclass(frozen=True)
class Timed:
    """`size`: bytes of the larger of input and output, about. Without a GPU `kernel` is of the twin too."""

    case: Case
    size: int
    dtype: str
    layout: str
    kernel: Taken | Failed
    twin: Taken | Failed


def op_times(asked: Asked, attempt: Attempts) -> Iterator[Copied | Timed]:
    grounds, cache = (SMALL if asked.small else LARGE), 3 * Machine.here(asked).cache
    torch.manual_seed(0)
    bench = attempt("buffers", lambda: Bench.on(asked, grounds, 0 if asked.small else cache))
    if isinstance(bench, Failed):
        yield Copied(bench)
        return
    yield Copied(attempt("copying", bench.bandwidth))
    what = "kernel" if asked.gpu else "twin (no GPU)"
    for size in reversed(grounds.sizes):  # the largest are those that aims are for
        for dtype in DTYPES:
            for layout in LAYOUTS:
                for case in CASES:
                    name = f"{case.name}, {size / 2**20:g} MiB, {NUMBERS[dtype]}, {layout}"
                    make = partial(bench.figure, case, size, dtype, layout)
                    kernel = attempt(f"{what}, {name}", partial(make, by_kernel=asked.gpu))
                    twin = attempt(f"twin, {name}", partial(make, by_kernel=False))
                    yield Timed(case, size, NUMBERS[dtype], layout, kernel, twin)


@dataclass(frozen=True)
class Bench:
    """Two large buffers to copy between, and a clock that keeps the GPU busy with them. `cache`: bytes to exceed."""

    device: str
    grounds: Grounds
    cache: int
    source: torch.Tensor
    target: torch.Tensor
    clock: Clock

    @classmethod
    def on(cls, asked: Asked, grounds: Grounds, cache: int) -> Bench:
        source = torch.randn(grounds.copied // 4, device=asked.device)
        target = torch.empty_like(source)

        def busy() -> None:
            for _ in range(HEAD):
                target.copy_(source)

        clock = Clock(asked.gpu, asked.seconds, busy if asked.gpu else lambda: None)
        return cls(asked.device, grounds, cache, source, target, clock)

    def bandwidth(self) -> Measure:
        """Bytes a second, read and written."""
        took = self.clock.turns([lambda: self.target.copy_(self.source)])
        return rate(took, self.source.nbytes + self.target.nbytes)

    def figure(self, case: Case, size: int, dtype: torch.dtype, layout: str, by_kernel: bool) -> Taken:
        height, width = case.inside(self.grounds.side)
        order = torch.contiguous_format if layout == LAYOUTS[0] else torch.channels_last
        n = max(1, size // (dtype.itemsize * self.grounds.channels * self.grounds.side**2))

        def made():
            x = torch.empty(
                (n, self.grounds.channels, height, width), dtype=dtype, device=self.device, memory_format=order
            )
            return case.make(x.normal_(), by_kernel)

        ready = [made()]
        wanted = -(-self.cache // ready[0].bytes_read())
        ready += [made() for _ in range(min(max(wanted, 2), MOST_BUFFERS) - 1)]
        return Taken(self.clock.turns([one.call for one in ready]), ready[0].bytes_moved())
