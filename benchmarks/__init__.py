"""The measures. `BENCHMARKS` is all of them, and what each answers. Each has a room of its own.

What they share: shots.py (photos), launder.py (the hands they go through), leakage.py and matching.py (what gives
classes away), kept.py (what an interrupted run goes on from), bootstrap.py, table.py and stamp.py (a result). To add
one: a room with a `measure(...) -> Result`, a line here, and its command in app/commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Watch = Callable[[str, int, int], None]  # is told what is done, how far, of how many


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: the word after `forensics bench`, and its question."""

    name: str
    question: str


BENCHMARKS = (
    Benchmark("detection", "How well do detectors and verdict tell the classes apart?"),
    Benchmark("generalization", "What carries from one generator to another?"),
    Benchmark("robustness", "What is left of them after JPEG, resizing, re-posting?"),
    Benchmark("attacks", "What is left when finished pictures are changed to pass?"),
    Benchmark("red-queen", "What does an arms race do to detectors, round by round?"),
    Benchmark("fidelity", "How near are a generator's pictures to photos, how varied?"),
    Benchmark("calibration", "Do the verdict's numbers and words mean what they say?"),
    Benchmark("throughput", "How many pictures a second are inspected, made, learned from?"),
    Benchmark("kernels", "Do CUDA kernels compute what plain PyTorch does, how fast?"),
)
