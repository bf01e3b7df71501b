"""What the pages work with: models, loaded once a process, and the visitor's photos, kept in their session only.

The session keeps a photo's bytes and what is shown of it, under its SHA-256 and name, and the maps drawn of it, under
its SHA-256. A photo taken off the list, or forgotten by its button, leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st
from PIL import Image

from forensics.calibration import Calibration
from forensics.closer import part_of
from forensics.evidence import Mark, Panel
from forensics.inspection import inspect_file
from forensics.page import file_name, page_html
from forensics.photo import Photo
from forensics.report import Report
from forensics.shown import Page, Picture, page_of, stored
from forensics.stability import REPOSTINGS, Reposting
from forensics.whereabouts import Place, place

Key = tuple[str, str]  # SHA-256 of the file's bytes, file name
SESSION = "inspected"
DRAWN = "maps"


@dataclass(frozen=True)
class Engine:
    """The panel and its calibration. Shared by all sessions, so photos are examined one at a time."""

    panel: Panel
    calibration: Calibration
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def inspect(self, name: str, data: bytes, repostings: Sequence[Reposting] = ()) -> Report:
        with self.one_at_a_time:
            return inspect_file(data, self.panel, self.calibration, name, repostings)


@dataclass(frozen=True)
class Inspected:
    """What the session keeps of a photo: its bytes, and the page's previews."""

    page: Page
    record: dict  # one object of what `forensics inspect --json` writes
    file_name: str  # for downloads, without suffix
    key: Key = ("", "")
    data: bytes = field(default=b"", repr=False)
    place: Place | None = None  # where it was taken, if its EXIF tells
    seconds: float = 0.0  # that it took to examine

    @classmethod
    def of(cls, report: Report, key: Key, data: bytes, seconds: float) -> Inspected:
        where = place(data) if report.photo else None
        return cls(page_of(report), report.as_dict(), file_name(report, ""), key, data, where, seconds)

    @property
    def html(self) -> str:
        """The report as `forensics inspect --html` writes it."""
        return page_html(self.page)

    @property
    def scores(self) -> dict[str, float | None]:
        return {told["detector"]: told["score"] for told in self.record["evidence"]}


@dataclass(frozen=True)
class Drawn:
    """A map of a photo: a picture and words, nothing to weigh."""

    picture: Picture
    words: str


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
        kept[key] = examined(key, data)
    return kept[key]


def reposted(photo: Inspected, told: Callable[[int, str], None]) -> Inspected:
    """The photo's page once more, concluding only what outlives re-posting; `told` how many were tried, and the next.

    The same report as `forensics inspect --stability`.
    """
    steps = [watched(i, reposting, told) for i, reposting in enumerate(REPOSTINGS)]
    kept = st.session_state.setdefault(SESSION, {})
    kept[photo.key] = examined(photo.key, photo.data, steps)
    return kept[photo.key]


def examined(key: Key, data: bytes, repostings: Sequence[Reposting] = ()) -> Inspected:
    start = time.monotonic()
    report = engine().inspect(key[1], data, repostings)
    return Inspected.of(report, key, data, time.monotonic() - start)


def watched(number: int, reposting: Reposting, told: Callable[[int, str], None]) -> Reposting:
    def through(pixels):
        told(number, reposting.name)
        return reposting.through(pixels)

    return replace(reposting, through=through)


def maps() -> tuple:
    """All kinds of maps, `detectors.maps.MAPS`."""
    from detectors.maps import MAPS

    return MAPS


def drawn(photo: Inspected, kind) -> Drawn:
    """A map of a photo, drawn the first time it is asked for in this session."""
    kept = st.session_state.setdefault(DRAWN, {}).setdefault(photo.key[0], {})
    if kind.name not in kept:
        drawing = kind().draw(Photo.open(photo.data, photo.key[1]))
        kept[kind.name] = Drawn(stored(Image.fromarray(drawing.picture), "PNG", ""), drawing.words)
    return kept[kind.name]


def closer(photo: Inspected, mark: Mark | None) -> Picture:
    """A part of the photo at its own pixels; kept by nobody."""
    return part_of(Photo.open(photo.data, photo.key[1]), mark)


def forget_all_but(keys: Iterable[Key]) -> None:
    """Photos that are not in `keys`, and their maps."""
    keys = set(keys)
    kept, digests = st.session_state.get(SESSION, {}), {digest for digest, _ in keys}
    for key in set(kept) - keys:
        del kept[key]
    maps_of = st.session_state.get(DRAWN, {})
    for digest in set(maps_of) - digests:
        del maps_of[digest]


def as_json(photos: Sequence[Inspected]) -> str:
    """The same text as `forensics inspect --json` writes for these photos."""
    return json.dumps([photo.record for photo in photos], indent=2, ensure_ascii=False) + "\n"
