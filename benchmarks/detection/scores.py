"""What is already known: a file that grows by a line an examination, so that an interrupted benchmark goes on.

One file for each laundering and seed. Everybody's answers are kept apart, under a key that says who they are and
what they were computed with: a new photo, or a new examiner, costs only what is new. A line:

    {"photo": "<sha256>", "said": {"spectrum@1f0c…": {"score": 1.25}, "verdict@9a7e…": {"conclusion": …}, …}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from forensics.refusal import Refusal

Row = Mapping[str, object]  # an answer; empty where there was none to be had


class Scores:
    """`rows`: a photo's key → an examiner's key → its answer.

    A photo's key is its sha256, with "-grey" where it was examined without its colour, and its shape where it was
    brought to one.
    """

    def __init__(self, folder: Path, name: str):
        self.path = folder / f"scores-{name}.jsonl"
        self.rows: dict[str, dict[str, Row]] = {}
        self.cut_off = False  # whether the last line is: what comes next needs a line of its own
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._read()
        except OSError as error:
            raise Refusal(f"{folder}: scores cannot be kept there ({error.strerror}); pass --out") from None

    def of(self, photo: str) -> Mapping[str, Row]:
        return self.rows.get(photo, {})

    def add(self, photo: str, said: Mapping[str, Row]) -> None:
        self.rows.setdefault(photo, {}).update(said)
        line = json.dumps({"photo": photo, "said": said}, ensure_ascii=False, allow_nan=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * self.cut_off + line + "\n")
        self.cut_off = False

    def _read(self) -> None:
        if not self.path.exists():
            return
        text = self.path.read_text(encoding="utf-8", errors="replace")
        self.cut_off = bool(text) and not text.endswith("\n")
        for line in text.split("\n"):
            try:
                kept = json.loads(line)
                photo, said = str(kept["photo"]), {str(who): dict(row) for who, row in kept["said"].items()}
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # cut off, or no line of ours
            self.rows.setdefault(photo, {}).update(said)
