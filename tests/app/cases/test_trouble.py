"""Trouble with a database is one line; what was there before is there after, and the next try works."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import text

from app.cases import changes, journal, store
from app.cases.case import case
from app.cases.store import Store
from forensics.places import HOUSE
from forensics.refusal import Refusal


def one_line(caught: pytest.ExceptionInfo) -> str:
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_a_file_that_another_program_holds(tmp_path, made, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    kept = Store.open(str(tmp_path / "c.sqlite"))
    number = made.save(kept)
    other = sqlite3.connect(tmp_path / "c.sqlite")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Refusal) as caught:
        changes.note(kept, "ana", number, "do not lose me", 1)
    assert "locked" in one_line(caught)
    assert "try again" in one_line(caught)
    other.rollback()
    changes.note(kept, "ana", number, "do not lose me", 1)
    assert case(kept, number).notes == "do not lose me"


def test_a_file_that_may_not_be_written(tmp_path, made):
    """As its owner without the right to write; root may write everything, so SQLite is told."""
    kept = Store.open(str(tmp_path / "c.sqlite"))
    number = made.save(kept)
    with kept.engine.connect() as link:
        link.exec_driver_sql("PRAGMA query_only = ON")
        with pytest.raises(Refusal) as caught, kept.troubles("changed"):
            link.execute(text("UPDATE forensics_cases SET notes = 'x'"))
    assert "check its permissions" in one_line(caught)
    assert case(kept, number).notes == ""


def test_a_full_disk(tmp_path, made):
    """A process that may write no file larger than this one stands for a disk that is full."""
    path = tmp_path / "c.sqlite"
    kept = Store.open(str(path))
    number = made.save(kept)
    changes.note(kept, "ana", number, "the first", 1)
    before = path.stat().st_size
    script = f"""
import resource, signal
from app.cases import changes
from app.cases.store import Store
from forensics.refusal import Refusal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
kept = Store.open({str(path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, ({before}, {before}))
try:
    changes.note(kept, "ana", {number}, "x" * 90_000, 2)
except Refusal as refusal:
    print(refusal)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=HOUSE, check=True)
    assert len(run.stdout.splitlines()) == 1
    assert "could not be changed" in run.stdout
    assert case(kept, number).notes == "the first"
    assert journal.check(kept) is None
    changes.note(kept, "ana", number, "the second", 2)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != before


def test_a_change_that_breaks_in_the_middle_changes_nothing(store, made, monkeypatch):
    number = made.save(store)
    monkeypatch.setattr(journal, "count", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        changes.note(store, "ana", number, "half", 1)
    monkeypatch.undo()
    assert case(store, number).notes == ""
    assert journal.check(store) is None


def test_a_server_that_ends_and_a_row_that_is_held(postgres, made, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE", 1)
    kept = Store.open(postgres())
    number = made.save(kept)
    with kept.changing() as link:
        link.execute(text("SELECT 1 FROM forensics_cases FOR UPDATE"))
        with pytest.raises(Refusal) as caught:
            changes.note(kept, "ana", number, "x", 1)
    assert "try again" in one_line(caught)
    with pytest.raises(Refusal) as caught, kept.changing() as link:
        link.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    one_line(caught)
    changes.note(kept, "ana", number, "x", 1)  # a new connection is made
    assert case(kept, number).notes == "x"
    kept.engine.dispose()
