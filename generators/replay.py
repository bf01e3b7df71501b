"""CUDA graphs: a function's launches, recorded once for each shape, then replayed at once.

A small network keeps a GPU waiting for Python: its kernels take less time than starting them. A replay starts all of
them with one call. What a function does in Python is not repeated: it must draw its random numbers on the GPU (a
replay draws new ones, those that the seed gives), take no decision by a tensor's value, and keep no count.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from generators.ops.choice import KERNELS_MAY_RUN

Result = TypeVar("Result")
WARM = 2  # calls before the recorded one: libraries make plans, kernels are compiled


@dataclass
class Recording(Generic[Result]):
    """What is known of one set of shapes: calls so far, and once recorded, where inputs go and the result lies."""

    calls: int = 0
    graph: torch.cuda.CUDAGraph | None = None
    inputs: tuple[Tensor | None, ...] = ()
    result: Result | None = None


class Replay(Generic[Result]):
    """`of`, called with tensors (or None) on one GPU. On the CPU, `of` itself.

    Each set of shapes, types, layouts and precision is recorded at its third call; each call runs exactly once, so
    what `of` changes (a running mean) changes as often as without. **What comes back lies in the graph's memory: the
    next call overwrites it**, clone what you keep. Where recording fails, it is said once and `of` runs as it is.
    """

    def __init__(self, of: Callable[..., Result]):
        self.of = of
        self.recordings: dict[tuple, Recording[Result]] = {}
        self.pool: tuple[int, int] | None = None  # memory that recordings share: they never run at once
        self.off = False

    def __call__(self, *inputs: Tensor | None) -> Result:
        first = next((x for x in inputs if x is not None), None)
        if self.off or first is None or not on_gpu(first):
            return self.of(*inputs)
        recording = self.recordings.setdefault(key_of(inputs, first.device.type), Recording())
        recording.calls += 1
        if recording.graph is None and recording.calls > WARM and not self.record(recording, inputs):
            return self.of(*inputs)
        if recording.graph is None:
            return aside(self.of, inputs, first.device)
        for kept, given in zip(recording.inputs, inputs, strict=True):
            if kept is not None:
                kept.copy_(given)
        recording.graph.replay()
        return recording.result

    def record(self, recording: Recording[Result], inputs: tuple[Tensor | None, ...]) -> bool:
        """Whether it could be recorded. Recording computes nothing."""
        graph = torch.cuda.CUDAGraph()
        self.pool = self.pool or torch.cuda.graph_pool_handle()
        kept = tuple(None if x is None else x.detach().clone() for x in inputs)
        try:
            with torch.cuda.graph(graph, pool=self.pool):
                result = self.of(*kept)
        except RuntimeError as error:
            self.off = True
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            warnings.warn(f"no CUDA graph, launches go one by one: {why}", RuntimeWarning, stacklevel=3)
            return False
        recording.graph, recording.inputs, recording.result = graph, kept, result
        return True


def on_gpu(x: Tensor) -> bool:
    return x.is_cuda


def aside(of: Callable[..., Result], inputs: tuple[Tensor | None, ...], device: torch.device) -> Result:
    """Off the default stream, where what warms up for a recording has to run."""
    here, side = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    side.wait_stream(here)
    with torch.cuda.stream(side):
        result = of(*inputs)
    here.wait_stream(side)
    return result


def key_of(inputs: tuple[Tensor | None, ...], kind: str) -> tuple:
    """All that decides which launches a function makes, as far as can be seen from outside."""
    shapes = tuple(None if x is None else (x.shape, x.stride(), x.dtype, x.device) for x in inputs)
    autocast = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
    return shapes, autocast, torch.is_grad_enabled(), torch.is_inference_mode_enabled(), KERNELS_MAY_RUN.get()
