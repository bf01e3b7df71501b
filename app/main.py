"""The app's front door: which pages there are. `forensics app` serves it."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

from app import drawing
from app.views import benchmarks, inspect

HERE = str(Path(__file__).resolve().parent)
while HERE in sys.path:  # Streamlit puts it first, where anyone's `import demo` would find ours
    sys.path.remove(HERE)

# Pages have no icons of Streamlit's: the browser would fetch them from Google for its tab.
st.set_page_config(page_title="Photo forensics", page_icon=drawing.icon(), layout="wide")
drawing.style()
page = st.navigation(
    [
        st.Page(inspect.page, title="Inspect", url_path="inspect", default=True),
        st.Page(benchmarks.page, title="Benchmarks", url_path="benchmarks"),
    ],
    position="top",
)
page.run()
