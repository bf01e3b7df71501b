"""What the pages work with: models, loaded once a process, and the visitor's photos, kept in their session only.

The session keeps what is shown of a photo, under its SHA-256 and name; a photo taken off the list is forgotten.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import streamlit as st

from forensics.calibration import Calibration
from forensics.evidence import Panel
from forensics.inspection import inspect_file
from forensics.page import file_name, page_html
from forensics.report import Report
from forensics.shown import Page, page_of

Key = tuple[str, str]  # SHA-256 of the file's bytes, file name
SESSION = "inspected"


@dataclass(frozen=True)
class Engine:
    """The panel and its calibration. Shared by all sessions, so photos are examined one at a time."""

    panel: Panel
    calibration: Calibration
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def inspect(self, name: str, data: bytes) -> Report:
        with self.one_at_a_time:
            return inspect_file(data, self.panel, self.calibration, name)


@dataclass(frozen=True)
class Inspected:
    """What the session keeps of a photo: no pixels but the page's previews."""

    page: Page
    html: str
    record: dict  # one object of what `forensics inspect --json` writes
    file_name: str  # for downloads, without suffix


@st.cache_resource(show_spinner="Loading the detectors, once")
def engine() -> Engine:
    """Raises Refusal if weights are missing."""
    from detectors import load_examiners

    return Engine(*load_examiners())


def key_of(name: str, data: bytes) -> Key:
    return hashlib.sha256(data).hexdigest(), name


def known(key: Key) -> bool:
    return key in st.session_state.get(SESSION, {})


def inspected(key: Key, data: bytes) -> Inspected:
    """A photo's page, examined the first time it is asked for in this session."""
    kept = st.session_state.setdefault(SESSION, {})
    if key not in kept:
        report = engine().inspect(key[1], data)
        page = page_of(report)
        kept[key] = Inspected(page, page_html(page), report.as_dict(), file_name(report, ""))
    return kept[key]


def forget_all_but(keys: Iterable[Key]) -> None:
    kept = st.session_state.get(SESSION, {})
    for key in set(kept) - set(keys):
        del kept[key]


def as_json(photos: Sequence[Inspected]) -> str:
    """The same text as `forensics inspect --json` writes for these photos."""
    return json.dumps([photo.record for photo in photos], indent=2, ensure_ascii=False) + "\n"
