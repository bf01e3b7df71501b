"""The measures. `BENCHMARKS` is all of them: what each answers, and the module that measures it.

To add one: a file with a `measure(...) -> Result`, a line here, and its command in app/commands/bench.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Benchmark:
    """One benchmark, by name; its module is imported only when it runs."""

    name: str
    question: str
    module: str


BENCHMARKS = (
    Benchmark("detection", "How well do detectors and verdict tell the classes apart?", "benchmarks.detection"),
    Benchmark("generalization", "What carries from one generator to another?", "benchmarks.generalization"),
    Benchmark("robustness", "What is left of them after JPEG, resizing, re-posting?", "benchmarks.robustness"),
    Benchmark("attacks", "What is left of them when finished pictures are changed to pass?", "benchmarks.attacked"),
    Benchmark("red-queen", "What does an arms race do to detectors, round by round?", "benchmarks.red_queen"),
    Benchmark("fidelity", "How near are a generator's pictures to photos, and how varied?", "benchmarks.fidelity"),
    Benchmark("calibration", "Do the verdict's numbers and words mean what they say?", "benchmarks.calibration"),
    Benchmark("throughput", "How many pictures a second are inspected, made, learned from?", "benchmarks.throughput"),
)
