"""What is said of a case and of its log, in the visitor's language."""

from __future__ import annotations

from dataclasses import dataclass

from app import drawing
from app.cases.case import Line
from app.words import say
from forensics.chain import Break, Entry
from forensics.reread import details
from forensics.shown import HEADINGS
from forensics.verdict import Conclusion


@dataclass(frozen=True)
class Words:
    """What is said of a case in a line."""

    verdict: str
    state: str
    own: str
    opened: str

    @classmethod
    def of(cls, line: Line) -> Words:
        state = say(f"case.state_{line.state}")
        if line.taken_by:
            state = say(f"case.by_{line.state}", who=line.taken_by)
        own = say("case.line_own", own=named("own_conclusion", line.own_conclusion)) if line.own_conclusion else ""
        opened = say("case.opened", when=when(line.opened), who=line.opened_by)
        return cls(heading(line.conclusion), state, own, opened)


@dataclass(frozen=True)
class Row:
    """A line of the log as it is shown."""

    number: int
    time: str
    who: str
    what: str
    lines: tuple[str, ...]
    sha256: str


def heading(conclusion: str) -> str:
    """The report's conclusion, in the words that it has at the head of the report."""
    written = HEADINGS[Conclusion(conclusion)] if conclusion in set(Conclusion) else conclusion
    return drawing.spoken(f"conclusion_{conclusion}", written)


def when(time: str) -> str:
    return f"{time[:16].replace('T', ' ')} UTC"


def chain(broken: Break | None) -> tuple[str, bool]:
    """Whether log, cases and photos fit together: the text, and whether it is an alarm."""
    if broken is None:
        return say("case.chain_holds"), False
    if broken.entry:
        return say("case.chain_broken", entry=broken.entry, why=broken.why), True
    return say("case.chain_misfit", why=broken.why), True


def told(entry: Entry) -> Row:
    lines = [
        f"{say(f'case.field_{name}')}: {named(name, str(value)) or '–'}"
        for name, value in details(entry).items()
        if name != "row"
    ]
    what = say(f"case.did_{entry.what.replace(' ', '_')}")
    return Row(entry.number, when(entry.time), entry.who, what, tuple(lines), entry.sha256)


def named(name: str, value: str) -> str:
    """Values of ours in the visitor's language; everything else as it is."""
    if name == "state":
        return say(f"case.state_{value}")
    if name == "own_conclusion":
        return say(f"case.own_{value or 'none'}")
    return value
