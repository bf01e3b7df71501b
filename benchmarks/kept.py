"""What an interrupted benchmark goes on from: a folder of its own, files that grow by a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forensics.refusal import Refusal
from forensics.saving import writing


@contextmanager
def kept_in(folder: Path, what: str) -> Iterator[None]:
    """Makes the folder. Raises Refusal where that, or what the block does in it, cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise Refusal(f"{folder}: {what} cannot be kept there ({error.strerror}); pass --out") from None


class Lines:
    """A file of JSON values, a line each. A line that was cut off costs itself alone."""

    def __init__(self, path: Path):
        self.path = path
        self.cut_off = False  # whether the last line is: what comes next needs a line of its own

    def read(self, what: str) -> Iterator[object]:
        """All values, of which `what` tells a user. Raises Refusal as `kept_in` does."""
        with kept_in(self.path.parent, what):
            text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""
        self.cut_off = bool(text) and not text.endswith("\n")
        for line in text.split("\n"):
            try:
                yield json.loads(line)
            except ValueError:
                continue  # cut off, or no line of ours

    def add(self, value: object) -> None:
        line = json.dumps(value, ensure_ascii=False, allow_nan=False)
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * self.cut_off + line + "\n")
        self.cut_off = False
