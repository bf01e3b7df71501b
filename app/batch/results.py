"""Rows of a batch, finished or not: read, put in order, filtered, taken along as CSV, JSON or Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.batch.store import Batch
from forensics.calibration import Calibration
from forensics.glimpse import NAME, WITHIN
from forensics.ledger import Ledger
from forensics.refusal import Refusal
from forensics.triage import Triage

if TYPE_CHECKING:
    import pyarrow

UNREADABLE = "unreadable"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute instead of show


@dataclass(frozen=True)
class Row:
    """What the page shows of a photo. `within`: what was validated; None where it is not known."""

    path: str
    sha256: str | None
    conclusion: str  # or "unreadable"
    reason: str | None
    log10_lr: float | None
    within: bool | None

    def first(self, triage: Triage | None) -> bool:
        return triage is not None and triage.first(self.conclusion, self.log10_lr, self.within)


def stored(batch: Batch) -> pyarrow.Table | None:
    """All rows that a file holds, the last of each path; None when there are none."""
    import pyarrow
    from pyarrow import parquet

    parts = Ledger(batch.ledger).parts
    tables = []
    for path in [batch.ledger, *sorted(parts.glob("*.parquet"))]:
        try:
            tables.append(parquet.read_table(path, memory_map=False))
        except (OSError, pyarrow.ArrowException):
            continue  # not there yet, just merged, or cut off
    if not tables:
        return None
    table = pyarrow.concat_tables(tables)
    last = {path: i for i, path in enumerate(table["path"].to_pylist())}
    return table.take([last[path] for path in sorted(last)])


def rows(table: pyarrow.Table | None) -> list[Row]:
    if table is None:
        return []
    columns = ["path", "sha256", "status", "conclusion", "reason", "log10_lr", WITHIN]
    found = []
    for row in table.select(columns).to_pylist():
        within = row[WITHIN]
        told = row["conclusion"] or UNREADABLE
        found.append(
            Row(
                row["path"],
                row["sha256"],
                told,
                row["reason"],
                row["log10_lr"],
                None if within is None else within > 0,
            )
        )
    return found


def ordered(found: Iterable[Row], triage: Triage | None) -> list[Row]:
    """The ones to look at first, the strongest first; then the others by the same number; unreadable ones last."""

    def key(row: Row) -> tuple:
        return not row.first(triage), row.log10_lr is None, -(row.log10_lr or 0), row.path

    return sorted(found, key=key)


def filtered(found: Sequence[Row], conclusions: Sequence[str], within: bool | None, text: str) -> list[Row]:
    """Empty filters let everything pass; `text` is looked for in names and reasons, in any case."""
    sought = text.casefold().strip()
    return [
        row
        for row in found
        if (not conclusions or row.conclusion in conclusions)
        and (within is None or bool(row.within) is within)
        and sought in f"{row.path}\n{row.reason or ''}".casefold()
    ]


def calibration_of(batch: Batch) -> Calibration | None:
    """The one that the rows were made with; None before the first was."""
    try:
        return Calibration.load(batch.glimpses / "calibration")
    except Refusal:
        return None


def chosen(table: pyarrow.Table, shown: Sequence[Row], triage: Triage | None) -> pyarrow.Table:
    """The ledger's rows of those that are shown, in their order, and what the page adds: a table to take along."""
    import pyarrow

    at = {path: i for i, path in enumerate(table["path"].to_pylist())}
    table = table.take([at[row.path] for row in shown])
    names = [name for name in table.column_names if not name.startswith(f"{NAME}.")]
    table = table.select(names).replace_schema_metadata(table.schema.metadata)
    table = table.append_column("within_validated", pyarrow.array([row.within for row in shown], pyarrow.bool_()))
    first = pyarrow.array([row.first(triage) for row in shown], pyarrow.bool_())
    return table.append_column("look_first", first)


def as_parquet(table: pyarrow.Table) -> bytes:
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(table, out)
    return out.getvalue()


def as_json(table: pyarrow.Table) -> str:
    return json.dumps(table.to_pylist(), indent=2, ensure_ascii=False) + "\n"


def as_csv(table: pyarrow.Table) -> bytes:
    """Text that a spreadsheet would take for a formula gets a ' before it."""
    import pyarrow
    from pyarrow import csv

    for i, column in enumerate(table.schema):
        if pyarrow.types.is_string(column.type):
            values = (
                value and f"'{value}" if (value or "").startswith(FORMULA) else value
                for value in table[i].to_pylist()
            )
            table = table.set_column(i, column, pyarrow.array(list(values), pyarrow.string()))
    out = io.BytesIO()
    csv.write_csv(table, out)
    return out.getvalue()
