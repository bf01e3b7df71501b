"""What can be done to a case. Each is one transaction with its entry in the log, and raises Refusal or is done.
Most give the case's revision after it.

Two who take at once never take the same case. Who writes over what another has just written is told so first.
"""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update

from app.cases import journal
from app.cases.case import LONGEST, Own, State, text_of
from app.cases.shown import as_text, thumbnail
from app.cases.store import Store
from app.cases.tables import cases, log, photos
from forensics.chain import DELETED
from forensics.refusal import Refusal
from forensics.shown import Page

LONGEST_NAME = 80


def save(store: Store, who: str, data: bytes, record: dict, page: Page) -> tuple[int, bool]:
    """Keep a photo with its report. Gives the case's number, and whether it is new: the same report is kept once."""
    who = name_of(who)
    sha256 = hashlib.sha256(data).hexdigest()
    if record.get("sha256") != sha256:
        raise Refusal("these bytes are not the photo of that report; inspect it again, then save it")
    text = json.dumps(record)
    with store.changing() as link:
        number = int(journal.lock(link)["cases"]) + 1
        same = select(cases.c.number).where(cases.c.sha256 == sha256, cases.c.record == text)
        if (found := link.scalar(same)) is not None:
            return found, False
        if link.scalar(select(photos.c.sha256).where(photos.c.sha256 == sha256)) is None:
            link.execute(insert(photos).values(sha256=sha256, data=data))
        link.execute(
            insert(cases).values(
                number=number,
                revision=1,
                opened=journal.now(),
                opened_by=who,
                state=State.OPEN.value,
                taken_by="",
                file=text_of(page.file),
                sha256=sha256,
                conclusion=record.get("conclusion") or "unreadable",
                log10_lr=record.get("log10_lr"),
                notes="",
                own_conclusion="",
                own_reason="",
                record=text,
                page=as_text(page),
                thumbnail=thumbnail(page),
            )
        )
        journal.count(link, "cases", number)
        journal.add(link, who, "saved", number, {"file": text_of(page.file), "sha256": sha256})
    return number, True


def note(store: Store, who: str, number: int, notes: str, revision: int) -> int:
    """Replace the notes. The log keeps every version until the case is deleted."""
    notes = text_of(notes)
    if len(notes) > LONGEST:
        raise Refusal(f"these notes have {len(notes):,} characters; at most {LONGEST:,} are kept: shorten them")
    return change(store, who, "noted", number, revision, {"notes": notes})


def conclude(store: Store, who: str, number: int, own: Own, reason: str, revision: int) -> int:
    """The analyst's own conclusion; it needs a reason, and none at all needs none."""
    reason = text_of(reason)
    if own is not Own.NONE and not reason:
        raise Refusal("a conclusion needs a reason; write what it rests on")
    if len(reason) > LONGEST:
        raise Refusal(f"this reason has {len(reason):,} characters; at most {LONGEST:,} are kept: shorten it")
    return change(store, who, "concluded", number, revision, {"own_conclusion": own.value, "own_reason": reason})


def take(store: Store, who: str, number: int) -> int:
    """Take an open case. Raises Refusal where another was first."""
    row = taken(store, who, select(cases).where(cases.c.number == number, cases.c.state == State.OPEN.value))
    if row is None:
        raise Refusal(f"case {number} is not open any more: somebody took, closed or deleted it; take another")
    return row["revision"] + 1


def take_next(store: Store, who: str) -> int | None:
    """Take the oldest open case that nobody else is about to take. Gives its number; None where there is none."""
    oldest = select(cases).where(cases.c.state == State.OPEN.value).order_by(cases.c.number).limit(1)
    row = taken(store, who, oldest)
    return row and row["number"]


def taken(store: Store, who: str, query: Select) -> RowMapping | None:
    """The case as it was before."""
    who = name_of(who)
    with store.changing() as link:
        row = link.execute(query.with_for_update(skip_locked=True)).mappings().first()
        if row is not None:
            write(link, who, "taken", row, {"state": State.TAKEN.value, "taken_by": who})
        return row


def give_back(store: Store, who: str, number: int) -> int:
    """Open again: a case that was taken, or closed."""
    return change(store, who, "given back", number, None, {"state": State.OPEN.value, "taken_by": ""})


def close(store: Store, who: str, number: int, revision: int) -> int:
    return change(store, who, "closed", number, revision, {"state": State.CLOSED.value})


def remove(store: Store, who: str, number: int, revision: int) -> None:
    """Delete a case: photo, report and notes are wiped; that it was deleted stays in the log."""
    who = name_of(who)
    with store.changing() as link:
        row = locked(link, number, revision)
        journal.lock(link)
        link.execute(delete(cases).where(cases.c.number == number))
        others = link.scalar(select(func.count()).where(cases.c.sha256 == row["sha256"]))
        if not others:
            link.execute(delete(photos).where(photos.c.sha256 == row["sha256"]))
        link.execute(update(log).where(log.c.case == number).values(salt=None, detail=None))
        journal.add(link, who, DELETED, number, {})
    try:
        store.sweep()
    except Refusal as refusal:
        raise Refusal(f"case {number} is deleted, but traces may be left: {refusal}") from None


def change(store: Store, who: str, what: str, number: int, revision: int | None, values: dict) -> int:
    """Write values into a case, unless they are there already."""
    who = name_of(who)
    with store.changing() as link:
        row = locked(link, number, revision)
        if what in ("noted", "concluded", "closed") and row["state"] == State.CLOSED.value:
            raise Refusal(f"case {number} is closed; open it again first")
        if what == "closed" and row["taken_by"] not in ("", who):
            raise Refusal(f"case {number} is taken by {row['taken_by']}; give it back first, or ask them to close it")
        if all(row[name] == value for name, value in values.items()):
            return row["revision"]
        write(link, who, what, row, values)
        return row["revision"] + 1


def locked(link: Connection, number: int, revision: int | None) -> RowMapping:
    row = link.execute(select(cases).where(cases.c.number == number).with_for_update()).mappings().first()
    if row is None:
        raise Refusal(f"case {number} is not there: it may have been deleted; open another")
    if revision not in (None, row["revision"]):
        raise Refusal(f"case {number} was changed by somebody since you opened it; look at it again, then save")
    return row


def write(link: Connection, who: str, what: str, row: RowMapping, values: dict) -> None:
    changed = values | {"revision": row["revision"] + 1}
    link.execute(update(cases).where(cases.c.number == row["number"]).values(**changed))
    journal.add(link, who, what, row["number"], values)


def name_of(who: str) -> str:
    """Whoever changes a case has a name."""
    name = " ".join(text_of(who).split())[:LONGEST_NAME]
    if not name:
        raise Refusal("a change needs a name in the log; say who you are")
    return name
