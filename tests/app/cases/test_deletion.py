"""A deleted case is gone from the files of the database, byte for byte; that it was deleted stays in the log."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from sqlalchemy import text

from app.cases import changes, journal
from app.cases.case import Own, case, photo
from app.cases.store import Store
from forensics.refusal import Refusal

TRACES = 6  # of the photo's bytes, taken all over it


def secret(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(12)}"


@pytest.fixture
def traces(made):
    """A case whose every part is known by what stands nowhere else, saved into a store; and those traces."""

    def fill(store: Store) -> tuple[int, dict[str, bytes]]:
        name, note, old, reason = (secret(kind) for kind in ("name", "note", "old", "reason"))
        data = made.png(80) + secrets.token_bytes(60_000)  # PNG: what follows its end is ignored
        report = made.report(data, f"{name}.png")
        from forensics.shown import page_of

        number, _ = changes.save(store, "ana", data, report.as_dict(), page_of(report))
        changes.note(store, "ana", number, old, 1)
        changes.note(store, "ana", number, note, 2)
        changes.conclude(store, "ana", number, Own.EDITED, reason, 3)
        found = {part: part.encode() for part in (name, note, old, reason, report.sha256)}
        step = len(data) // TRACES
        found |= {f"photo at {at}": data[at : at + 24] for at in range(200, len(data) - 24, step)}
        return number, found

    return fill


def left(folder: Path, traces: dict[str, bytes]) -> set[str]:
    """Which traces stand in any file below a folder."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {name for name, trace in traces.items() if any(trace in content for content in contents)}


def test_nothing_of_a_deleted_case_is_left_in_the_file(tmp_path, made, traces):
    store = Store.open(str(tmp_path / "cases.sqlite"))
    other = made.save(store, 30, "stays.png")
    number, found = traces(store)
    assert left(tmp_path, found) == set(found)  # the test can fail
    changes.remove(store, "ben", number, 4)
    assert left(tmp_path, found) == set()
    assert left(tmp_path, {"other": b"stays.png"}) == {"other"}
    assert case(store, other).file == "stays.png"
    assert journal.check(store) is None


def test_nothing_is_left_without_sweeping_either(tmp_path, made, traces, monkeypatch):
    """secure_delete alone does it: a disk too full to sweep leaves nothing readable."""
    monkeypatch.setattr(Store, "sweep", lambda self: None)
    store = Store.open(str(tmp_path / "cases.sqlite"))
    made.save(store, 30, "stays.png")
    number, found = traces(store)
    changes.remove(store, "ben", number, 4)
    assert left(tmp_path, found) == set()


def test_nothing_is_left_in_the_tables_of_a_server(postgres, made, traces):
    """The files of tables; the server's write-ahead log and backups are its administrator's."""
    store = Store.open(postgres())
    made.save(store, 30, "stays.png")
    number, found = traces(store)
    kept_as_they_are = {k: v for k, v in found.items() if k.startswith(("photo", "note", "reason"))}
    postgres.checkpoint()
    assert left(postgres.data / "base", kept_as_they_are) == set(kept_as_they_are)
    changes.remove(store, "ben", number, 4)
    postgres.checkpoint()
    assert left(postgres.data / "base", found) == set()
    assert journal.check(store) is None
    store.engine.dispose()


def test_the_log_keeps_that_it_was_deleted_and_no_more(store, traces):
    number, found = traces(store)
    changes.remove(store, "ben", number, 4)
    entries = journal.entries(store, number)
    assert [entry.what for entry in entries] == ["saved", "noted", "noted", "concluded", "deleted"]
    assert (entries[-1].who, entries[-1].detail) == ("ben", "{}")
    assert [entry.detail for entry in entries[:-1]] == [None] * 4
    assert [entry.salt for entry in entries[:-1]] == [None] * 4
    assert journal.check(store) is None
    with pytest.raises(Refusal, match="not there"):
        case(store, number)
    with store.reading() as link:
        assert link.scalar(text("SELECT count(*) FROM forensics_photos")) == 0
    assert found


def test_a_photo_that_another_case_holds_stays(store, made):
    first, second = made.save(store, 10, "a.png"), made.save(store, 10, "b.png")
    sha256 = case(store, first).sha256
    changes.remove(store, "ana", first, 1)
    assert photo(store, sha256) == made.png(10)
    changes.remove(store, "ana", second, 1)
    assert photo(store, sha256) is None
    assert journal.check(store) is None


def test_a_number_is_never_given_twice(store, made):
    changes.remove(store, "ana", made.save(store, 10), 1)
    assert made.save(store, 10) == 2
    assert journal.check(store) is None


def test_a_case_that_was_changed_since_is_not_deleted(store, made):
    number = made.save(store)
    changes.note(store, "ben", number, "wait, look", 1)
    with pytest.raises(Refusal, match="changed by somebody"):
        changes.remove(store, "ana", number, 1)
    assert case(store, number).notes == "wait, look"


def test_who_cannot_sweep_is_told_that_it_is_deleted(store, made, monkeypatch):
    def full(self):
        raise Refusal("the disk is full")

    monkeypatch.setattr(Store, "sweep", full)
    number = made.save(store)
    with pytest.raises(Refusal, match=r"is deleted, but traces may be left.*full"):
        changes.remove(store, "ana", number, 1)
    with pytest.raises(Refusal, match="not there"):
        case(store, number)
