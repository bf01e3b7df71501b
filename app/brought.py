"""The photos a visitor has brought: those in the uploader, and those carried over when another one was forgotten.

Streamlit's uploader lets go of its files only as a whole. So forgetting one photo empties the uploader, by giving it
a new key, and carries the others over.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app import resources
from app.resources import Key

CARRIED, TIMES = "carried", "uploader"  # keys of the session


def uploader(label: str) -> dict[Key, bytes]:
    """The widget; gives all photos that the visitor has brought and not taken back, in their order."""
    st.file_uploader(label, accept_multiple_files=True, key=key())
    return photos()


def key() -> str:
    return f"photos-{st.session_state.get(TIMES, 0)}"


def photos() -> dict[Key, bytes]:
    found = dict(st.session_state.get(CARRIED, {}))
    for file in st.session_state.get(key()) or []:
        data = file.getvalue()
        found[resources.key_of(file.name, data)] = data
    return found


def forget(digest: str) -> None:
    """Everything of the photo with this SHA-256, under whatever names: its bytes, its page and its maps."""
    others = {known: data for known, data in photos().items() if known[0] != digest}
    empty()
    st.session_state[CARRIED] = others
    resources.forget_all_but(others)


def empty() -> None:
    """Takes the uploader's files out of the server's memory, and the uploader off the page."""
    context = get_script_run_ctx()
    for file in st.session_state.get(key()) or []:
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    st.session_state[TIMES] = st.session_state.get(TIMES, 0) + 1
