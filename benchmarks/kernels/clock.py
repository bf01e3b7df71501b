"""How long one call takes: by CUDA events, in turns over buffers that no cache holds; on a CPU by its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from benchmarks.medians import middle
from benchmarks.table import Measure

FEWEST, MOST = 6, 60  # calls; six are the fewest whose median has a 95 % interval
FEWEST_LONG = 3  # of whole networks, which may take seconds
WARM = 4  # calls that don't count: kernels are compiled, memory is allocated


@dataclass(frozen=True)
class Clock:
    """`seconds` a figure, about. `busy` queues work that keeps a GPU so busy that it never waits for Python."""

    gpu: bool
    seconds: float
    busy: Callable[[], object] = lambda: None

    def turns(self, calls: Sequence[Callable[[], object]]) -> Measure:
        """Seconds of one call: median and 95 % interval. Calls take turns, and are alike but for their tensors.

        Results are kept for a round, so that outputs lie elsewhere each time too.
        """
        kept: list[object] = [None] * len(calls)
        for i in range(len(calls) + WARM):
            kept[i % len(calls)] = calls[i % len(calls)]()
        once = max(self.timed(calls, kept, 1)[0], 1e-9)
        count = round(min(max(self.seconds / once, FEWEST), MOST))
        self.busy()
        return middle(self.timed(calls, kept, count))

    def timed(self, calls: Sequence[Callable[[], object]], kept: list[object], count: int) -> list[float]:
        """Seconds of each of `count` calls, queued without waiting for any of them."""
        if not self.gpu:
            return [clocked(lambda i=i: calls[i % len(calls)](), False) for i in range(count)]
        marks = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(count)]
        for i, (start, end) in enumerate(marks):
            start.record()
            kept[i % len(calls)] = calls[i % len(calls)]()
            end.record()
        torch.cuda.synchronize()
        return [start.elapsed_time(end) / 1000 for start, end in marks]

    def whole(self, call: Callable[[], object], warm: int) -> Measure:
        """Seconds of one call of a whole network, Python's share included: the GPU is waited for each time.

        `warm` calls, at least 1, don't count; the last of them tells how many can be made.
        """
        for _ in range(warm):
            once = clocked(call, self.gpu)
        count = round(min(max(self.seconds / max(once, 1e-9), FEWEST_LONG), MOST))
        return middle([clocked(call, self.gpu) for _ in range(count)])


def clocked(call: Callable[[], object], gpu: bool) -> float:
    """Seconds from an idle GPU to an idle GPU."""
    if gpu:
        torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    if gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - start
