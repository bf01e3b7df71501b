"""A case is kept as it was saved, by both databases, or refused in one line."""

from __future__ import annotations

import json
import os
import sqlite3
import stat

import pytest
from sqlalchemy import text

from app.cases import changes, journal
from app.cases import place as places
from app.cases.case import Own, State, Wanted, case, listed, photo
from app.cases.shown import page_of
from app.cases.store import Store
from forensics.refusal import Refusal

HOSTILE = "<b>![x](http://evil.example)</b>\u202e\ud800\0'; DROP TABLE x;--\n.png"


def test_a_case_comes_back_as_it_was_saved(store, made):
    number = made.save(store, 100, "portrait.png")
    report = made.report(made.png(100), "portrait.png")
    kept = case(store, number)
    assert json.loads(kept.record) == json.loads(json.dumps(report.as_dict()))
    from forensics.shown import page_of as page_of_report

    assert page_of(kept.page) == page_of_report(report)
    assert photo(store, kept.sha256) == made.png(100)
    assert kept.thumbnail.startswith(b"\xff\xd8")
    assert (kept.state, kept.notes, kept.own_conclusion) == (State.OPEN, "", Own.NONE)
    assert journal.check(store) is None


def test_the_same_report_is_kept_once_and_a_photo_once(store, made):
    assert made.save(store) == 1
    assert made.save(store) == 1
    assert made.save(store, name="another name.png") == 2
    with store.reading() as link:
        assert link.scalar(text("SELECT count(*) FROM forensics_photos")) == 1
    assert listed(store, Wanted())[1] == 2


def test_bytes_of_another_photo_are_refused(store, made):
    report = made.report(made.png(1))
    with pytest.raises(Refusal, match="not the photo"):
        changes.save(store, "ana", made.png(2), report.as_dict(), page_of(case(store, made.save(store)).page))


def test_an_unreadable_file_can_be_kept_too(store, made):
    from forensics.shown import page_of as page_of_report

    report = made.report(b"no picture", "text.jpg")
    number, _ = changes.save(store, "ana", b"no picture", report.as_dict(), page_of_report(report))
    kept = case(store, number)
    assert kept.conclusion == "unreadable"
    assert page_of(kept.page).reason == report.reason
    assert journal.check(store) is None


def test_hostile_names_and_notes_are_kept_as_text(store, made):
    number = made.save(store, name=HOSTILE)
    changes.note(store, HOSTILE, number, HOSTILE, 1)
    kept = case(store, number)
    assert "DROP TABLE" in kept.notes
    assert "\0" not in kept.notes + kept.file
    assert journal.check(store) is None
    assert listed(store, Wanted(words="%"))[1] == 0  # is no pattern
    assert listed(store, Wanted(words="drop table"))[1] == 1


def test_notes_and_conclusion_need_what_they_need(store, made):
    number = made.save(store)
    changes.note(store, "ben", number, "line one\r\nline two", 1)
    changes.conclude(store, "ben", number, Own.GENERATED, "six fingers", 2)
    kept = case(store, number)
    assert kept.notes == "line one\nline two"
    assert (kept.own_conclusion, kept.own_reason, kept.revision) == (Own.GENERATED, "six fingers", 3)
    with pytest.raises(Refusal, match="needs a reason"):
        changes.conclude(store, "ben", number, Own.CAMERA, "  ", 3)
    with pytest.raises(Refusal, match="needs a name"):
        changes.note(store, " \n", number, "x", 3)
    with pytest.raises(Refusal, match="100,000"):
        changes.note(store, "ben", number, "x" * 100_001, 3)
    assert case(store, number) == kept


def test_who_saw_an_older_case_does_not_write_over_the_newer(store, made):
    number = made.save(store)
    changes.note(store, "ben", number, "of ben", 1)
    with pytest.raises(Refusal, match="changed by somebody"):
        changes.note(store, "ana", number, "of ana", 1)
    assert case(store, number).notes == "of ben"


def test_the_list_is_filtered_and_bounded(store, made):
    for grey in range(60, 66):
        made.save(store, grey, f"photo-{grey}.png")
    changes.take(store, "ben", 2)
    changes.close(store, "ana", 3, 1)
    changes.note(store, "ana", 4, "a very odd ear", 1)
    found, total = listed(store, Wanted(), most=2)
    assert ([line.number for line in found], total) == ([6, 5], 6)
    assert [line.number for line in listed(store, Wanted(state="taken", taken_by="ben"))[0]] == [2]
    assert [line.number for line in listed(store, Wanted(state=State.CLOSED))[0]] == [3]
    assert [line.number for line in listed(store, Wanted(words="ODD EAR"))[0]] == [4]
    assert listed(store, Wanted(conclusion="supports_generated"))[1] == 0
    assert listed(store, Wanted(words=case(store, 5).sha256[:9]))[1] == 1


@pytest.mark.parametrize("version", ["0", "2"])
def test_another_version_is_refused(place, made, version):
    store = Store.open(place)
    with store.changing() as link:
        link.execute(text(f"UPDATE forensics_about SET value = '{version}' WHERE name = 'schema'"))
    with pytest.raises(Refusal, match=f"version {version}, and this program reads version 1") as refused:
        Store.open(place)
    assert "\n" not in str(refused.value)
    store.engine.dispose()


def test_the_file_is_its_owners_only(tmp_path, made):
    made.save(Store.open(str(tmp_path / "a" / "c.sqlite")))
    assert stat.S_IMODE(os.stat(tmp_path / "a" / "c.sqlite").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "a").st_mode) == 0o700


def test_where_cases_are_kept(monkeypatch, tmp_path):
    monkeypatch.delenv(places.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert places.place() == str(tmp_path / "deepfake-forensics" / "cases.sqlite")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert places.place().endswith(".local/share/deepfake-forensics/cases.sqlite")
    monkeypatch.setenv(places.VARIABLE, "/x/y")
    assert places.place() == "/x/y"
    url = places.url_of("postgres://u:secret@h/d")
    assert url.drivername == "postgresql+psycopg"
    assert "secret" not in places.shown(url)
    for wrong in ("mysql://h/d", "http://x", "sqlite://", "://"):
        with pytest.raises(Refusal):
            places.url_of(wrong)


@pytest.mark.parametrize("trouble", ["folder", "text", "file in the way", "foreign"])
def test_a_place_that_cannot_be_used_is_one_line(tmp_path, trouble):
    path = tmp_path / "c.sqlite"
    if trouble == "folder":
        path.mkdir()
    elif trouble == "text":
        path.write_text("these are no cases, but a long text of somebody's " * 99)
    elif trouble == "file in the way":
        path.write_text("")
        path = path / "below.sqlite"
    else:
        link = sqlite3.connect(path)
        link.executescript("CREATE TABLE forensics_about (other INTEGER)")
        link.close()
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(Refusal) as refused:
        Store.open(str(path))
    assert "\n" not in str(refused.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(Refusal) as refused:
        Store.open(f"postgresql://u:secret@/d?host={tmp_path}")
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)
