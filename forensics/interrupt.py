"""Ctrl-C at a moment that long work can go on from: the step at hand is finished first."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def patient_interrupt() -> Iterator[Callable[[], bool]]:
    """Within it, the first Ctrl-C (or SIGTERM) is only noted; a second one raises KeyboardInterrupt at once.

    Yields what says whether one was noted: ask it after each step, save, and raise KeyboardInterrupt.
    Outside the main thread nothing is noted: whoever runs that thread handles signals.
    """
    noted: list[int] = []

    def note(number: int, _: object) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread
        before = {}
    try:
        yield lambda: bool(noted)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
