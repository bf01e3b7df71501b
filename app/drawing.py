"""The parts of a report on a Streamlit page. The HTML report has the same parts (forensics/parts.html).

Names and metadata never go through Streamlit's Markdown, where they could draw links and pictures:
they are escaped by the templates and drawn with `st.html`, exhibits lossless as they came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

import streamlit as st
from PIL import Image

from app.words import language, say
from forensics.page import as_written, page_html, part
from forensics.shown import Item, Page, Picture
from forensics.stability import Stability

WIDTH = "<style>.stMainBlockContainer{max-width:1180px;padding-top:4.5rem}</style>"
# On the light blue of the dark theme Streamlit writes white: 2.1 to 1, where 4.5 can be read.
PRIMARY = '<style>.stApp [data-testid^="stBaseButton-primary"]{color:light-dark(#fff,#0b1a26)}</style>'
ALT = re.compile(r'(?<= alt=")[^"]*')  # templates write a quote of the text as &#34;


@cache
def icon() -> Image.Image:
    """The browser tab's icon: camera blue beside generator vermillion, a needle between."""
    drawn = Image.new("RGB", (64, 64), "#0067a3")
    drawn.paste("#d55e00", (32, 0, 64, 64))
    drawn.paste("#ffffff", (29, 10, 35, 54))
    return drawn


def spoken(key: str, english: str, **fields: object) -> str:
    """A template's words in the visitor's language; what the catalogue lacks is a plug-in's, and said as it came."""
    try:
        return say(f"inspect.{key}", **fields)
    except KeyError:
        return as_written(key, english, **fields)


def draw(name: str, *shown: object) -> None:
    st.html(with_alt(part(name, *shown, say=spoken)))


def with_alt(html: str) -> str:
    """Streamlit drops an attribute with `</script>` in it, as a camera may call itself: angles are drawn instead."""
    return ALT.sub(lambda alt: alt[0].replace("&lt;", "‹").replace("&gt;", "›"), html)


def whole(page: Page) -> str:
    """The report as one HTML file, in the visitor's language."""
    return page_html(page, spoken, language())


def style() -> None:
    st.html(WIDTH + PRIMARY + part("style"))


def verdict(page: Page) -> None:
    """The verdict card: conclusion, words, number on the scale, grounds."""
    draw("verdict", page)


def stability(found: Stability) -> None:
    """What the scores say after each re-posting."""
    draw("stability", found)


def photo(page: Page) -> None:
    """The photo with all marks drawn on it."""
    if page.picture:
        draw("photo", page)


def evidence(item: Item) -> None:
    draw("evidence", item)


def panel(page: Page, scores: Mapping[str, float | None]) -> None:
    """One line a detector."""
    draw("panel", page, scores)


def closer(picture: Picture) -> None:
    """A picture one to one."""
    draw("closer", picture)


def aid(picture: Picture, label: str, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """A visual aid, with the label that says so, and what is to be known of it."""
    draw("aid", picture, label, title, rows)


def pairs(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Two columns: names and values."""
    draw("pairs", rows, title)


def overview(pages: Sequence[Page]) -> None:
    """One line a photo."""
    draw("overview", pages)


def notice(title: str, text: str) -> None:
    """A box with one thing to know; the text is shown as it is."""
    draw("notice", title, text)
