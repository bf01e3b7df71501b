"""What a person sees of a run: a progress line on standard error, log.jsonl, and TensorBoard's files.

log.jsonl has a row every few seconds (means of the phases' measures since the row before), one a snapshot, and
one a warning. A run that goes on from a snapshot takes back what was written after it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text
from torch import Tensor

from forensics.refusal import Refusal
from forensics.saving import write_at_once, writing
from generators.events import Events

if TYPE_CHECKING:
    from generators.plan import Plan
    from generators.snapshots import Place

EVERY = 5.0  # seconds between looks: reading losses off a GPU makes it wait
SHARES = {"D real", "D fake"}  # measures that are said as percentages
FIRST = ("ADA p", "r_t", "D real", "D fake")  # measures that are said before all others
CHANCE = "D real, D fake: photos and fakes that the discriminator tells rightly; 50 % means it cannot tell"


class Means:
    """Running means of scalars by name, kept where they are computed."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, measures: Mapping[str, Tensor]) -> None:
        for name, value in measures.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach()
            self.counts[name] = self.counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """The means since the last call."""
        means = {name: round(float(total) / self.counts[name], 4) for name, total in self.sums.items()}
        self.__init__()
        return means


class Watch:
    """Shows and logs a run. Use as a context."""

    def __init__(self, out: Path, shown: bool = True, console: Console | None = None):
        """Not `shown`: says and writes nothing, for all processes of a run but one."""
        self.out, self.shown, self.log = out, shown, out / "log.jsonl"
        self.console = console or Console(stderr=True, quiet=not shown)
        # Rich narrows all columns of a line that is too long; of this one only the measures give way, at their end.
        columns = (
            TextColumn("{task.description}"),
            TaskProgressColumn(table_column=Column(no_wrap=True)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[told]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        )
        self.progress = Progress(
            *columns, console=self.console, speed_estimate_period=120, disable=not shown, expand=True
        )
        self.task = self.progress.add_task("reading photos", told="", total=None)
        self.looked, self.images, self.explained = 0.0, 0, False
        self.lately, self.since_snapshot = Means(), Means()
        self.events: Events | None = None

    def __enter__(self) -> Watch:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def say(self, line: str) -> None:
        self.progress.console.print(Text(line), soft_wrap=True)

    def decoding(self, done: int, total: int) -> None:
        self.progress.update(self.task, completed=done, total=total)

    def begin(self, place: Place, plan: Plan) -> list[dict[str, Any]]:
        """Take back what was written of steps after `place`: they are taken again. Returns the log's rows."""
        self.looked, self.images = time.monotonic(), place.images_seen
        self.progress.reset(self.task, description=plan.family, total=plan.kimg * 1000, completed=place.images_seen)
        if not self.shown:
            return []
        self.events = Events(self.out, place.images_seen + 1)
        if not self.log.exists():
            return []
        rows, bad = read_rows(self.log)
        if bad:
            self.say(
                f"warning: {self.log}: left out what is no row of a log, {len(bad):,} lines; the first: {bad[0]}"
            )
        rows = [row for row in rows if row["step"] <= place.step]
        write_at_once(self.log, "".join(json.dumps(row) + "\n" for row in rows))
        return rows

    def look(self, place: Place, measures: Mapping[str, Tensor], last: bool = False) -> None:
        """Every few seconds, and after the last step: read the measures, show and log them.

        Raises Refusal when training diverged.
        """
        if not self.shown:
            return
        self.lately.add(measures)
        self.since_snapshot.add(measures)
        now = time.monotonic()
        if (now - self.looked < EVERY and place.step != 1 and not last) or not self.lately.sums:
            return
        values = self.lately.take()
        pace = (place.images_seen - self.images) / max(now - self.looked, 1e-6)
        self.looked, self.images = now, place.images_seen
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        self.write(place, {"images/s": round(pace, 1), **{n: finite.get(n, str(v)) for n, v in values.items()}})
        self.events.scalars({"images per second": pace, **finite}, place.images_seen)
        told = [f"{place.images_seen / 1000:.1f} kimg", f"{pace:.0f} images/s"]
        told += [worded(name, values[name]) for name in sorted(values, key=importance)]
        self.progress.update(self.task, completed=place.images_seen, told=" · ".join(told))
        if SHARES & values.keys() and not self.explained:
            self.say(CHANCE)
            self.explained = True
        if not self.console.is_terminal:
            self.say(" · ".join([*self.ahead(), *told]))
        if len(finite) < len(values):
            raise self.diverged(place, f"{', '.join(sorted(values.keys() - finite.keys()))} is not a number")

    def ahead(self) -> list[str]:
        """The share that is done, and the time left once there is a pace to tell it by."""
        (task,) = self.progress.tasks
        left = task.time_remaining
        return [f"{task.percentage:.0f}%", *([] if left is None else [f"{timedelta(seconds=int(left))} left"])]

    def snapshot(self, place: Place, path: Path, found: Mapping[str, float | str], grid: Path) -> None:
        """Log a snapshot, what was measured of its samples, and show them in TensorBoard."""
        self.write(place, {"snapshot": path.name, **found})
        numbers = {name: value for name, value in found.items() if not isinstance(value, str)}
        self.events.scalars(numbers, place.images_seen)
        self.events.picture("samples", grid, place.images_seen)

    def warn(self, place: Place, lines: Iterable[str]) -> None:
        """Show warnings and keep them in the log."""
        for line in lines:
            self.say(f"warning: {line}")
            self.write(place, {"warning": line})

    def diverged(self, place: Place, what: str) -> Refusal:
        """What to raise when numbers ran away; kept in the log as well."""
        line = (
            f"training diverged at step {place.step} ({what}): the lr is too high, or a loss weight is too large, or "
            "numbers left the precision"
        )
        self.write(place, {"warning": line})
        return Refusal(f"{line}; earlier snapshots are kept: try a lower lr, fp32 instead of fp16, or another seed")

    def write(self, place: Place, row: Mapping[str, Any]) -> None:
        with writing(self.log), open(self.log, "a", encoding="utf-8") as log:
            where = {"step": place.step, "kimg": round(place.images_seen / 1000, 3)}
            log.write(json.dumps({**where, **row}) + "\n")


def worded(name: str, value: float) -> str:
    return f"{name} {value:.0%}" if name in SHARES else f"{name} {value:.2f}"


def importance(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


def read_rows(log: Path) -> tuple[list[dict[str, Any]], list[int]]:
    """The rows of a log, and the numbers of lines that are none. A last line without its end is not counted: it
    was being written when the run was stopped.
    """
    rows, bad = [], []
    for number, line in enumerate(log.read_bytes().split(b"\n")[:-1], start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict) and type(row.get("step")) is int:
            rows.append(row)
        else:
            bad.append(number)
    return rows, bad
