"""The tabs below a verdict: Provenance, Metadata, File and JPEG, Pixel maps, Detectors. Only the open one is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import streamlit as st

from app import drawing, resources
from app.resources import Inspected
from app.words import say
from forensics.shown import plain

PROVENANCE = ("credentials", "declarations")
FILE = ("jpeg",)


@st.fragment
def tabs(photo: Inspected) -> None:
    """A fragment: to change the tab draws nothing else anew."""
    parts = {
        "provenance": provenance,
        "metadata_tab": metadata,
        "file_tab": file,
        "maps": maps,
        "detectors": detectors,
    }
    made = st.tabs([say(f"inspect.{name}") for name in parts], on_change="rerun", key="tabs")
    for tab, part in zip(made, parts.values(), strict=True):
        if tab.open:
            with tab:
                part(photo)


def provenance(photo: Inspected) -> None:
    st.write(say("inspect.provenance_about"))
    of(photo, PROVENANCE)


def metadata(photo: Inspected) -> None:
    st.write(say("inspect.metadata_about"))
    rows = list(photo.page.metadata)
    if photo.place:
        exact = st.toggle(say("inspect.place_show"), key="place")
        rows.append((say("inspect.fact_place"), photo.place.words(5 if exact else 1)))
    if rows:
        drawing.pairs(say("inspect.metadata"), rows)
    else:
        drawing.notice(say("inspect.metadata_none"), say("inspect.metadata_none_about"))


def file(photo: Inspected) -> None:
    drawing.pairs(say("inspect.the_file"), photo.page.facts)
    of(photo, FILE)


def maps(photo: Inspected) -> None:
    """One at a time, when it is chosen."""
    st.write(say("maps.about"))
    kinds = {kind.name: kind for kind in resources.maps()}
    chosen = st.pills(
        say("maps.which"), list(kinds), format_func=lambda name: say(f"maps.{name}_title"), key="map", default=None
    )
    if chosen not in kinds:
        return
    title = say(f"maps.{chosen}_title")
    with st.spinner(say("maps.drawing"), show_time=True):
        drawn = resources.drawn(photo, kinds[chosen])
    rows = [(say(f"maps.{row}"), say(f"maps.{chosen}_{row}")) for row in ("shows", "misses")]
    rows += [(say("maps.done"), drawn.words), (say("maps.source"), kinds[chosen].source)]
    picture = replace(drawn.picture, alt=say("maps.alt", title=title, file=plain(photo.page.file)))
    drawing.aid(picture, say("maps.label"), title, rows)


def detectors(photo: Inspected) -> None:
    st.write(say("inspect.detectors_about"))
    drawing.panel(photo.page, photo.scores)
    drawing.pairs(say("inspect.made_with"), photo.page.versions)


def of(photo: Inspected, names: Iterable[str]) -> None:
    """The evidence of these detectors."""
    for item in photo.page.items:
        if item.detector in names:
            drawing.evidence(item)
