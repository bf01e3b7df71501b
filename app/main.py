"""The app's front door: which pages there are. `forensics app` serves it."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

from app import drawing
from app.views import benchmarks, generators, inspect
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
        ],
        say("main.forgers"): [
            st.Page(generators.page, title=say("main.generators"), url_path="generators"),
        ],
        say("main.about"): [
            st.Page(benchmarks.page, title=say("main.benchmarks"), url_path="benchmarks"),
        ],
    },
    position="sidebar",
)
page.run()
