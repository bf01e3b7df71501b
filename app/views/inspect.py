"""Inspect: drop photos, read a verdict on each, see what it rests on, take the report along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from app import brought, drawing, resources
from app.resources import Inspected, Key
from app.views import case, closer, inspect_tabs, stability
from app.words import say
from forensics.refusal import Refusal
from forensics.shown import Page, plain

MOST = 20


def page() -> None:
    st.title(say("inspect.title"), anchor=False)
    st.write(say("inspect.about"))
    photos = brought.uploader(say("inspect.upload", most=MOST))
    try:
        resources.engine()
    except Refusal as refusal:
        drawing.notice(say("inspect.no_detectors"), str(refusal))
        return
    if len(photos) > MOST:
        left = len(photos) - MOST
        drawing.notice(say("inspect.too_many", most=MOST), say("inspect.too_many_left", left=left))
    found = examined(dict(list(photos.items())[:MOST]))
    if not found:
        drawing.notice(say("inspect.private"), say("inspect.private_about"))
        return
    if len(found) > 1:
        several(found)
    else:
        one(found[0], forgettable=True)


def examined(photos: Mapping[Key, bytes]) -> list[Inspected]:
    """Each photo's report, told as it comes; those seen before in this session are not examined again."""
    found: list[Inspected] = []
    waiting, so_far = st.empty(), st.empty()
    for i, (key, data) in enumerate(photos.items(), 1):
        if resources.known(key):
            found.append(resources.inspected(key, data))
        else:
            with waiting, st.spinner(say("inspect.examining", number=i, total=len(photos)), show_time=True):
                found.append(resources.inspected(key, data))
            if i < len(photos):
                with so_far.container():
                    drawing.overview([photo.page for photo in found])
    so_far.empty()
    resources.forget_all_but(photos)
    return found


def several(photos: list[Inspected]) -> None:
    st.subheader(say("inspect.all"), anchor=False)
    drawing.overview([photo.page for photo in photos])
    everything = resources.as_json(photos)
    st.download_button(
        say("inspect.all_json"), everything, "verdicts.json", "application/json", on_click="ignore", key="all-json"
    )
    names = [f"{i}. {plain(photo.page.file)}" for i, photo in enumerate(photos, 1)]
    chosen = st.selectbox(say("inspect.photo"), range(len(photos)), format_func=names.__getitem__, key="chosen")
    one(photos[min(chosen or 0, len(photos) - 1)], forgettable=True)


def one(photo: Inspected, forgettable: bool = False) -> None:
    """Verdict, whether it outlives re-posting, evidence, tabs; if `forgettable`, a button that forgets the photo."""
    card, taken, panel = st.empty(), st.container(), st.container()
    with card.container():
        verdict(photo.page)
    if photo.page.reason is None:
        with panel:
            steady = stability.panel(photo)
        if steady is not photo:
            photo = steady
            with card.container():
                verdict(photo.page)
    with taken:
        takings(photo, forgettable)
    if photo.page.reason is None:
        evidence(photo)
        st.subheader(say("inspect.look_closer"), anchor=False)
        closer.look(photo)
        inspect_tabs.tabs(photo)
    st.subheader(say("inspect.the_file"), anchor=False)
    drawing.pairs(say("inspect.the_file"), photo.page.facts[:2])


def verdict(shown: Page) -> None:
    drawing.verdict(shown)
    if say("inspect.engine"):
        st.caption(say("inspect.engine"))


def takings(photo: Inspected, forgettable: bool) -> None:
    """What can be taken along, and the way to leave nothing behind."""
    name = photo.file_name
    with st.container(horizontal=True, vertical_alignment="bottom"):
        decimals = where(photo) if photo.place else None
        st.download_button(
            say("inspect.html"),
            lambda: report(photo, decimals),
            f"{name}.html",
            "text/html",
            on_click="ignore",
            key="html",
        )
        record = resources.as_json([photo])
        st.download_button(
            say("inspect.json"), record, f"{name}.json", "application/json", on_click="ignore", key="json"
        )
        if forgettable:
            keep = st.button(say("case.save"), key=f"case-save-{photo.key[0][:16]}", help=say("case.save_help"))
            st.button(say("inspect.forget"), key="forget", on_click=brought.forget, args=(photo.key[0],))
    if forgettable and keep:
        case.keep(photo)


def where(photo: Inspected) -> int | None:
    """How exactly the HTML report tells where the photo was taken: decimals of a degree, None = not at all."""
    choices = {None: "place_out", 1: "place_coarse", 5: "place_exact"}
    return st.selectbox(
        say("inspect.place_in_report"),
        list(choices),
        format_func=lambda decimals: say(f"inspect.{choices[decimals]}"),
        key="place-in-report",
        width=260,
    )


def report(photo: Inspected, decimals: int | None = None) -> str:
    """The HTML report; the place is in it only if it was asked for. The JSON never has it."""
    shown = photo.page
    if photo.place and decimals is not None:
        shown = replace(shown, metadata=(*shown.metadata, (say("inspect.fact_place"), photo.place.words(decimals))))
    return drawing.whole(shown)


def evidence(photo: Inspected) -> None:
    """The photo beside what weighs; what was looked at in vain is folded up below it."""
    weighs = [item for item in photo.page.items if item.part is not None or item.claim or item.edited]
    rest = [item for item in photo.page.items if item not in weighs]
    left, right = st.columns([3, 5], gap="medium")
    with left:
        st.subheader(say("inspect.the_photo"), anchor=False)
        drawing.photo(photo.page)
    with right:
        st.subheader(say("inspect.evidence"), anchor=False)
        for item in weighs:
            drawing.evidence(item)
        if rest:
            with st.expander(say("inspect.rest", count=len(rest)), expanded=not weighs):
                for item in rest:
                    drawing.evidence(item)
