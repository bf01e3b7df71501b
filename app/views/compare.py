"""Compare: two files beside each other: the same bytes, pixels or picture? And what differs."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import compared, drawing
from app.compared import Compared
from app.parts import draw
from app.slider import slider
from app.words import say
from forensics.photo import Photo, UnreadableImage
from forensics.shown import plain


def page() -> None:
    st.title(say("compare.title"), anchor=False)
    st.write(say("compare.about"))
    files = []
    for side, column in zip(("first", "second"), st.columns(2, gap="medium"), strict=True):
        with column:
            files.append(st.file_uploader(say(f"compare.{side}"), key=f"compare-{side}"))
    if None in files:
        st.session_state.pop(compared.SESSION, None)
        drawing.notice(say("compare.empty"), say("compare.empty_about"))
        return
    photos = [opened(file.name, file.getvalue()) for file in files]
    if None not in photos:
        with st.spinner(say("compare.comparing"), show_time=True):
            found = compared.compared(*photos)
        shown(found, *photos)


def opened(name: str, data: bytes) -> Photo | None:
    """None, and a notice, for a file that is no photo."""
    try:
        return Photo.open(data, name)
    except UnreadableImage as error:
        drawing.notice(say("compare.unreadable", name=name), error.reason)
        return None


def shown(found: Compared, one: Photo, other: Photo) -> None:
    names = (f"1. {one.name}", f"2. {other.name}")
    likeness = found.likeness
    draw("compare", "card", *compared.relation(likeness), compared.told(likeness))
    st.subheader(say("compare.laid"), anchor=False)
    draw("compare", "words", compared.laid(likeness))
    if found.second and found.map:
        pictures(found, names)
    st.subheader(say("compare.fingerprints"), anchor=False)
    hashes = [
        (say("compare.sha256"), *likeness.sha256),
        (say("compare.pixels_sha256"), *likeness.pixels_sha256),
        ("PDQ", *(look.pdq for look in likeness.looks)),
        (say("compare.quality"), *(f"{look.quality} / 100" for look in likeness.looks)),
    ]
    draw("compare", "beside", say("compare.fingerprints"), names, hashes)
    draw("compare", "words", compared.looks(likeness))
    st.subheader(say("compare.metadata"), anchor=False)
    differing = compared.rows(likeness, True)
    if differing:
        draw("compare", "beside", say("compare.metadata"), names, differing)
    else:
        draw("compare", "words", say("compare.metadata_none"))
    alike = compared.rows(likeness, False)
    with st.expander(say("compare.metadata_same", n=len(alike))):
        draw("compare", "beside", say("compare.metadata"), names, alike)


def pictures(found: Compared, names: tuple[str, str]) -> None:
    """The slider, and beside it the difference with its numbers."""
    left, right = st.columns(2, gap="medium")
    with left:
        alts = (say("compare.alt", name=plain(name)) for name in names)
        first, second = (replace(p, alt=alt) for p, alt in zip((found.first, found.second), alts, strict=True))
        slider(first, second, *names, label=say("compare.slider"), key="compare-slider")
        draw("compare", "words", say("compare.slider_about"))
    with right:
        gain = found.likeness.difference.gain
        draw("compare", "map", found.map, say("compare.map_alt", gain=gain))
        draw("compare", "words", say("compare.map_about", gain=gain))
        drawing.pairs(say("compare.difference"), compared.numbers(found.likeness))
