"""A log that tells when it was tampered with: each entry holds the SHA-256 of the one before.

What an entry tells in detail is sealed, not hashed in the open: the entry holds sha256(salt + detail), and salt
and detail lie beside it. So the details of a deleted case can be wiped for good, and the chain still holds.
Whoever can rewrite the whole log can compute a new chain; exported reports, which carry entries of the old one,
then no longer fit.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

START = "0" * 64  # what the first entry holds as the SHA-256 of the one before
DELETED = "deleted"  # the one kind of entry after which details may be missing


@dataclass(frozen=True)
class Entry:
    """Who did what to which case, when. `salt` and `detail` are None once the case was deleted."""

    number: int  # 1, 2, 3, ...
    time: str  # ISO 8601, UTC
    who: str
    what: str
    case: int
    seal: str  # sha256 of salt and detail
    previous: str  # sha256 of the entry before
    sha256: str
    salt: str | None
    detail: str | None  # JSON

    @classmethod
    def after(cls, last: tuple[int, str], time: str, who: str, what: str, case: int, detail: str) -> Entry:
        """The entry that follows the one of this number and SHA-256."""
        number, previous = last[0] + 1, last[1]
        salt = secrets.token_hex(16)
        sealed = seal(salt, detail)
        digest = fingerprint(number, time, who, what, case, sealed, previous)
        return cls(number, time, who, what, case, sealed, previous, digest, salt, detail)

    def fault(self) -> str | None:
        """What is wrong with this entry by itself, or None."""
        facts = (self.number, self.time, self.who, self.what, self.case, self.seal, self.previous)
        if fingerprint(*facts) != self.sha256:
            return "it was changed: its SHA-256 is another"
        if self.detail is not None and seal(self.salt or "", self.detail) != self.seal:
            return "its details were changed: their seal is another"
        return None


@dataclass(frozen=True)
class Break:
    """The first place where a log, or what it tells of, does not hold. `entry` is 0 where no entry is to blame."""

    entry: int
    why: str


def seal(salt: str, detail: str) -> str:
    return hashlib.sha256(f"{salt}{detail}".encode()).hexdigest()


def fingerprint(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, separators=(",", ":")).encode()).hexdigest()


def first_break(entries: Sequence[Entry], head: tuple[int, str] | None = None) -> Break | None:
    """Where a whole log, in order, is broken first; None if it holds.

    `head`: number and SHA-256 of the last entry as kept elsewhere, which tells that entries were cut off.
    """
    deleted = {entry.case: entry.number for entry in entries if entry.what == DELETED}
    previous = START
    for number, entry in enumerate(entries, 1):
        if entry.number != number:
            return Break(number, "it is missing")
        if entry.previous != previous:
            return Break(number, "it does not follow from the entry before")
        why = entry.fault()
        if why is None and entry.detail is None and deleted.get(entry.case, 0) < number:
            why = "its details are missing, and the case was not deleted"
        if why:
            return Break(number, why)
        previous = entry.sha256
    if head is not None and head != (len(entries), previous):
        return Break(len(entries) + 1, "entries at the end are missing, or were added")
    return None


def first_misfit(entries: Sequence[Entry]) -> Break | None:
    """The same for the entries of one case, between which those of others were left out."""
    last: Entry | None = None
    for entry in entries:
        why = entry.fault()
        if last and entry.number <= last.number:
            why = "the entries are not in order"
        if last and entry.number == last.number + 1 and entry.previous != last.sha256:
            why = "it does not follow from the entry before"
        if why:
            return Break(entry.number, why)
        last = entry
    return None
