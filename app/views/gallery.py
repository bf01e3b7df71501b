"""The photos that a detector got most wrong, on the page of benchmarks: a click examines one anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import streamlit as st

from app import drawing, listed, measured, resources
from app.views import inspect
from app.words import say
from benchmarks.detection.mistakes import Mistake, read_mistakes
from benchmarks.detection.tables import VERDICT
from benchmarks.table import Table
from forensics.photo import UnreadableImage
from forensics.refusal import Refusal
from forensics.shown import signed

WIDTH = 186  # px of a tile: two on a phone, five on a wide page
LAST = "mistake"  # the session's key of the photo that was examined here last


@dataclass(frozen=True)
class Words:
    """What is said of a mistake under its picture."""

    file: str
    origin: str
    lines: tuple[str, ...]
    conclusion: str

    @classmethod
    def of(cls, mistake: Mistake) -> Words:
        share = f"{mistake.misranked * 100:.0f}"
        real = mistake.label == "real"
        lines = [say("benchmarks.above_fakes", share=share) if real else say("benchmarks.below_reals", share=share)]
        if mistake.score is not None:
            lines.append(say("benchmarks.score", score=signed(mistake.score)))
        ratio = "–" if mistake.log10_lr is None else signed(mistake.log10_lr)
        lines.append(say("benchmarks.log10_lr", value=ratio))
        conclusion = mistake.conclusion.replace("_", " ")
        if mistake.concluded_wrongly:
            conclusion = say("benchmarks.wrong", conclusion=conclusion)
        return cls(PurePath(mistake.photo).name, f"{mistake.label}, {mistake.source}", tuple(lines), conclusion)


def show(table: Table) -> None:
    """Choose the verdict or a detector; its mistakes, the worst first."""
    found = read_mistakes(table)
    chosen = st.selectbox(say("benchmarks.wrong_by"), list(found), format_func=name_of, key="wrong-by")
    with st.container(horizontal=True, gap="small"):
        for i, mistake in enumerate(found[chosen]):
            tile(f"{chosen}-{i}", mistake)


def name_of(detector: str) -> str:
    return say("benchmarks.verdict") if detector == VERDICT else detector


def tile(key: str, mistake: Mistake) -> None:
    look = listed.look(mistake)
    with st.container(border=True, width=WIDTH):
        measured.draw("tile", mistake, look, Words.of(mistake))
        if look.picture and st.button(say("benchmarks.inspect"), key=f"inspect-{key}", width="stretch"):
            st.dialog(say("benchmarks.inspected"), width="large")(inspected)(mistake)


def inspected(mistake: Mistake) -> None:
    """The whole verdict on the file, as the page Inspect shows it."""
    words = Words.of(mistake)
    measured.draw("scheme", st.context.theme.type)
    measured.draw("line", (say("benchmarks.laundered"), words.origin, *words.lines, words.conclusion))
    try:
        data = listed.bytes_of(mistake)
        resources.engine()
    except UnreadableImage as error:
        drawing.notice(say("benchmarks.not_shown"), error.reason)
        return
    except Refusal as refusal:
        drawing.notice(say("benchmarks.not_loaded"), str(refusal))
        return
    key = resources.key_of(words.file, data)
    forget_the_last_but(key)
    with st.spinner(say("benchmarks.examining"), show_time=True):
        photo = resources.inspected(key, data)
    inspect.one(photo)


def forget_the_last_but(key: resources.Key) -> None:
    """One photo of the gallery is kept at a time."""
    last = st.session_state.get(LAST)
    if last not in (None, key):
        resources.forget_all_but([kept for kept in st.session_state.get(resources.SESSION, {}) if kept != last])
    st.session_state[LAST] = key
