"""What is already known: a file that grows by a line an examination, so that an interrupted benchmark goes on.

One file for each laundering and seed. Everybody's answers are kept apart, under a key that says who they are and
what they were computed with: a new photo, or a new examiner, costs only what is new. A line:

    {"photo": "<sha256>", "said": {"spectrum@1f0c…": {"score": 1.25}, "verdict@9a7e…": {"conclusion": …}, …}}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.kept import Lines

Row = Mapping[str, object]  # an answer; empty where there was none to be had


class Scores:
    """`rows`: a photo's key → an examiner's key → its answer.

    A photo's key is its sha256, with "-grey" where it was examined without its colour, and its shape where it was
    brought to one.
    """

    def __init__(self, folder: Path, name: str):
        self.lines = Lines(folder / f"scores-{name}.jsonl")
        self.rows: dict[str, dict[str, Row]] = {}
        for kept in self.lines.read("scores"):
            try:
                photo, said = str(kept["photo"]), {str(who): dict(row) for who, row in kept["said"].items()}
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # no line of ours
            self.rows.setdefault(photo, {}).update(said)

    def of(self, photo: str) -> Mapping[str, Row]:
        return self.rows.get(photo, {})

    def add(self, photo: str, said: Mapping[str, Row]) -> None:
        self.rows.setdefault(photo, {}).update(said)
        self.lines.add({"photo": photo, "said": said})
