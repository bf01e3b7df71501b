"""A case as it is kept, and reading cases from the store."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import RowMapping, func, or_, select

from app.cases.store import Store
from app.cases.tables import cases, photos
from forensics.refusal import Refusal

LONGEST = 100_000  # characters of notes
AT_ONCE = 20  # cases listed at a time


class State(StrEnum):
    OPEN = "open"
    TAKEN = "taken"
    CLOSED = "closed"


class Own(StrEnum):
    """What an analyst may conclude: of two explanations, like the verdict, never "fake" or "authentic"."""

    NONE = ""
    GENERATED = "generated"
    EDITED = "edited"
    CAMERA = "camera"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Line:
    """A case in the list."""

    number: int
    opened: str
    opened_by: str
    state: State
    taken_by: str
    file: str
    sha256: str
    conclusion: str
    log10_lr: float | None
    own_conclusion: Own
    thumbnail: bytes


@dataclass(frozen=True)
class Case(Line):
    """A case with all that belongs to it, but for the photo's bytes. `revision` grows with every change."""

    revision: int
    notes: str
    own_reason: str
    record: str  # JSON
    page: str  # JSON


@dataclass(frozen=True)
class Wanted:
    """Which cases are listed. Empty = any."""

    state: str = ""
    taken_by: str = ""
    conclusion: str = ""
    words: str = ""  # in the file's name or the notes, or the start of the SHA-256


LINE = [cases.c[name] for name in Line.__dataclass_fields__]


def listed(store: Store, wanted: Wanted, most: int = AT_ONCE) -> tuple[list[Line], int]:
    """The newest cases that are wanted, and how many there are in all."""
    query = select(*LINE)
    for name in ("state", "taken_by", "conclusion"):
        if value := getattr(wanted, name):
            query = query.where(cases.c[name] == str(value))
    if words := text_of(wanted.words):
        query = query.where(
            or_(
                cases.c.file.icontains(words, autoescape=True),
                cases.c.notes.icontains(words, autoescape=True),
                cases.c.sha256.istartswith(words, autoescape=True),
            )
        )
    with store.reading() as link:
        total = link.scalar(select(func.count()).select_from(query.subquery()))
        rows = link.execute(query.order_by(cases.c.number.desc()).limit(most)).mappings().all()
    return [Line(**fields(row, Line)) for row in rows], total


def case(store: Store, number: int) -> Case:
    """Raises Refusal where there is no such case."""
    with store.reading() as link:
        row = link.execute(select(cases).where(cases.c.number == number)).mappings().first()
    if row is None:
        raise Refusal(f"case {number} is not there: it may have been deleted; open another")
    return Case(**fields(row, Case))


def fields(row: RowMapping, kind: type) -> dict:
    values = {name: row[name] for name in kind.__dataclass_fields__}
    return values | {"state": State(row["state"]), "own_conclusion": Own(row["own_conclusion"])}


def photo(store: Store, sha256: str) -> bytes | None:
    """The photo's bytes, None where none of that SHA-256 is kept."""
    with store.reading() as link:
        return link.scalar(select(photos.c.data).where(photos.c.sha256 == sha256))


def digest(row: Mapping) -> str:
    """SHA-256 of everything in a case's row: what the log's last entry about it has to name."""
    values = {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def text_of(given: str) -> str:
    """Text as every database keeps it: no NUL, nothing that is no character."""
    text = given.encode("utf-8", "backslashreplace").decode().replace("\0", "\N{SYMBOL FOR NULL}")
    return re.sub(r"\r\n?", "\n", text).strip()
