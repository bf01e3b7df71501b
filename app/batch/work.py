"""The process that works on a batch: `python -m app.batch.work FOLDER`. It ends with the app that started it.

Rows are kept as they are done (forensics/ledger.py): killed in any way, the next one goes on from there.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from app.batch.store import Batch, find
from forensics.crew import cores
from forensics.glimpse import watched
from forensics.refusal import Refusal
from forensics.saving import write_at_once
from forensics.scan import Examiners, scan

WAITING, LOADING, SCANNING, DONE, REFUSED, FAILED = "waiting loading scanning done refused failed".split()
OFTEN = 0.4  # seconds between notes of progress


@dataclass
class Progress:
    """What the page is told, through a file."""

    state: str = WAITING
    done: int = 0
    total: int = 0
    kept: int = 0
    words: str = ""  # why it was refused
    passed_over: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, batch: Batch) -> Progress:
        try:
            return cls(**json.loads((batch.home / "progress.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()

    def save(self, batch: Batch) -> None:
        write_at_once(batch.home / "progress.json", json.dumps(asdict(self)))


def load() -> Examiners:
    from detectors import load_examiners

    return load_examiners()


def work(batch: Batch, load: Callable[[], Examiners] = load, workers: int | None = None) -> None:
    """Examine what is left to examine. Does nothing if another process is at it."""
    parent, said = os.getppid(), time.monotonic()
    progress = Progress()

    def watch(done: int, total: int, kept: int) -> None:
        nonlocal said
        if os.getppid() != parent:
            raise KeyboardInterrupt  # the app is gone
        progress.state, progress.done, progress.total, progress.kept = SCANNING, done, total, kept
        if time.monotonic() - said > OFTEN or done == total:
            progress.save(batch)
            said = time.monotonic()

    with suppress(BlockingIOError), locked(batch.home / "lock", patience=2):
        try:
            progress.save(batch)
            with turn(batch.home.parent / "turn", parent):
                progress.state = LOADING
                progress.save(batch)
                hold = partial(watched, load, batch.glimpses)
                summary = scan(Path(batch.photos), batch.ledger, hold, workers or max(1, cores() - 1), watch)
            progress.state, progress.passed_over = DONE, summary.passed_over[:1000]
        except KeyboardInterrupt:
            return
        except Refusal as refusal:
            progress.state, progress.words = REFUSED, str(refusal)
        except Exception as error:
            traceback.print_exc()
            progress.state, progress.words = FAILED, type(error).__name__
        progress.save(batch)


@contextmanager
def locked(path: Path, patience: float = 0) -> Iterator[None]:
    """Raises BlockingIOError when another process has it, and still has it after `patience` seconds."""
    until = time.monotonic() + patience  # one who only asks has it for a moment
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.1)
        yield


@contextmanager
def turn(path: Path, parent: int) -> Iterator[None]:
    """One batch at a time has the processors."""
    while True:
        with suppress(BlockingIOError), locked(path):
            yield
            return
        if os.getppid() != parent:
            raise KeyboardInterrupt
        time.sleep(0.3)


def main(load: Callable[[], Examiners] = load) -> None:
    with suppress(KeyboardInterrupt):
        batch = find(Path(sys.argv[1]).name)
        if batch:
            work(batch, load)


if __name__ == "__main__":
    main()
