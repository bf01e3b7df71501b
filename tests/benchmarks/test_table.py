"""Results are written whole, never over each other, and read back as they were."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import pytest

from benchmarks.stamp import Stamp
from benchmarks.table import Column, Measure, Result, Table, digits
from forensics.refusal import Refusal


@pytest.fixture
def result() -> Result:
    columns = (Column("detector"), Column("AUC", about="1 is perfect"), Column("time", "ms"), Column("note"))
    rows = (
        ("spectrum", Measure(0.91234, 0.85, 0.95, 120), 12.5, "a|b"),
        ("eyes", Measure(math.nan, n=0), None, None),
    )
    table = Table("detectors", "Detectors", columns, rows, ("Both classes laundered alike.",))
    return Result("detection", "Detection", (table,), Stamp.now(seed=3, corpora={"web": "ab" * 32}))


def test_reads_back_what_it_wrote(result, tmp_path):
    loaded = Result.load(result.save(tmp_path))
    assert loaded.stamp == result.stamp
    assert loaded.tables[0].rows[0] == result.tables[0].rows[0]
    assert math.isnan(loaded.tables[0].rows[1][1].value)
    assert loaded.as_markdown() == result.as_markdown()


def test_json_has_no_nan(result, tmp_path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    json.loads(result.save(tmp_path).read_text(), parse_constant=refuse)


def test_never_overwrites(result, tmp_path):
    first, second = result.save(tmp_path), result.save(tmp_path)
    assert first != second
    assert len(list(tmp_path.glob("*.json"))) == len(list(tmp_path.glob("*.md"))) == 2
    assert not list(tmp_path.glob("*.part"))
    assert len(Result.stored_in(tmp_path)) == 2


def test_csv_keeps_intervals(result, tmp_path):
    result.save(tmp_path)
    (path,) = tmp_path.glob("*.detectors.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["AUC"]) == 0.91234
    assert (float(rows[0]["AUC.low"]), float(rows[0]["AUC.high"]), int(rows[0]["AUC.n"])) == (0.85, 0.95, 120)
    assert rows[1]["time"] == ""


def test_markdown_shows_interval_unit_and_stamp(result):
    text = result.as_markdown()
    assert "| spectrum | 0.912 [0.850, 0.950] n=120 | 12.5 | a\\|b |" in text
    assert "time (ms)" in text
    assert "seed: 3" in text
    assert "ab" * 32 in text


def test_newest_first_and_strangers_passed_over(result, tmp_path):
    result.save(tmp_path)
    later = replace(result, stamp=replace(result.stamp, date="2999-01-01T00:00:00+00:00"))
    later.save(tmp_path)
    (tmp_path / "stranger.json").write_text('{"tables": 3}')
    assert [r.stamp.date for r in Result.stored_in(tmp_path)] == [later.stamp.date, result.stamp.date]
    with pytest.raises(Refusal, match="not a benchmark's result"):
        Result.load(tmp_path / "stranger.json")


def test_a_row_of_the_wrong_length_is_a_mistake():
    with pytest.raises(ValueError, match="2 cells under 1 columns"):
        Table("t", "T", (Column("a"),), ((1, 2),))


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (12.345, "12.3"), (12345.6, "12,346"), (math.nan, "–")]
)
def test_digits(value, text):
    assert digits(value) == text
