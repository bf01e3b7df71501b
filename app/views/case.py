"""Cases: the photos that somebody chose to keep, as a queue that a team can share. One is opened by its number."""

from __future__ import annotations

import base64
import getpass

import streamlit as st

from app import drawing, parts, resources
from app.cases import changes, journal, place
from app.cases.case import AT_ONCE, Line, State, Wanted, listed
from app.cases.store import Store
from app.measured import literal
from app.resources import Inspected
from app.views import opened_case
from app.views.case_words import Words, chain, heading
from app.views.opened_case import FRESH, OPENED, SAID
from app.words import say
from forensics.chain import Break
from forensics.refusal import Refusal
from forensics.shown import plain
from forensics.verdict import Conclusion

WHO = "case-who"  # the session's key of the analyst's name, which outlives the widget
MORE = "case-more"  # of how many are listed
MINE = "mine"  # taken by whoever looks
UNREADABLE = "unreadable"


def page() -> None:
    parts.draw("case", "style")
    try:
        store = opened(place.place())
        number = st.session_state.get(OPENED)
        if number is None:
            queue(store)
        else:
            opened_case.show(store, number, who())
    except Refusal as refusal:
        opened.clear()  # whatever is wrong may be mended by the next run
        st.session_state.pop(OPENED, None)
        drawing.notice(say("case.trouble"), str(refusal))
        st.button(say("case.again"), key="case-again")


@st.cache_resource(show_spinner=False)
def opened(where: str) -> Store:
    return Store.open(where)


def who() -> str:
    """The analyst's name, as the last widget had it; at first the one of this machine's user."""
    if WHO not in st.session_state:
        try:
            st.session_state[WHO] = getpass.getuser()
        except (OSError, KeyError, ImportError):
            st.session_state[WHO] = ""
    return st.session_state[WHO]


def show(number: int) -> None:
    """Open a case on the next run."""
    st.session_state[OPENED], st.session_state[FRESH] = number, True
    st.rerun()


def queue(store: Store) -> None:
    st.title(say("case.title"), anchor=False)
    st.write(say("case.about"))
    if said := st.session_state.pop(SAID, None):
        drawing.notice(*said)
    name, button = st.columns([3, 1], vertical_alignment="bottom")
    st.session_state[WHO] = name.text_input(say("case.who"), who(), max_chars=80, help=say("case.who_help"))
    if button.button(say("case.take_next"), key="case-next", width="stretch"):
        take_next(store)
    of_session(store)
    wanted = filters()
    found, total = listed(store, wanted, st.session_state.get(MORE, AT_ONCE))
    if not found:
        drawing.notice(*nothing(wanted))
    else:
        st.caption(say("case.count", shown=len(found), total=total))
    for line in found:
        row(line)
    if total > len(found) and st.button(say("case.more"), key="case-show-more"):
        st.session_state[MORE] = len(found) + AT_ONCE
        st.rerun()
    checked(store)


def take_next(store: Store) -> None:
    try:
        number = changes.take_next(store, who())
    except Refusal as refusal:
        drawing.notice(say("case.not_done"), str(refusal))
        return
    if number is None:
        drawing.notice(say("case.none_open"), say("case.none_open_help"))
        return
    show(number)


def nothing(wanted: Wanted) -> tuple[str, str]:
    if wanted == Wanted():
        return say("case.empty"), say("case.empty_help")
    return say("case.no_match"), say("case.no_match_help")


def filters() -> Wanted:
    state, verdict, words = st.columns([5, 3, 3], vertical_alignment="bottom")
    states = {one: say(f"case.filter_{one or 'all'}") for one in ("", *State, MINE)}
    chosen = state.segmented_control(
        say("case.filter_state"),
        list(states),
        default="",
        required=True,
        format_func=states.__getitem__,
        key="case-state",
    )
    kinds = {"": say("case.filter_any")}
    kinds |= {one: heading(one) for one in (*Conclusion, UNREADABLE)}
    kind = verdict.selectbox(
        say("case.filter_verdict"),
        list(kinds),
        format_func=kinds.__getitem__,
        key="case-verdict",
    )
    text = words.text_input(say("case.filter_words"), key="case-words", max_chars=200)
    if chosen == MINE:
        return Wanted(State.TAKEN, who(), kind or "", text)
    return Wanted(chosen or "", "", kind or "", text)


def row(line: Line) -> None:
    picture = f"data:image/jpeg;base64,{base64.b64encode(line.thumbnail).decode()}" if line.thumbnail else ""
    with st.container(border=True):
        left, right = st.columns([6, 1], vertical_alignment="center")
        with left:
            parts.draw("case", "line", line, picture, Words.of(line))
        if right.button(say("case.open"), key=f"case-open-{line.number}", width="stretch"):
            show(line.number)


def checked(store: Store) -> None:
    """The whole store, photos and all, when asked."""
    with st.expander(say("case.check_title")):
        st.write(say("case.check_about"))
        st.caption(say("case.where", where=literal(store.where)))
        if st.button(say("case.check"), key="case-check"):
            with st.spinner(say("case.checking")):
                broken: Break | None = journal.check(store)
            parts.draw("case", "chain", *chain(broken))


def of_session(store: Store) -> None:
    """Save a photo that was inspected in this session."""
    photos: list[Inspected] = [p for p in st.session_state.get(resources.SESSION, {}).values() if p.data]
    if not photos:
        return
    with st.expander(say("case.session", number=len(photos)), expanded=True):
        names = [f"{i}. {plain(photo.page.file)}" for i, photo in enumerate(photos, 1)]
        chosen = st.selectbox(
            say("case.session_photo"), range(len(photos)), format_func=names.__getitem__, key="case-photo"
        )
        if st.button(say("case.save"), key="case-save") and (number := saved(photos[chosen or 0], store)):
            show(number)


def keep(photo: Inspected) -> None:
    """For the page Inspect: keep this photo with its report, and say so."""
    try:
        number = saved(photo, opened(place.place()))
    except Refusal as refusal:
        opened.clear()
        drawing.notice(say("case.trouble"), str(refusal))
        return
    if number:
        drawing.notice(say("case.saved", number=number), say("case.saved_help"))


def saved(photo: Inspected, store: Store) -> int | None:
    """The number of its case; None, and a line on the page, where it could not be saved."""
    try:
        return changes.save(store, who(), photo.data, photo.record, photo.page)[0]
    except Refusal as refusal:
        drawing.notice(say("case.not_done"), str(refusal))
        return None
