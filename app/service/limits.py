"""What the service takes upon itself at most. What is over a limit is refused with its reason, never half done."""

from __future__ import annotations

from dataclasses import dataclass

from forensics.photo import MAX_PIXELS

MEGAPIXELS = MAX_PIXELS // 10**6  # refused when the photo is opened: 422, with the report that says so
LONGEST_NAME = 1000  # characters


@dataclass(frozen=True)
class Limits:
    """Of one service. Memory: at most `workers + waiting` photos of `most` bytes wait in the server."""

    most: int = 60 * 2**20  # bytes of one photo
    seconds: float = 120.0  # from a request's first byte to its answer: upload, waiting and examination
    workers: int = 1  # photos examined at once
    waiting: int = 8  # photos that may wait for a worker, or be on their way

    @property
    def seats(self) -> int:
        return self.workers + self.waiting
