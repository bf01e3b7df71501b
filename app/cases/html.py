"""A case as one HTML file: the report's page, then conclusion, notes and log, and the record for machines."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from app.cases.dossier import Dossier, compact, told
from forensics.page import page_html, templates

END = "</main>"


@cache
def parts():
    source = Path(__file__).with_name("sections.html").read_text(encoding="utf-8")
    return templates().from_string(source, {"told": told}).module


def as_html(dossier: Dossier) -> str:
    """Everything that a report holds is escaped, so that its page has one end."""
    before, after = page_html(dossier.page).rsplit(END, 1)
    return before + str(parts().sections(dossier, compact(dossier))) + END + after
