"""A clock that is set back, or stands still, changes no result, no order and no name that is taken."""

from __future__ import annotations

import json
import time
from datetime import datetime
from itertools import count

import pyarrow.parquet as parquet
import pytest

from benchmarks import table
from benchmarks.stamp import Stamp
from benchmarks.table import Result
from forensics.chain import START, Entry, first_break
from tests.faults.conftest import contents

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def backwards(monkeypatch) -> None:
    """Each look at the wall clock is an hour before the last one."""
    hours = count()

    def earlier() -> int:
        return (1_800_000_000 - 3600 * next(hours)) * 10**9

    monkeypatch.setattr(time, "time_ns", earlier)
    monkeypatch.setattr(time, "time", lambda: earlier() / 1e9)


def test_a_training_learns_the_same_and_its_events_keep_their_order(forensics, house, tmp_path, request):
    words = f"train dcgan --data {house}/photos --preset tiny --snap 0.008 --batch 8 --out"
    assert forensics(f"{words} {tmp_path / 'whole'} --kimg 0.024")[0] == 0
    request.getfixturevalue("backwards")
    written = []
    for kimg in (0.008, 0.016, 0.024):
        before = {path.name for path in tmp_path.glob("out/events.*")}
        code, said = forensics(f"{words} {tmp_path / 'out'} --kimg {kimg}")
        assert code == 0, said
        written += {path.name for path in tmp_path.glob("out/events.*")} - before
    assert written == sorted(written)
    assert len(written) == 3
    assert contents(tmp_path / "whole" / "snapshots") == contents(tmp_path / "out" / "snapshots")
    rows = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert all(row.get("images/s", 0) >= 0 for row in rows)
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows)


def test_a_scan_and_a_report_do_not_look_at_the_clock(forensics, house, tmp_path, request):
    def made(name: str) -> tuple[object, dict[str, bytes]]:
        assert forensics(f"scan {house}/photos --out {tmp_path / name}.parquet --workers 1")[0] == 0
        files = f"{house}/photos/00.png --json {tmp_path / name}/r.json --html {tmp_path / name}"
        assert forensics(f"inspect {files}")[0] == 0
        return parquet.read_table(tmp_path / f"{name}.parquet"), contents(tmp_path / name)

    before = made("before")
    request.getfixturevalue("backwards")
    assert made("after") == before


def test_no_result_of_a_benchmark_takes_another_s_name(monkeypatch, tmp_path):
    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None) -> datetime:
            return datetime(2026, 1, 1, 12)

    monkeypatch.setattr(table, "datetime", Stopped)
    result = Result("detection", "A title", (), Stamp.now(seed=0))
    paths = [result.save(tmp_path) for _ in range(3)]
    assert len({path.name for path in paths}) == 3
    assert all(path.exists() for path in paths)


def test_a_log_is_in_the_order_in_which_it_was_written():
    entries, last = [], (0, START)
    for hour in (12, 11, 11, 3):
        entries.append(Entry.after(last, f"2026-01-01T{hour:02d}:00:00.000+00:00", "who", "noted", 1, "{}"))
        last = entries[-1].number, entries[-1].sha256
    assert first_break(entries, last) is None
    assert first_break(sorted(entries, key=lambda entry: entry.time), last) is not None
