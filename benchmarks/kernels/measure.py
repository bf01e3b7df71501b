"""One run, section by section. What is measured is on disk after each, and when a run is broken off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kernels.aims import Row
from benchmarks.kernels.asked import Asked
from benchmarks.kernels.attempts import Attempts, told
from benchmarks.kernels.compiled import compiled
from benchmarks.kernels.correctness import correctness
from benchmarks.kernels.figure import draw
from benchmarks.kernels.machine import Machine, stamped
from benchmarks.kernels.networks import networks
from benchmarks.kernels.op_times import op_times
from benchmarks.kernels.tables import tables_of
from benchmarks.kernels.training import training
from benchmarks.stamp import Stamp
from benchmarks.table import Result, as_png

SHOWN = ("aims", "networks", "pictures", "training")  # tables that are printed; all are in the files


@dataclass(frozen=True)
class Section:
    """The word after --only, and what measures row after row."""

    name: str
    rows: Callable[[Asked, Attempts], Iterator[Row]]


ALL = (
    Section("correctness", correctness),
    Section("ops", op_times),
    Section("networks", networks),
    Section("training", training),
    Section("compile", compiled),
)


def measure(asked: Asked, out: Path, say: Callable[[str], None] = lambda line: None) -> tuple[Result, Path]:
    """Run what is asked for; returns the result and where its JSON lies in `out`.

    say(line) is told each row as it comes. Raises Refusal, before the work, where `out` can't be written.
    """
    machine = Machine.here(asked)
    stamp = stamped(asked, machine)
    attempt = Attempts(time.monotonic() + 60 * asked.minutes, say)
    rows: list[Row] = []
    broken: list[str] = []
    done: list[str] = []
    book = Book(Path(out))

    def write() -> tuple[Result, Path]:
        left = [name for name in asked.sections if name not in done]
        result = result_of(rows, asked, machine, stamp, broken, left)
        return result, book.write(result)

    written = write()
    for section in ALL:
        if section.name not in asked.sections:
            continue
        try:
            for row in section.rows(asked, attempt):
                rows.append(row)
        except Exception as error:  # between rows; what the others found is kept
            broken.append(f"{section.name} broke off: {told(error)}")
            say(broken[-1])
        except BaseException:  # Ctrl-C, or the end of a time limit
            write()
            raise
        done.append(section.name)
        written = write()
    return written


def result_of(
    rows: Sequence[Row], asked: Asked, machine: Machine, stamp: Stamp, broken: Sequence[str], left: Sequence[str]
) -> Result:
    warnings = list(broken)
    if left:
        warnings.append(f"Not finished: {', '.join(left)}.")
    if not asked.gpu:
        warnings.append("No GPU: no kernel ran. These figures show that the benchmark works, and nothing of kernels.")
    elif asked.small:
        warnings.append("Small mode: the tensors are too small for a GPU. These figures say nothing of its speed.")
    figures: dict[str, bytes] = {}
    try:
        if drawn := draw(rows, machine.name, asked.gpu):
            figures["ops"] = as_png(drawn)
    except Exception as error:  # a bare machine without matplotlib, or with another: its numbers are what counts
        warnings.append(f"No figure: {told(error)}.")
    tables = tables_of(rows, asked.gpu, asked.gpu and not asked.small)
    title = f"Kernels, {machine.name}"
    return Result(f"kernels-{machine.slug}", title, tables, stamp, figures, tuple(warnings))


@dataclass
class Book:
    """Where a run's result lies. What it wrote before gives way to what it writes now; nothing else is touched."""

    folder: Path
    written: Path | None = None

    def write(self, result: Result) -> Path:
        """Raises Refusal where it can't."""
        before, self.written = self.written, result.save(self.folder)
        if before is not None:
            for path in self.folder.glob(f"{before.stem}.*"):
                path.unlink(missing_ok=True)
        return self.written
