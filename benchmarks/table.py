"""What a benchmark found: tables of measured cells, and a stamp that says what was measured, on what, by what.

A `Result` is one run of one benchmark. `save` writes four kinds of file and overwrites none:

    detection-20260131-142501.json            everything but pixels; `Result.load` reads it back
    detection-20260131-142501.md              for people
    detection-20260131-142501.verdict.csv     one a table, for spreadsheets
    detection-20260131-142501.curves.png      one a figure, where there are any; shown in the Markdown

The JSON: {"benchmark", "title", "stamp": {...}, "tables": [{"name", "title", "columns": [{"name",
"unit", "about"}], "rows": [[cell, ...]], "notes": [...]}], "figures": [name, ...], "warnings": [text, ...]}. A
cell is text, a number, null, or a measure {"value", "low", "high", "n"}: a number with its 95 % interval and the
photos behind it.

To hand over a figure: `Result(..., figures={"curves": figure})`, a matplotlib Figure or the bytes of a PNG.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.stamp import Stamp
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once

if TYPE_CHECKING:
    import rich.table
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Measure:
    """A measured number, its 95 % interval where there is one, and how many photos it rests on."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None

    def __str__(self) -> str:
        text = digits(self.value)
        if self.low is not None and self.high is not None and not math.isnan(self.value):
            text += f" [{digits(self.low)}, {digits(self.high)}]"
        return text if self.n is None else f"{text} n={self.n}"


Cell = str | int | float | Measure | None


@dataclass(frozen=True)
class Column:
    """`unit` is empty for text and pure numbers; `about` says in a line what is measured and which way is better."""

    name: str
    unit: str = ""
    about: str = ""

    @property
    def heading(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Table:
    """Rows of cells under named columns; the first column names the row."""

    name: str  # a word, for the file name: "detectors"
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.name}: a row of {len(row)} cells under {len(self.columns)} columns")

    def as_markdown(self) -> str:
        lines = [f"## {self.title}", ""]
        lines.append("| " + " | ".join(c.heading for c in self.columns) + " |")
        lines.append("|" + "|".join(" --- " if i == 0 else " ---: " for i in range(len(self.columns))) + "|")
        lines += ["| " + " | ".join(shown(cell).replace("|", "\\|") for cell in row) + " |" for row in self.rows]
        explained = [f"- {c.name}: {c.about}" for c in self.columns if c.about]
        explained += [f"- {note}" for note in self.notes]
        return "\n".join(lines + (["", *explained] if explained else [])) + "\n"

    def as_csv_rows(self) -> list[list[object]]:
        """A heading row, then the rows; a measure takes four columns: its value, `.low`, `.high`, `.n`."""
        wide = [any(isinstance(row[i], Measure) for row in self.rows) for i in range(len(self.columns))]
        heading: list[object] = []
        for column, spread in zip(self.columns, wide, strict=True):
            heading += [column.name] + [f"{column.name}.{part}" for part in ("low", "high", "n") if spread]
        lines = [heading]
        for row in self.rows:
            line: list[object] = []
            for cell, spread in zip(row, wide, strict=True):
                if isinstance(cell, Measure):
                    line += [cell.value, cell.low, cell.high, cell.n]
                else:
                    line += [cell] + [None] * 3 * spread
            lines.append(line)
        return lines

    def as_rich(self) -> rich.table.Table:
        """For a terminal: interval and n below their value, so that six columns fit 80 characters."""
        from rich import box
        from rich.table import Table as Drawn
        from rich.text import Text

        style = {"collapse_padding": True, "title_justify": "left", "title_style": "bold", "caption_justify": "left"}
        drawn = Drawn(title=self.title, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, **style)
        for i, column in enumerate(self.columns):
            text = all(cell is None or isinstance(cell, str) for cell in (row[i] for row in self.rows))
            drawn.add_column(Text(column.heading), justify="left" if text else "right", overflow="fold")
        for row in self.rows:
            drawn.add_row(*(Text(stacked(cell)) for cell in row))
        drawn.caption = "\n".join(self.notes) or None
        return drawn


