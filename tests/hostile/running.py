"""Files through the workers of `forensics scan`, each with its time, its memory and whatever went wrong inside."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from forensics.crew import MEMORY, Crew, Lost
from forensics.scan import Examiners, beside, examine
from tests.hostile.mutants import Mutant

PATIENCE = 10.0  # seconds


@dataclass(frozen=True)
class Seen:
    """What a worker tells of one file."""

    conclusion: str | None
    reason: str | None
    seconds: float
    peak: int  # bytes
    traces: tuple[str, ...]  # of exceptions that were caught as mistakes of ours


@dataclass(frozen=True)
class Outcome:
    name: str
    format: str
    mutation: str
    conclusion: str | None
    reason: str | None
    seconds: float
    peak: int
    failure: str | None

    @property
    def kind(self) -> str:
        return "FAILED" if self.failure else "verdict" if self.conclusion else "unreadable"


class Caught(logging.Handler):
    """Keeps the exceptions that are logged."""

    def __init__(self):
        super().__init__()
        self.traces: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.traces.append("".join(traceback.format_exception(*record.exc_info)[-3:]))


def watched(folder: Path, examiners: Examiners, file: str) -> Seen:
    """`forensics.scan.examine`, in a worker, timed and weighed."""
    caught = Caught()
    logging.getLogger().addHandler(caught)
    fresh_peak()
    start = time.monotonic()
    try:
        row = examine(folder, examiners, file)
    finally:
        logging.getLogger().removeHandler(caught)
    seconds = time.monotonic() - start
    return Seen(row.get("conclusion"), row["reason"], seconds, peak(), tuple(caught.traces))


def fresh_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def run(
    mutants: Iterable[Mutant], load: Callable[[], Examiners], workers: int = 1
) -> Iterator[tuple[Mutant, Outcome]]:
    """Every mutant with its outcome. A file lies on disk only while it is looked at."""
    with TemporaryDirectory() as place:
        folder, waiting = Path(place), dict[str, Mutant]()

        def written() -> Iterator[str]:
            for i, mutant in enumerate(mutants):
                file = f"{i:06d}{mutant.suffix}"
                (folder / file).write_bytes(mutant.data)
                waiting[file] = mutant
                yield file

        with Crew(partial(beside, folder, load), workers, PATIENCE, MEMORY) as crew:
            for file, answer in crew.map(partial(watched, folder), written()):
                (folder / file).unlink()
                mutant = waiting.pop(file)
                yield mutant, outcome(mutant, answer)


def outcome(mutant: Mutant, answer: Seen | Lost) -> Outcome:
    about = (mutant.name, mutant.format, mutant.mutation)
    if isinstance(answer, Lost):
        return Outcome(*about, None, answer.why, PATIENCE, 0, answer.why)
    told = (answer.conclusion, answer.reason, answer.seconds, answer.peak)
    return Outcome(*about, *told, failure(answer))


def failure(seen: Seen) -> str | None:
    if seen.traces:
        return seen.traces[0]
    if not seen.conclusion and not seen.reason:
        return "neither a verdict nor a reason"
    if seen.reason and seen.reason.startswith("the examination failed"):
        return seen.reason
    if seen.seconds > PATIENCE or seen.peak > MEMORY:
        return f"{seen.seconds:.1f} s, {seen.peak / 2**20:,.0f} MiB"
    return None
