"""How often the verdict was wrong on photos of each kind, as a stored measurement of these very weights has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.table import Measure, Result, Table
from forensics import places
from forensics.calibration import Calibration
from forensics.evidence import Panel

BENCHMARK = "detection"
REALS, SUBSETS, FAKES, DETECTORS = "reals", "subsets", "fakes", "detectors"  # names of its tables


@dataclass(frozen=True)
class Group:
    """Photos of one kind: which share got the wrong verdict, and which one none."""

    name: str
    wrong: Measure
    inconclusive: Measure


def measurements(panel: Panel, calibration: Calibration) -> list[Result]:
    """Those that ship and were made with what is loaded now, the newest first; others say nothing about it."""
    loaded = {d.name: d.weights for d in panel if d.weights} | {"calibration": calibration.sha256}
    stored = Result.stored_in(places.RESULTS)
    return [r for r in stored if r.benchmark == BENCHMARK and dict(r.stamp.weights) == loaded]


def of_photos(result: Result) -> list[Group]:
    """Photos by cameras: by where they come from, then without colour, by skin tone, by size."""
    return [g for name in (REALS, SUBSETS) for g in groups(result, name, "supports generated")]


def of_fakes(result: Result) -> list[Group]:
    """Generated pictures by maker: wrong is "supports camera"."""
    return list(groups(result, FAKES, "supports camera"))


def groups(result: Result, name: str, wrong: str) -> Iterator[Group]:
    table = table_of(result, name)
    if table is None:
        return
    columns = [column.name for column in table.columns]
    for row in table.rows:
        cells = dict(zip(columns, row, strict=True))
        its, open_ = cells.get(wrong), cells.get("inconclusive")
        if (
            isinstance(its, Measure) and its.n and isinstance(open_, Measure)
        ):  # kinds of which there was none tell nothing
            yield Group(str(row[0]), its, open_)


def auc_of(result: Result, detector: str) -> Measure | None:
    table = table_of(result, DETECTORS)
    row = next((row for row in table.rows if row[0] == detector), None) if table else None
    place = next((i for i, column in enumerate(table.columns) if column.name == "AUC"), None) if row else None
    return row[place] if place is not None and isinstance(row[place], Measure) else None


def notes_of(result: Result) -> tuple[str, ...]:
    table = table_of(result, SUBSETS)
    return table.notes if table else ()


def table_of(result: Result, name: str) -> Table | None:
    return next((table for table in result.tables if table.name == name), None)
