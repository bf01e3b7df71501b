"""A measured table for Streamlit's data grid: numbers as numbers, so that a click on a heading sorts by value.

A measure's interval stands beside its value as text. Neighbours that rest on the same photos share one column of n.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import streamlit as st

from app.measured import literal
from app.words import say
from benchmarks.table import Cell, Column, Measure, Table, digits, shown
from forensics.shown import plain

NARROWEST, WIDEST = 26, 420  # px of a column


@dataclass(frozen=True)
class Strip:
    """One column of the grid. `values`: all text, or all numbers and None."""

    heading: str
    about: str
    values: tuple[str | int | float | None, ...]

    @property
    def numeric(self) -> bool:
        return not any(isinstance(value, str) for value in self.values)

    @property
    def width(self) -> int:
        """px: of the heading or the longest text; long texts are cut."""
        texts = [digits(v) if isinstance(v, float) else str(v or "") for v in self.values]
        return min(NARROWEST + 7 * max(map(len, [self.heading, *texts])), WIDEST)

    @property
    def form(self) -> str:
        """Three decimals where all numbers are below 10; thousands set apart where not."""
        small = all(value is None or (isinstance(value, float) and abs(value) < 10) for value in self.values)
        return "%.3f" if small else "localized"


def sortable(table: Table) -> tuple[pa.Table, dict[str, object]]:
    """The grid's data and its columns' looks, by column: names there are numbers, as headings may repeat."""
    found = list(strips(table))
    data = pa.table({str(i): pa.array(strip.values) for i, strip in enumerate(found)})
    return data, {str(i): look(strip, pinned=i == 0) for i, strip in enumerate(found)}


def look(strip: Strip, pinned: bool) -> object:
    heading, about = plain(strip.heading), literal(strip.about) or None
    if strip.numeric:
        return st.column_config.NumberColumn(heading, width=strip.width, help=about, format=strip.form, pinned=pinned)
    return st.column_config.TextColumn(heading, width=strip.width, help=about, pinned=pinned)


def strips(table: Table) -> Iterator[Strip]:
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.columns)
    counts = [counted(cells) for cells in columns]
    sharing: list[str] = []  # names of the columns, so far, that the next column of n tells of
    for i, (column, cells) in enumerate(zip(table.columns, columns, strict=True)):
        yield Strip(column.heading, column.about, values_of(cells))
        between = tuple(interval(cell) for cell in cells)
        if any(between):
            yield Strip(say("benchmarks.interval"), say("benchmarks.interval_about", name=column.name), between)
        if counts[i]:
            sharing.append(column.name)
            if i + 1 == len(columns) or counts[i + 1] != counts[i]:
                yield Strip(say("benchmarks.n"), say("benchmarks.n_about", names=", ".join(sharing)), counts[i])
                sharing = []


def values_of(cells: Sequence[Cell]) -> tuple[str | int | float | None, ...]:
    """As numbers where all are."""
    if any(isinstance(cell, str) for cell in cells):
        return tuple(plain(shown(cell)) for cell in cells)
    return tuple(number(cell) for cell in cells)


def number(cell: Cell) -> int | float | None:
    """A measure's value; from 10 on no more digits than `digits` shows."""
    value = cell.value if isinstance(cell, Measure) else cell
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return None
    return float(digits(value).replace(",", "")) if isinstance(value, float) and abs(value) >= 10 else value


def interval(cell: Cell) -> str:
    if not isinstance(cell, Measure) or cell.low is None or cell.high is None or math.isnan(cell.value):
        return ""
    return f"{digits(cell.low)} – {digits(cell.high)}"


def counted(cells: Sequence[Cell]) -> tuple[int | None, ...]:
    """Of each row, what its measure rests on; () where the column has no n at all."""
    found = tuple(cell.n if isinstance(cell, Measure) else None for cell in cells)
    return found if any(n is not None for n in found) else ()


def explained(table: Table) -> list[Column]:
    return [column for column in table.columns if column.about]
