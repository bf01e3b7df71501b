"""The parts of a benchmark's result as HTML (measured.html), and text made harmless for Streamlit's Markdown."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import streamlit as st
from markupsafe import Markup, escape

from app.words import say
from forensics.page import templates
from forensics.shown import plain

MARKS = re.compile(r"([!-/:-@\[-`{-~])")  # ASCII punctuation: all that Markdown could mean something by
LINK = re.compile(r"(?i)(https?|ftp|www|mailto)(?=[.:])")


@cache
def parts():
    source = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return templates().from_string(source, {"coded": coded, "say": say}).module


def draw(name: str, *shown: object) -> None:
    """One part ("warnings", "line", "title", ...: the macros of measured.html) on the page."""
    st.html(str(getattr(parts(), name)(*shown)))


def coded(text: str) -> Markup:
    """Escaped, with what stands between `backticks` set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(plain(text)))))


def literal(text: str) -> str:
    """Markdown that shows the text as it is: without links, pictures or colours, whatever it holds."""
    return LINK.sub("\\1\u2060", MARKS.sub(r"\\\1", plain(text)))