@dataclass(frozen=True)
class Result:
    """One run of one benchmark."""

    benchmark: str
    title: str
    tables: tuple[Table, ...]
    stamp: Stamp
    figures: Mapping[str, bytes | Figure] = field(default_factory=dict, compare=False, repr=False)  # a word → PNG
    warnings: tuple[str, ...] = ()  # reasons to doubt the numbers, shown in bold above them

    def table(self, name: str) -> Table:
        return next(t for t in self.tables if t.name == name)

    def as_markdown(self, stem: str | None = None) -> str:
        """`stem`: of the files' names, where the figures are beside the text."""
        stamp = {key: value for key, value in asdict(self.stamp).items() if value not in (None, "", {})}
        lines = [f"- {key}: {told(value)}" for key, value in stamp.items()]
        drawn = [f"![{name}]({stem}.{name}.png)\n" for name in self.figures if stem]
        warned = [f"**{warning}**\n" for warning in self.warnings]
        parts = [
            f"# {self.title}\n",
            *warned,
            *drawn,
            *(t.as_markdown() for t in self.tables),
            "## Stamp\n",
            "\n".join(lines),
        ]
        return "\n".join(parts) + "\n"

    def save(self, folder: Path) -> Path:
        """Write JSON, Markdown, CSV and PNG under a name that is not taken; returns the JSON's path."""
        folder, written = Path(folder), []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stem = free_stem(folder, f"{self.benchmark}-{datetime.now():%Y%m%d-%H%M%S}")
            for table in self.tables:
                written.append(folder / f"{stem}.{table.name}.csv")
                with at_once(written[-1]) as part, part.open("w", newline="", encoding="utf-8") as file:
                    csv.writer(file, lineterminator="\n").writerows(table.as_csv_rows())
            for name, figure in self.figures.items():
                written.append(folder / f"{stem}.{name}.png")
                with at_once(written[-1]) as part:
                    part.write_bytes(figure if isinstance(figure, bytes) else as_png(figure))
            for suffix, text in ((".md", self.as_markdown(stem)), (".json", self.as_json())):
                written.append(folder / f"{stem}{suffix}")
                write_at_once(written[-1], text)
        except OSError as error:
            for path in written:  # a result is there whole or not at all
                with suppress(OSError):
                    path.unlink()
            raise Refusal(f"{folder}: the result cannot be written there ({error.strerror}); pass --out") from None
        return written[-1]

    def as_json(self) -> str:
        told = {**asdict(replace(self, figures={})), "figures": list(self.figures)}
        return json.dumps(without_nan(told), indent=1, ensure_ascii=False, default=str) + "\n"

    @classmethod
    def load(cls, path: Path) -> Result:
        """Read what `save` wrote, without figures that are gone. Raises Refusal for any other file."""
        path = Path(path)
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            tables = tuple(
                Table(
                    name=table["name"],
                    title=table["title"],
                    columns=tuple(Column(**column) for column in table["columns"]),
                    rows=tuple(tuple(read_cell(cell) for cell in row) for row in table["rows"]),
                    notes=tuple(table["notes"]),
                )
                for table in stored["tables"]
            )
            figures = read_figures(path, stored.get("figures", ()))
            stamp, warnings = Stamp(**stored["stamp"]), tuple(map(str, stored.get("warnings", ())))
            return cls(stored["benchmark"], stored["title"], tables, stamp, figures, warnings)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refusal(f"{path} is not a benchmark's result ({type(error).__name__}: {error})") from None

    @classmethod
    def stored_in(cls, *folders: Path) -> list[Result]:
        """All results below these folders, the newest first; other JSON files are passed over."""
        found = []
        for folder in folders:
            for path in sorted(Path(folder).glob("*.json")):
                try:
                    found.append(cls.load(path))
                except Refusal:
                    continue
        return sorted(found, key=lambda result: result.stamp.date, reverse=True)


def shown(cell: Cell) -> str:
    if cell is None:
        return "–"
    return digits(cell) if isinstance(cell, float) else str(cell)


def stacked(cell: Cell) -> str:
    """A cell on up to three lines: value, interval, n."""
    if not isinstance(cell, Measure):
        return shown(cell)
    lines = [digits(cell.value)]
    if cell.low is not None and cell.high is not None and not math.isnan(cell.value):
        lines.append(f"{digits(cell.low)}–{digits(cell.high)}")
    return "\n".join(lines if cell.n is None else [*lines, f"n={cell.n}"])


def digits(value: float) -> str:
    """Three decimals under 10, three significant digits above: no more than the sample sizes carry."""
    if math.isnan(value):
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 1000 else f"{value:,.0f}"


def told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return f"`{value}`" if isinstance(value, str) and " " in value else str(value)


def read_cell(cell: object) -> Cell:
    if isinstance(cell, dict):
        return Measure(math.nan if cell["value"] is None else cell["value"], cell["low"], cell["high"], cell["n"])
    if cell is None or isinstance(cell, str | int | float):
        return cell
    raise TypeError(f"a cell cannot be a {type(cell).__name__}")


def read_figures(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The PNG files beside a result's JSON, by name. Raises ValueError for a name with a folder in it."""
    files = {name: path.with_name(f"{path.stem}.{name}.png") for name in names}
    return {name: file.read_bytes() for name, file in files.items() if file.is_file()}


def as_png(figure: Figure) -> bytes:
    packed = io.BytesIO()
    figure.savefig(packed, format="png", metadata={"Software": None})
    return packed.getvalue()


def without_nan(value: object) -> object:
    """JSON has no NaN: a number that could not be measured is null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_nan(item) for item in value]
    return value


def free_stem(folder: Path, wanted: str) -> str:
    taken = {path.name.split(".")[0] for path in folder.iterdir()}
    names = (wanted if i == 1 else f"{wanted}-{i}" for i in range(1, 10_000))
    return next(name for name in names if name not in taken)
