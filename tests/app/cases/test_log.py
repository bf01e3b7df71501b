"""The log tells what was changed past it: every table, every column, and entries cut off."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.cases import changes, journal
from app.cases.case import Own
from app.cases.store import Store
from forensics.chain import START, Entry, first_break, first_misfit


@pytest.fixture
def lived(store, made) -> Store:
    """A store in which something happened: eight entries on three cases, one of which is deleted."""
    for grey in (10, 20, 30):
        made.save(store, grey)
    changes.take(store, "ben", 1)
    changes.note(store, "ben", 1, "a note", 2)
    changes.conclude(store, "ben", 1, Own.CAMERA, "a reason", 3)
    changes.note(store, "ana", 2, "of the deleted case", 1)
    changes.remove(store, "ana", 2, 2)
    assert journal.check(store) is None
    return store


def tamper(store: Store, statement: str) -> None:
    with store.changing() as link:
        assert link.execute(text(statement)).rowcount >= 1


TEXTS = "opened opened_by file record page notes own_reason taken_by conclusion".split()
ROWS = [f"UPDATE forensics_cases SET {c} = {c} || 'x' WHERE number = 1" for c in TEXTS]
ROWS += [
    "UPDATE forensics_cases SET state = 'open' WHERE number = 1",
    "UPDATE forensics_cases SET own_conclusion = 'generated' WHERE number = 1",
    "UPDATE forensics_cases SET log10_lr = 3.5 WHERE number = 1",
    "UPDATE forensics_cases SET revision = 9 WHERE number = 1",
    "UPDATE forensics_cases SET number = 2 WHERE number = 3",
    "UPDATE forensics_cases SET number = 7 WHERE number = 3",
    "UPDATE forensics_cases SET sha256 = (SELECT sha256 FROM forensics_cases WHERE number = 3) WHERE number = 1",
    "UPDATE forensics_cases SET thumbnail = (SELECT data FROM forensics_photos LIMIT 1) WHERE number = 1",
    "DELETE FROM forensics_cases WHERE number = 3",
    "DELETE FROM forensics_photos WHERE sha256 = (SELECT sha256 FROM forensics_cases WHERE number = 1)",
    "UPDATE forensics_photos SET data = (SELECT thumbnail FROM forensics_cases WHERE number = 1)",
    "UPDATE forensics_about SET value = '7' WHERE name = 'entries'",
    "UPDATE forensics_about SET value = 'nonsense' WHERE name = 'entries'",
    "UPDATE forensics_about SET value = 'x' WHERE name = 'head'",
    "DELETE FROM forensics_about WHERE name = 'head'",
]


@pytest.mark.parametrize("statement", ROWS)
def test_a_row_that_was_changed_past_the_log_is_told(lived, statement):
    tamper(lived, statement)
    assert journal.check(lived) is not None


ENTRY = "time who what seal previous sha256 salt detail".split()


@pytest.mark.parametrize("column", ENTRY)
def test_the_first_broken_entry_is_told(lived, column):
    tamper(lived, f"UPDATE forensics_log SET {column} = 'x' WHERE number = 4")
    tamper(lived, "UPDATE forensics_log SET who = 'x' WHERE number = 6")
    broken = journal.check(lived)
    assert broken.entry == 4
    assert broken.why


def test_missing_entries_are_told(lived):
    tamper(lived, "DELETE FROM forensics_log WHERE number = 5")
    assert journal.check(lived).entry == 5


def test_entries_cut_off_at_the_end_are_told(lived, made):
    made.save(lived, 40)
    tamper(lived, "DELETE FROM forensics_log WHERE number = 9")
    assert journal.check(lived).entry == 9


def test_wiped_details_of_a_case_that_was_not_deleted_are_told(lived):
    tamper(lived, "UPDATE forensics_log SET salt = NULL, detail = NULL WHERE number = 5")
    broken = journal.check(lived)
    assert broken.entry == 5
    assert "not deleted" in broken.why


def test_a_rewritten_entry_is_told_by_the_next(lived):
    """Whoever computes an entry's hash anew breaks the link of the next one."""
    entry = journal.entries(lived)[3]
    forged = Entry.after((entry.number - 1, entry.previous), entry.time, "mallory", "taken", 1, entry.detail)
    with lived.changing() as link:
        link.execute(
            text("UPDATE forensics_log SET who=:who, seal=:seal, salt=:salt, sha256=:sha256 WHERE number=4"),
            {name: getattr(forged, name) for name in ("who", "seal", "salt", "sha256")},
        )
    assert journal.check(lived).entry == 5


def test_a_case_is_checked_alone_when_asked(lived):
    tamper(lived, "UPDATE forensics_cases SET notes = 'x' WHERE number = 1")
    assert journal.check(lived, 3) is None
    assert journal.check(lived, 1).entry == 6


def test_a_chain_of_many_entries_holds_until_one_is_touched():
    chain, last = [], (0, START)
    for i in range(50):
        chain.append(Entry.after(last, "2026", "ana", "noted", i % 3, "{}"))
        last = (chain[-1].number, chain[-1].sha256)
    assert first_break(chain, last) is None
    assert first_break(chain[:-1], last).entry == 50
    assert first_break(chain[1:], last).entry == 1
    assert first_break([*chain[:9], chain[10], chain[9], *chain[11:]]).entry == 10
    assert first_misfit(chain[::3]) is None
    assert first_misfit(chain[::-1]).entry == 49


def test_what_was_changed_stands_in_the_log(lived):
    from forensics.reread import details

    note = journal.entries(lived, 1)[2]
    assert (note.who, note.what, details(note)["notes"]) == ("ben", "noted", "a note")
