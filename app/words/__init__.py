"""All that the app says, in one catalogue: a folder a language, a file a page, a key a sentence.

`say("inspect.title")` is the value of `title` in `inspect.toml` of the visitor's language; what a language lacks is
said in English. Fields are put in by name: `say("inspect.examining", number=1, total=3)`. A test holds that all
languages have the same keys and fields, and that pages have no words of their own.

What detectors find, and the verdict's own words, are the engine's: the same text in the report, the JSON and here.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
LANGUAGES = {"en": "English", "es": "Español"}
CHOSEN = "language"  # of the session


@cache
def catalogue(language: str) -> dict[str, str]:
    """Key, "page.name", → text."""
    found = {}
    for path in sorted((HERE / language).glob("*.toml")):
        for name, text in tomllib.loads(path.read_text(encoding="utf-8")).items():
            found[f"{path.stem}.{name}"] = text
    return found


def language() -> str:
    """The visitor's: chosen, or else the browser's where there is one of it, or English."""
    chosen = st.session_state.get(CHOSEN)
    if chosen not in LANGUAGES:
        chosen = (st.context.locale or "en").split("-")[0]
    return chosen if chosen in LANGUAGES else "en"


def say(key: str, **fields: object) -> str:
    """A sentence in the visitor's language. Raises KeyError for a key that English lacks."""
    text = catalogue(language()).get(key) or catalogue("en")[key]
    return text.format(**fields) if fields else text


def choose() -> None:
    """The widget that changes the language."""
    codes = list(LANGUAGES)
    now = codes.index(language())
    st.selectbox(
        say("main.language"), codes, now, format_func=LANGUAGES.__getitem__, key=CHOSEN, label_visibility="collapsed"
    )
