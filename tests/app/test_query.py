"""SQL over results: the right numbers, nothing but reading, bad questions in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from app.commands.query import query
from forensics.query import ask
from forensics.refusal import Refusal


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two scans by panels that differ in a detector."""
    folder = tmp_path / "results"
    folder.mkdir()
    first = {"path": ["a.jpg", "b.jpg"], "conclusion": ["inconclusive", None], "log10_lr": [0.5, None]}
    then = {"path": ["[red]c.jpg"], "conclusion": ["supports_camera"], "log10_lr": [-2.0], "new.score": [0.25]}
    for name, rows in (("first", first), ("then", then)):
        parquet.write_table(pa.table(rows), folder / f"{name}.parquet")
    return folder


def test_scans_are_put_together(results: Path):
    rows = ask(results, 'SELECT path, log10_lr, "new.score" FROM results ORDER BY path').to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("[red]c.jpg", -2.0, 0.25),
        ("a.jpg", 0.5, None),
        ("b.jpg", None, None),
    ]
    assert ask(results / "first.parquet", "SELECT count(*) AS n FROM results").to_pylist() == [{"n": 2}]
    assert ask(results, "DESCRIBE results").num_rows == 4


def test_parts_of_a_scan_that_goes_on_are_no_results(results: Path):
    """A row that is examined anew stands in the result and in a part: it would count twice."""
    parts = results / "first.parquet.parts"
    parts.mkdir()
    parquet.write_table(pa.table({"path": ["a.jpg"], "log10_lr": [1.5]}), parts / "00000001.parquet")
    counted = "SELECT count(*) AS n FROM results"
    assert ask(results, counted).to_pylist() == [{"n": 3}]
    assert ask(parts, counted).to_pylist() == [{"n": 1}]  # asked for by name, they are


@pytest.mark.parametrize(
    "sql",
    [
        "COPY results TO '{folder}/stolen.csv'",
        "ATTACH '{folder}/stolen.db'",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW results",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '{folder}/first.parquet'",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM results",
        "SELEC",
        "",
    ],
)
def test_a_query_reads_the_results_and_nothing_else(results: Path, sql: str):
    before = sorted(path.name for path in results.iterdir())
    with pytest.raises(Refusal) as refused:
        ask(results, sql.format(folder=results))
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in results.iterdir()) == before


def test_what_is_no_result_is_refused(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    for name, why in (("empty", "no results there"), ("gone.parquet", "no results"), ("bad.parquet", "as Parquet")):
        with pytest.raises(Refusal, match=why):
            ask(tmp_path / name, "SELECT 1")


def test_answers_are_shown_and_written(results: Path, tmp_path: Path, capsys):
    query(results)
    shown = capsys.readouterr().out
    assert "supports_camera" in shown
    assert "new.score" in shown
    query(results, "SELECT path FROM results WHERE log10_lr < 0")
    assert "[red]c.jpg" in capsys.readouterr().out
    for suffix in (".csv", ".json", ".parquet"):
        query(results, "SELECT path, log10_lr FROM results ORDER BY path", tmp_path / f"out{suffix}")
    wanted = [("[red]c.jpg", -2.0), ("a.jpg", 0.5), ("b.jpg", None)]
    read = [csv.read_csv(tmp_path / "out.csv").to_pylist(), json.loads((tmp_path / "out.json").read_text())]
    read.append(parquet.read_table(tmp_path / "out.parquet").to_pylist())
    for rows in read:
        assert [tuple(row.values()) for row in rows] == wanted
    with pytest.raises(Refusal, match="must end in"):
        query(results, "SELECT 1", tmp_path / "out.txt")
