"""The log of a case store: every change is an entry; and whether entries, cases and photos still fit together."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from app.cases.case import digest
from app.cases.store import Store
from app.cases.tables import about, cases, log, photos
from forensics.chain import DELETED, Break, Entry, first_break


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def lock(link: Connection) -> dict[str, str]:
    """The counters. Until the transaction ends nobody else adds to the log."""
    rows = link.execute(select(about).order_by(about.c.name).with_for_update())
    return {row.name: row.value for row in rows}


def add(link: Connection, who: str, what: str, number: int, detail: dict) -> Entry:
    """Write that somebody did something to a case. `detail` gets the digest of the case's row as it is now."""
    counters = lock(link)
    row = link.execute(select(cases).where(cases.c.number == number)).mappings().first()
    told = json.dumps(detail | ({"row": digest(row)} if row else {}))
    entry = Entry.after((int(counters["entries"]), counters["head"]), now(), who, what, number, told)
    link.execute(insert(log).values(**vars(entry)))
    count(link, "entries", entry.number)
    count(link, "head", entry.sha256)
    return entry


def count(link: Connection, name: str, value: object) -> None:
    link.execute(update(about).where(about.c.name == name).values(value=str(value)))


def entries(store: Store, number: int | None = None) -> list[Entry]:
    """The whole log, or what is in it about one case, in order."""
    with store.reading() as link:
        return read(link, number)


def read(link: Connection, number: int | None = None) -> list[Entry]:
    query = select(log).order_by(log.c.number)
    if number is not None:
        query = query.where(log.c.case == number)
    return [Entry(**row) for row in link.execute(query).mappings()]


def check(store: Store, only: int | None = None) -> Break | None:
    """Where the log, or a case or photo that it tells of, was tampered with first; None if all fits.

    `only`: of cases and photos, look at this case's alone; the log is looked at as a whole.
    """
    with store.reading() as link:
        counters = {row.name: row.value for row in link.execute(select(about))}
        written = read(link)
        number, head = counters.get("entries", ""), counters.get("head", "")
        broken = first_break(written, (int(number) if number.isdecimal() else -1, head))
        if broken:
            return broken
        last = {entry.case: entry for entry in written}
        wanted = [only] if only is not None else sorted(last.keys() | set(link.scalars(select(cases.c.number))))
        for one in wanted:
            if broken := misfit(link, one, last.get(one)):
                return broken
    return None


def misfit(link: Connection, number: int, entry: Entry | None) -> Break | None:
    """What of a case does not fit its last entry."""
    row = link.execute(select(cases).where(cases.c.number == number)).mappings().first()
    gone = entry is None or entry.what == DELETED
    if row is None:
        return None if gone else Break(entry.number, f"case {number} is gone, and was not deleted")
    if gone:
        return Break(0, f"case {number} is there, but the log does not tell how it came")
    if json.loads(entry.detail).get("row") != digest(row):
        return Break(entry.number, f"case {number} was changed after this entry, past the log")
    data = link.scalar(select(photos.c.data).where(photos.c.sha256 == row["sha256"]))
    if data is None or hashlib.sha256(data).hexdigest() != row["sha256"]:
        return Break(entry.number, f"the photo of case {number} is missing or another")
    return None
