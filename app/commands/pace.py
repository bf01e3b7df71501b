"""How fast a scan goes, and for how long yet: on its bar, or a line a minute where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

EVERY = 60.0  # seconds between two lines of a log


@dataclass
class Pace:
    """The rate counts from the first new row: neither loading nor checking earlier rows is scanning."""

    clock: Callable[[], float] = monotonic
    done: int = 0
    rate: float = 0.0  # new rows a second; 0 until two are there
    first: int = 0
    since: float = 0.0
    told: float = 0.0

    def row(self, done: int, kept: int) -> bool:
        """Counts a row; whether new ones have come yet."""
        self.done = done
        if done == kept:
            return False
        if not self.first:
            self.first, self.since = done, self.clock()
            self.told = self.since
        self.rate = (done - self.first) / max(self.clock() - self.since, 1e-3)
        return True

    def line(self, total: int) -> str | None:
        """What a log is told; None while it was told less than a minute ago."""
        if not self.rate or self.clock() - self.told < EVERY:
            return None
        self.told = self.clock()
        left = timedelta(seconds=round((total - self.done) / self.rate))
        return f"{self.done:,} of {total:,} files, {self.rate:.1f} a second, {left} left"
