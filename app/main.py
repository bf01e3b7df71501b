"""The app's front door: which pages there are. `forensics app` serves it."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

from app import drawing
from app.views import batch, benchmarks, cards, case, compare, generators, guess, guide, inspect
from app.words import choose, say

HERE = str(Path(__file__).resolve().parent)
while HERE in sys.path:  # Streamlit puts it first, where anyone's `import demo` would find ours
    sys.path.remove(HERE)

# Pages have no icons of Streamlit's: the browser would fetch them from Google for its tab.
st.set_page_config(page_title=say("main.app"), page_icon=drawing.icon(), layout="wide")
drawing.style()
with st.sidebar:
    choose()
page = st.navigation(
    {
        say("main.photos"): [
            st.Page(inspect.page, title=say("main.inspect"), url_path="inspect", default=True),
            st.Page(compare.page, title=say("main.compare"), url_path="compare"),
            st.Page(batch.page, title=say("main.batch"), url_path="batch"),
            st.Page(case.page, title=say("main.case"), url_path="case"),
        ],
        say("main.forgers"): [
            st.Page(generators.page, title=say("main.generators"), url_path="generators"),
        ],
        say("main.about"): [
            st.Page(benchmarks.page, title=say("main.benchmarks"), url_path="benchmarks"),
            st.Page(cards.page, title=say("main.cards"), url_path="cards"),
            st.Page(guide.page, title=say("main.guide"), url_path="guide"),
            st.Page(guess.page, title=say("main.guess"), url_path="guess"),
        ],
    },
    position="sidebar",
)
page.run()
