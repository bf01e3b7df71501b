"""Photos that a stored result lists as mistakes: opened only where the file is still the one that was measured.

The path comes from the result and from nowhere else, and the file's SHA-256 must be the listed one: a result that was
tampered with can show no file but one whose content its author knew.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.words import say
from benchmarks.detection.mistakes import Mistake
from forensics.photo import Photo, UnreadableImage, read_file
from forensics.shown import Picture, shrunk, stored

SIDE = 360  # px of a thumbnail's longer side
SESSION = "thumbnails"


@dataclass(frozen=True)
class Look:
    """A thumbnail, or in words why there is none."""

    picture: Picture | None
    reason: str = ""


def bytes_of(mistake: Mistake) -> bytes:
    """The file that was measured. Raises UnreadableImage when it is gone or is another by now."""
    try:
        data = read_file(Path(mistake.photo))
    except UnreadableImage as error:
        raise UnreadableImage(say("benchmarks.gone", reason=error.reason)) from None
    if hashlib.sha256(data).hexdigest() != mistake.sha256:
        raise UnreadableImage(say("benchmarks.changed"))
    return data


def look(mistake: Mistake) -> Look:
    """Made once a session; a photo that could not be shown is tried anew."""
    kept = st.session_state.setdefault(SESSION, {})
    key = mistake.photo, mistake.sha256
    if key not in kept:
        try:
            photo = Photo.open(bytes_of(mistake))
        except UnreadableImage as error:
            return Look(None, error.reason)
        kept[key] = Look(stored(shrunk(photo.pixels, SIDE), "JPEG", f"{mistake.label}: {mistake.source}"))
    return kept[key]
