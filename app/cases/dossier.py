"""All that is taken along of a case, and its JSON: the record that the HTML and the PDF hold inside as well."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath

from app.cases import journal
from app.cases.case import Case, Own, case, photo
from app.cases.shown import page_of
from app.cases.store import Store
from forensics.chain import Break, Entry
from forensics.reread import KIND, details
from forensics.shown import Page
from forensics.whereabouts import place

VERSION = 1
CONCLUDED = {
    Own.NONE: "None yet.",
    Own.GENERATED: "A generator made it.",
    Own.EDITED: "It was edited with generated parts.",
    Own.CAMERA: "A camera took it.",
    Own.UNDECIDED: "It cannot be decided.",
}
EXACT = 6  # decimals of a degree
TOLD = "number opened opened_by state taken_by file sha256 notes own_conclusion own_reason revision".split()


@dataclass(frozen=True)
class Dossier:
    """A case as it is now. `place` is None where nobody asked where the photo was taken."""

    case: Case
    page: Page
    entries: tuple[Entry, ...]
    broken: Break | None
    exported: str  # when
    place: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, store: Store, number: int) -> Dossier:
        """Raises Refusal where the case is not there."""
        found = case(store, number)
        entries = tuple(journal.entries(store, number))
        return cls(found, page_of(found.page), entries, journal.check(store, number), journal.now())

    def with_place(self, store: Store) -> Dossier:
        """The same, saying where the photo was taken."""
        known = place(photo(store, self.case.sha256) or b"")
        where = known.words(EXACT) if known else "the file does not tell"
        page = replace(self.page, metadata=(*self.page.metadata, ("Taken at", where)))
        return replace(self, page=page, place=where)

    @property
    def chain(self) -> str:
        """Whether the log holds, as a sentence."""
        if self.broken is None:
            return "The log holds: no entry, case or photo was changed past it."
        at = f"entry {self.broken.entry}" if self.broken.entry else "the case itself"
        return f"The log is broken at {at}: {self.broken.why}."

    @property
    def concluded(self) -> str:
        """The analyst's own conclusion, as a sentence."""
        return CONCLUDED[self.case.own_conclusion]

    @property
    def state(self) -> str:
        by = f" by {self.case.taken_by}" if self.case.taken_by else ""
        return f"{self.case.state}{by}"

    def file_name(self, suffix: str) -> str:
        stem = re.sub(r"[^\w-]+", "_", PurePath(self.case.file).stem).strip("_-")[:50] or "photo"
        return f"case-{self.case.number}-{stem}{suffix}"


def record(dossier: Dossier) -> dict:
    kept = asdict(dossier.case)
    found = {
        "kind": KIND,
        "version": VERSION,
        "exported": dossier.exported,
        "case": {name: kept[name] for name in TOLD},
        "report": json.loads(dossier.case.record),
        "log": [asdict(entry) for entry in dossier.entries],
        "log_state": dossier.chain,
    }
    if dossier.place is not None:
        found["place"] = dossier.place
    return found


def as_json(dossier: Dossier) -> str:
    return json.dumps(record(dossier), indent=2) + "\n"


def compact(dossier: Dossier) -> str:
    """The same in one line of printable ASCII, which starts with its kind: to be put into other files."""
    return json.dumps(record(dossier), separators=(",", ":")).replace("\x7f", "\\u007f")


def told(entry: Entry) -> list[str]:
    """What an entry changed, as lines of text."""
    return [f"{name.replace('_', ' ')}: {value or '–'}" for name, value in details(entry).items() if name != "row"]
