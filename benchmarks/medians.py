"""The middle of repeated measurements, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from benchmarks.table import Measure


def middle(values: Sequence[float]) -> Measure:
    """The median, and between two of the values its 95 % interval, whatever they are spread like (sign test).

    Fewer than six values have none.
    """
    ordered, n = sorted(values), len(values)
    below = [2 * sum(math.comb(n, i) for i in range(k)) / 2**n for k in range(n // 2 + 1)]
    k = max(k for k, missed in enumerate(below) if missed <= 0.05)
    return Measure(median(ordered), *((ordered[k - 1], ordered[n - k]) if k else (None, None)), n)


def rate(took: Measure, much: float = 1.0) -> Measure:
    """How much a second, of something of which `much` takes `took` seconds."""
    return Measure(much / took.value, took.high and much / took.high, took.low and much / took.low, took.n)


def times(measured: Measure, factor: float) -> Measure:
    """The same in another unit."""
    low, high = (None if end is None else end * factor for end in (measured.low, measured.high))
    return Measure(measured.value * factor, low, high, measured.n)
