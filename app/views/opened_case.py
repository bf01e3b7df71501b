"""One case: its verdict and evidence as they were saved, the analyst's notes and conclusion, its log, exports.

What was typed is kept in the session until the store has it: no error of a database loses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from app import drawing, parts
from app.cases import changes
from app.cases.case import LONGEST, Case, Own, State
from app.cases.dossier import Dossier, as_json
from app.cases.store import Store
from app.views.case_words import Words, chain, named, told
from app.words import say
from forensics.refusal import Refusal
from forensics.shown import Page

OPENED = "case-opened"  # the session's key of the number of the case on screen
SAID = "case-said"  # of what the next run of the page says first
TYPED = "case-typed"  # of what was typed into each case, by its number
FRESH = "case-fresh"  # whether the case on screen was not there on the last run
UNSAVED = "notes", "own", "reason"
TO_TOP = "<script>document.querySelector('[data-testid=stMain]')?.scrollTo(0, 0)</script>"


@dataclass
class Typed:
    """What the analyst has typed into a case, and the revision that they saw when they began."""

    revision: int
    notes: str
    own: Own
    reason: str

    @classmethod
    def of(cls, kept: Case) -> Typed:
        return cls(kept.revision, kept.notes, kept.own_conclusion, kept.own_reason)


def show(store: Store, number: int, who: str) -> None:
    found = Dossier.of(store, number)
    kept = found.case
    typed = st.session_state.setdefault(TYPED, {}).setdefault(number, Typed.of(kept))
    if st.button(say("case.back"), key="case-back"):
        leave()
    st.title(say("case.one", number=number), anchor=False)
    parts.draw("case", "head", kept, Words.of(kept))
    with st.container():  # always there: what comes and goes before the tabs would close the one that is open
        if st.session_state.pop(FRESH, False):  # from the end of a long list
            st.html(TO_TOP, unsafe_allow_javascript=True)
        if said := st.session_state.pop(SAID, None):
            drawing.notice(*said)
    with st.container():
        steps(store, kept, typed, who)
        if typed.revision != kept.revision:
            changed(kept, typed)
    parts.draw("case", "chain", *chain(found.broken))
    drawing.verdict(found.page)
    opinion(store, kept, typed, who)
    evidence, log, along, deletion = st.tabs(
        [say("case.evidence"), say("case.log"), say("case.exports"), say("case.delete")]
    )
    with evidence:
        report(found.page)
    with log:
        parts.draw("case", "log", [told(entry) for entry in found.entries])
    with along:
        exports(store, found)
    with deletion:
        removal(store, kept, who)


def leave() -> None:
    st.session_state[OPENED] = None
    st.rerun()


def done(change: Callable[[], int], said: str, typed: Typed) -> None:
    """Try a change. Done: say so on a fresh page. Not done: one line, and everything typed stays."""
    try:
        revision = change()
    except Refusal as refusal:
        drawing.notice(say("case.not_done"), str(refusal))
        return
    if revision == typed.revision + 1:  # nobody else was here in between
        typed.revision = revision
    st.session_state[SAID] = said, ""
    st.rerun()


def steps(store: Store, kept: Case, typed: Typed, who: str) -> None:
    """Through the queue: take, give back, close, open again."""
    number = kept.number
    with st.container(horizontal=True):
        if kept.state is State.OPEN and st.button(say("case.take"), key="case-take"):
            done(lambda: changes.take(store, who, number), say("case.was_taken"), typed)
        if kept.state is State.TAKEN and st.button(say("case.give_back"), key="case-give-back"):
            done(lambda: changes.give_back(store, who, number), say("case.was_given_back"), typed)
        if kept.state is not State.CLOSED and st.button(say("case.close"), key="case-close"):
            done(lambda: changes.close(store, who, number, typed.revision), say("case.was_closed"), typed)
        if kept.state is State.CLOSED and st.button(say("case.reopen"), key="case-reopen"):
            done(lambda: changes.give_back(store, who, number), say("case.was_reopened"), typed)


def changed(kept: Case, typed: Typed) -> None:
    """Somebody else was here. Their text is taken, and one's own kept below it where it differs."""
    drawing.notice(say("case.meanwhile"), say("case.meanwhile_help"))
    if st.button(say("case.reload"), key="case-reload"):
        fresh = Typed.of(kept)
        if typed.notes.strip() not in ("", kept.notes):
            fresh.notes = f"{kept.notes}\n\n{say('case.yours')}\n{typed.notes}".strip()
        if typed.reason.strip() not in ("", kept.own_reason):
            fresh.own, fresh.reason = typed.own, f"{kept.own_reason}\n\n{typed.reason}".strip()
        st.session_state[TYPED][kept.number] = fresh
        for name in UNSAVED:
            st.session_state.pop(f"case-{name}-{kept.number}", None)
        st.rerun()


