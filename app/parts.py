"""Parts of a page as HTML: the macros of the template beside its view, escaped, in the visitor's language."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

from app.measured import coded
from app.words import say
from forensics.page import templates

VIEWS = Path(__file__).resolve().parent / "views"


@cache
def macros(view: str):
    source = (VIEWS / f"{view}.html").read_text(encoding="utf-8")
    return templates().from_string(source, {"coded": coded, "say": say}).module


def draw(view: str, name: str, *shown: object) -> None:
    """A macro of `views/VIEW.html` on the page."""
    st.html(str(getattr(macros(view), name)(*shown)))
