"""SQL over results of scans: one table, `results`, in DuckDB. It can read them and nothing else.

Files and network are closed to the query itself (`enable_external_access`), so that SQL somebody sent can neither
read other files nor write any.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from forensics.refusal import Refusal

if TYPE_CHECKING:
    import duckdb
    import pyarrow

TABLE = "results"
CLOSED = {  # no files, no network, no extensions fetched; and no query can open them again
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}


def ask(results: Path, sql: str) -> pyarrow.Table:
    """What one SELECT gives. `results`: a Parquet file of `forensics scan`, or a folder of such, put together.

    Raises Refusal for results that cannot be read, and for SQL that DuckDB refuses, with its reason.
    """
    import duckdb

    with opened(results) as connection:
        try:
            statements = connection.extract_statements(sql)
            reading = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
            if len(statements) != 1 or statements[0].type not in reading:
                raise Refusal("give one SELECT (DESCRIBE and SUMMARIZE are some too); the table is called results")
            return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise Refusal(f"the query cannot be answered: {' '.join(str(error).split())[:400]}") from None


def opened(results: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory, with the results as its one table."""
    import duckdb
    import pyarrow
    from pyarrow import dataset

    files = results_below(results) if results.is_dir() else [results]
    if not files or not files[0].is_file():
        raise Refusal(f"{results}: no results there; give a .parquet file of `forensics scan`, or a folder of such")
    try:
        schemas = [dataset.dataset(file, format="parquet").schema for file in files]
        schema = pyarrow.unify_schemas(schemas, promote_options="permissive")  # panels may differ
        rows = dataset.dataset(files, format="parquet", schema=schema)
    except (OSError, pyarrow.ArrowException) as error:
        raise Refusal(f"{results} cannot be read as Parquet ({' '.join(str(error).split())[:200]})") from None
    connection = duckdb.connect(":memory:", config={"threads": "2"})
    connection.register(TABLE, rows)
    for name, value in CLOSED.items():
        connection.execute(f"SET {name} = {value}")
    return connection


def results_below(folder: Path) -> list[Path]:
    """Without the parts of scans that are not done: a row examined anew would count twice."""
    below = ((file, file.relative_to(folder).parents) for file in folder.rglob("*.parquet"))
    return sorted(file for file, parents in below if not any(parent.suffix == ".parts" for parent in parents))
