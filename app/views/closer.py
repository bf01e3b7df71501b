"""A part of the photo at its own pixels, lossless, where a mark is or in the middle."""

from __future__ import annotations

import streamlit as st

from app import drawing, resources
from app.resources import Inspected
from app.words import say
from forensics.shown import plain


@st.fragment
def look(photo: Inspected) -> None:
    if not st.toggle(say("inspect.closer"), key="closer"):
        return
    marks = [None, *photo.page.marks]
    names = [say("inspect.closer_middle"), *(plain(f"{n.number} {n.mark.label}") for n in photo.page.marks)]
    chosen = st.selectbox(say("inspect.closer_where"), range(len(marks)), format_func=names.__getitem__, key="part")
    at = marks[min(chosen or 0, len(marks) - 1)]
    drawing.closer(resources.closer(photo, at and at.mark))
