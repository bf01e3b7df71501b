"""What is already scored: a CSV that grows by a line a photo, so that an interrupted benchmark goes on.

One file for each panel, laundering and seed. A photo that could not be read has no conclusion.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from forensics.refusal import Refusal


class Scores:
    """`rows`: a photo's key → conclusion, log10_lr, facts about the photo and each detector's score, or None.

    The key is the photo's sha256, with "-grey" where it was examined without its colour.
    """

    def __init__(
        self,
        folder: Path,
        detectors: Sequence[str],
        versions: Mapping[str, object],
        launder: str,
        seed: int,
        facts: Sequence[str] = (),
    ):
        self.detectors = tuple(detectors)
        told = json.dumps([list(detectors), versions, launder, seed, list(facts)], sort_keys=True)
        self.path = folder / f"scores-{launder}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.csv"
        self.columns = ("sha256", "conclusion", "log10_lr", *facts, *detectors)
        self.rows: dict[str, dict[str, object]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._read()
        except OSError as error:
            raise Refusal(f"{folder}: scores cannot be kept there ({error.strerror}); pass --out") from None

    def _read(self) -> None:
        kept = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        whole = kept[: kept.rfind("\n") + 1] or ",".join(self.columns) + "\n"
        if whole != kept:  # a new file, or a last line that was cut off
            self.path.write_text(whole, encoding="utf-8")
        for row in csv.DictReader(whole.splitlines()):
            numbers = {name: float(row[name]) if row[name] else None for name in self.columns[2:]}
            self.rows[row["sha256"]] = {"conclusion": row["conclusion"], **numbers}

    def add(self, key: str, row: Mapping[str, object] | None) -> None:
        values = {name: (row or {}).get(name) for name in self.columns[1:]}
        self.rows[key] = values
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow([key, *values.values()])
