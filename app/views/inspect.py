"""Inspect: drop photos, read a verdict on each, see what it rests on, take the report along."""

from __future__ import annotations

import streamlit as st

from app import drawing, resources
from app.resources import Inspected
from forensics.refusal import Refusal
from forensics.shown import plain

MOST = 20


def page() -> None:
    st.title("Inspect photos", anchor=False)
    st.write("Did a camera take it, or did a generator make it? Evidence, weighed, with how sure it is.")
    files = st.file_uploader(
        "Photos: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC, at most 20 at a time",
        accept_multiple_files=True,
        key="photos",
    )
    try:
        resources.engine()
    except Refusal as refusal:
        drawing.notice("The detectors could not be loaded", str(refusal))
        return
    if len(files) > MOST:
        drawing.notice(
            f"The first {MOST} photos are examined",
            f"{len(files) - MOST} more were left out. For whole folders there is `forensics scan FOLDER`.",
        )
    photos = examined(files[:MOST])
    if not photos:
        empty()
        return
    if len(photos) > 1:
        several(photos)
    else:
        one(photos[0])


def examined(files: list) -> list[Inspected]:
    """Each photo's report; those seen before in this session are not examined again."""
    found, keys = [], []
    for i, file in enumerate(files, 1):
        data = file.getvalue()
        key = resources.key_of(file.name, data)
        keys.append(key)
        if resources.known(key):
            found.append(resources.inspected(key, data))
        else:
            with st.spinner(f"Examining photo {i} of {len(files)}", show_time=True):
                found.append(resources.inspected(key, data))
    resources.forget_all_but(keys)
    return found


def empty() -> None:
    drawing.notice(
        "Nothing leaves this machine",
        "Photos are examined here and kept only until you close the page or take them off the list. "
        "The original file says more than a screenshot or a copy from a social network.",
    )


def several(photos: list[Inspected]) -> None:
    st.subheader("All photos", anchor=False)
    drawing.overview([photo.page for photo in photos])
    everything = resources.as_json(photos)
    st.download_button(
        "All verdicts (JSON)", everything, "verdicts.json", "application/json", on_click="ignore", key="all-json"
    )
    names = [f"{i}. {plain(photo.page.file)}" for i, photo in enumerate(photos, 1)]
    chosen = st.selectbox("Photo", range(len(photos)), format_func=names.__getitem__, key="chosen")
    one(photos[min(chosen or 0, len(photos) - 1)])


def one(photo: Inspected) -> None:
    shown = photo.page
    drawing.verdict(shown)
    name, record = photo.file_name, resources.as_json([photo])
    with st.container(horizontal=True):
        st.download_button("Report (HTML)", photo.html, f"{name}.html", "text/html", on_click="ignore", key="html")
        st.download_button(
            "Verdict (JSON)", record, f"{name}.json", "application/json", on_click="ignore", key="json"
        )
    if shown.reason is None:
        left, right = st.columns([3, 5], gap="medium")
        with left:
            st.subheader("The photo", anchor=False)
            drawing.photo(shown)
        with right:
            st.subheader("Evidence, strongest first", anchor=False)
            for item in shown.items:
                drawing.evidence(item)
    st.subheader("The file", anchor=False)
    drawing.pairs("The file", shown.facts)
    if shown.metadata:
        with st.expander("What the file says of itself"):
            drawing.pairs("Metadata", shown.metadata)
    with st.expander("Made with"):
        drawing.pairs("Versions", shown.versions)
