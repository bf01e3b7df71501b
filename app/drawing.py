"""The parts of a report on a Streamlit page. The HTML report has the same parts (forensics/parts.html).

Names and metadata never go through Streamlit's Markdown, where they could draw links and pictures:
they are escaped by the templates and drawn with `st.html`, exhibits lossless as they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import streamlit as st
from PIL import Image

from forensics.page import part
from forensics.shown import Item, Page

WIDTH = "<style>.stMainBlockContainer{max-width:1180px;padding-top:4.5rem}</style>"


@cache
def icon() -> Image.Image:
    """The browser tab's icon: camera blue beside generator vermillion, a needle between."""
    drawn = Image.new("RGB", (64, 64), "#0067a3")
    drawn.paste("#d55e00", (32, 0, 64, 64))
    drawn.paste("#ffffff", (29, 10, 35, 54))
    return drawn


def style() -> None:
    st.html(WIDTH + part("style"))


def verdict(page: Page) -> None:
    """The verdict card: conclusion, words, number on the scale, grounds."""
    st.html(part("verdict", page))


def photo(page: Page) -> None:
    """The photo with all marks drawn on it."""
    if page.picture:
        st.html(part("photo", page))


def evidence(item: Item) -> None:
    st.html(part("evidence", item))


def pairs(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Two columns: names and values."""
    st.html(part("pairs", rows, title))


def overview(pages: Sequence[Page]) -> None:
    """One line a photo."""
    st.html(part("overview", pages))


def notice(title: str, text: str) -> None:
    """A box with one thing to know; the text is shown as it is."""
    st.html(part("notice", title, text))
