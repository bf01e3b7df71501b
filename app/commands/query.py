"""`forensics query`: SQL over the results of scans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forensics.refusal import Refusal

if TYPE_CHECKING:
    import pyarrow

SHOWN = 100  # rows on a screen
FORMATS = (".csv", ".json", ".parquet")
ASKED = (
    "SELECT conclusion, count(*) AS photos, round(avg(log10_lr), 2) AS mean FROM results GROUP BY ALL ORDER BY 2 DESC"
)


def query(
    results: Annotated[Path, typer.Argument(help="A .parquet file of `forensics scan`, or a folder of such.")],
    sql: Annotated[str, typer.Argument(metavar="[SQL]", help="One SELECT; the table is called results.")] = "",
    out: Annotated[Path | None, typer.Option(help="All rows, into .csv, .json or .parquet.")] = None,
) -> None:
    """Ask the results of scans a question in SQL (DuckDB). Without SQL: conclusions counted, and the columns.

    E.g. SELECT path, log10_lr FROM results WHERE conclusion = 'supports_generated' ORDER BY log10_lr DESC
    """
    from rich.console import Console
    from rich.text import Text

    from app.commands.outputs import check_file
    from forensics.query import ask

    if out is not None:
        check_file(out, "--out")
        if out.suffix.lower() not in FORMATS:
            raise Refusal(f"--out {out}: must end in {', '.join(FORMATS)}")
    table = ask(results, sql or ASKED)
    if out is not None:
        write(table, out)
        Console(stderr=True).print(Text(f"{out}: {table.num_rows:,} rows"), soft_wrap=True)
        return
    show(table)
    if not sql:
        columns = ask(results, "SELECT * FROM results LIMIT 0").schema
        Console().print(Text("columns: " + ", ".join(columns.names)), soft_wrap=True)


def show(table: pyarrow.Table) -> None:
    """The first rows, as text: cells may hold file names, which obey nothing here."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from app.commands.inspect import printable

    shown = Table(*(escape(printable(name)) for name in table.column_names))
    numbers = [str(field.type) in NUMBERS for field in table.schema]
    for column, number in zip(shown.columns, numbers, strict=True):
        column.justify = "right" if number else "left"
        column.overflow = "fold"
    for row in table.slice(0, SHOWN).to_pylist():
        shown.add_row(*(Text("–" if cell is None else printable(str(cell))) for cell in row.values()))
    Console().print(shown)
    if table.num_rows > SHOWN:
        Console(stderr=True).print(f"{table.num_rows:,} rows, {SHOWN} shown; all with --out", highlight=False)


NUMBERS = {"int32", "int64", "uint64", "float", "double", "int128"}


def write(table: pyarrow.Table, out: Path) -> None:
    import json

    from pyarrow import csv, parquet

    from forensics.saving import at_once, write_at_once

    out.parent.mkdir(parents=True, exist_ok=True)
    kind = out.suffix.lower()
    if kind == ".json":
        write_at_once(out, json.dumps(table.to_pylist(), indent=1, ensure_ascii=False, default=str) + "\n")
        return
    with at_once(out) as part:
        csv.write_csv(table, part) if kind == ".csv" else parquet.write_table(table, part)