def opinion(store: Store, kept: Case, typed: Typed, who: str) -> None:
    """Notes and the analyst's own conclusion. What is in the boxes is remembered before anything else is tried."""
    number, closed = kept.number, kept.state is State.CLOSED
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(say("case.notes"), anchor=False)
        typed.notes = st.text_area(
            say("case.notes_label"),
            typed.notes,
            key=f"case-notes-{number}",
            height=230,
            max_chars=LONGEST,
            disabled=closed,
            help=say("case.notes_help"),
        )
        if st.button(say("case.save_notes"), key="case-save-notes", disabled=closed):
            done(
                lambda: changes.note(store, who, number, typed.notes, typed.revision), say("case.notes_saved"), typed
            )
    with right:
        st.subheader(say("case.own"), anchor=False)
        owns = {one: named("own_conclusion", one) for one in Own}
        typed.own = st.selectbox(
            say("case.own_label"),
            list(Own),
            list(Own).index(typed.own),
            format_func=owns.__getitem__,
            key=f"case-own-{number}",
            disabled=closed,
        )
        typed.reason = st.text_area(
            say("case.reason"),
            typed.reason,
            key=f"case-reason-{number}",
            height=145,
            max_chars=LONGEST,
            disabled=closed,
            help=say("case.reason_help"),
        )
        if st.button(say("case.save_own"), key="case-save-own", disabled=closed):
            done(
                lambda: changes.conclude(store, who, number, typed.own, typed.reason, typed.revision),
                say("case.own_saved"),
                typed,
            )


def report(shown: Page) -> None:
    """What the page Inspect showed when the case was saved."""
    if shown.reason is None:
        left, right = st.columns([3, 5], gap="medium")
        with left:
            drawing.photo(shown)
        with right:
            for item in shown.items:
                drawing.evidence(item)
    if shown.stability and shown.stability.copies:
        drawing.stability(shown.stability)
    with st.expander(say("case.file")):
        drawing.pairs(say("case.file"), shown.facts)
        if shown.metadata:
            drawing.pairs(say("case.metadata"), shown.metadata)
        drawing.pairs(say("case.versions"), shown.versions)


def exports(store: Store, found: Dossier) -> None:
    if st.checkbox(say("case.place"), key="case-place", help=say("case.place_help")):
        found = found.with_place(store)
    kinds = (
        ("pdf", lambda: pdf(found), "application/pdf"),
        ("html", lambda: html(found), "text/html"),
        ("json", lambda: as_json(found), "application/json"),
    )
    with st.container(horizontal=True):
        for kind, data, mime in kinds:
            st.download_button(
                say(f"case.as_{kind}"),
                data,
                found.file_name(f".{kind}"),
                mime,
                on_click="ignore",
                key=f"case-as-{kind}",
            )
    st.caption(say("case.exports_help"))


def pdf(found: Dossier) -> bytes:
    from app.cases.pdf import as_pdf

    return as_pdf(found)


def html(found: Dossier) -> str:
    from app.cases.html import as_html

    return as_html(found)


def removal(store: Store, kept: Case, who: str) -> None:
    """Two steps, and no way back."""
    st.write(say("case.delete_about"))
    sure = st.checkbox(say("case.delete_sure", number=kept.number), key=f"case-sure-{kept.number}")
    if not st.button(say("case.delete_now"), key="case-delete", disabled=not sure):
        return
    try:
        changes.remove(store, who, kept.number, kept.revision)
    except Refusal as refusal:
        drawing.notice(say("case.not_done"), str(refusal))
        return
    st.session_state[TYPED].pop(kept.number, None)
    st.session_state[SAID] = say("case.deleted", number=kept.number), say("case.deleted_help")
    leave()
