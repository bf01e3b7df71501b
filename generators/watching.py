"""What a person sees of a run: a progress line on standard error, and log.jsonl."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text
from torch import Tensor

from forensics.refusal import Refusal
from forensics.saving import write_at_once

if TYPE_CHECKING:
    from generators.plan import Plan
    from generators.snapshots import Place

EVERY = 5.0  # seconds between looks: reading losses off a GPU makes it wait


class Watch:
    """Shows and logs a run. Use as a context."""

    def __init__(self, out: Path):
        self.log = out / "log.jsonl"
        self.console = Console(stderr=True)
        # What matters most comes first: a narrow terminal cuts the line's end off.
        columns = (
            TextColumn("{task.description}"),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}"),
        )
        self.progress = Progress(*columns, console=self.console, speed_estimate_period=120)
        self.task = self.progress.add_task("reading photos", told="", total=None)
        self.looked, self.images, self.steps = 0.0, 0, 0

    def __enter__(self) -> Watch:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def say(self, line: str) -> None:
        self.progress.console.print(Text(line), soft_wrap=True)

    def decoding(self, done: int, total: int) -> None:
        self.progress.update(self.task, completed=done, total=total)

    def begin(self, place: Place, plan: Plan) -> None:
        """Forget what the log says of steps after `place`: they are taken again."""
        self.looked, self.images = time.monotonic(), place.images_seen
        self.progress.reset(self.task, description=plan.family, total=plan.kimg * 1000, completed=place.images_seen)
        if self.log.exists():
            lines = self.log.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= place.step]
            write_at_once(self.log, "".join(kept))

    def look(self, place: Place, measures: Mapping[str, Tensor]) -> None:
        """Every few seconds: read the measures, show and log them. Raises Refusal when training diverged."""
        now = time.monotonic()
        first = place.step == 1
        if now - self.looked < EVERY and not first:
            return
        values = {name: round(float(value), 4) for name, value in measures.items()}
        pace = (place.images_seen - self.images) / max(now - self.looked, 1e-6)
        self.looked, self.images = now, place.images_seen
        row = {"step": place.step, "kimg": round(place.images_seen / 1000, 3), "images/s": round(pace, 1), **values}
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        watched = [f"{name} {value:.2f}" for name, value in values.items()]
        told = " · ".join([f"{row['kimg']:.1f} kimg", f"{pace:.0f} images/s", *watched])
        self.progress.update(self.task, completed=place.images_seen, told=told)
        if not self.console.is_terminal:
            self.say(told)
        if not all(math.isfinite(value) for value in values.values()):
            raise Refusal(f"training diverged ({told}); earlier snapshots are kept, try a lower lr")
