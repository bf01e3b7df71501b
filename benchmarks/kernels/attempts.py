"""One row after another: what goes wrong in one is written in its place, and takes no other row with it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import torch

Found = TypeVar("Found")
LONGEST = 160  # characters of an error


@dataclass(frozen=True)
class Failed:
    """In place of a figure: why there is none."""

    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class Attempts:
    """`ends`: after this time.monotonic() nothing is begun. `say` is told each row and what came of it."""

    ends: float
    say: Callable[[str], None] = lambda line: None

    def __call__(self, name: str, work: Callable[[], Found]) -> Found | Failed:
        """What `work` returns, or the first line of its error. What it held of a GPU is free afterwards."""
        if time.monotonic() >= self.ends:
            return Failed("not run: time was up")
        began, wrong = time.monotonic(), None
        try:
            found: Found | Failed = work()
        except Exception as error:  # whatever it is, the next row may do
            wrong = told(error)
        if wrong is not None:  # outside of `except`: the error holds on to tensors
            found = Failed(wrong)
            gc.collect()
        free()
        self.say(f"{name}: {line(found)} ({time.monotonic() - began:.1f} s)")
        return found


def line(found: object) -> str:
    """A figure in a line; what else was made is only said to be there."""
    text = f"{found:.4g}" if isinstance(found, float) else str(found)
    return text if len(text) <= LONGEST and "\n" not in text else "done"


def told(error: Exception) -> str:
    """The first line of what went wrong."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return "out of memory"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"failed: {lines[0] if lines else type(error).__name__}"[:LONGEST]


def free() -> None:
    """Hand cached memory back, so that the next row finds all of it."""
    with suppress(Exception):  # a GPU that is lost says so in each row
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
