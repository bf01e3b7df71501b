"""Would the verdict outlive the internet? Weighed again after each of twelve re-postings, when asked to."""

from __future__ import annotations

import streamlit as st

from app import drawing, resources
from app.resources import Inspected
from app.words import say
from forensics.stability import REPOSTINGS

A_COPY = 0.1  # s a megapixel, to make one and open it


def panel(photo: Inspected) -> Inspected:
    """What became of it, or the button that tries; gives the photo with the verdict that holds from now on."""
    st.subheader(say("inspect.reposted"), anchor=False)
    if photo.page.stability is None:
        photo = asked(photo)
    found = photo.page.stability
    if found is None:
        return photo
    if found.flip:
        drawing.notice(say("inspect.flipped"), found.flip)
    if found.copies:
        label = say("inspect.reposted_agree", agree=found.agree, count=len(found.copies))
        with st.expander(label, expanded=bool(found.flip)):
            drawing.stability(found)
    else:
        drawing.notice(say("inspect.not_tried"), found.words)
    return photo


def asked(photo: Inspected) -> Inspected:
    """The button; once it is pressed, the photo examined anew."""
    place = st.empty()
    with place.container():
        seconds = max(1, round(guessed(photo)))
        st.write(say("inspect.repost_about", count=len(REPOSTINGS), seconds=seconds))
        pressed = st.button(say("inspect.repost", count=len(REPOSTINGS)), key="repost")
    if not pressed:
        return photo
    bar = place.progress(0.0)

    def told(number: int, name: str) -> None:
        words = say("inspect.reposting", number=number + 1, count=len(REPOSTINGS), name=name)
        bar.progress(number / len(REPOSTINGS), words)

    steady = resources.reposted(photo, told)
    place.empty()
    return steady


def guessed(photo: Inspected) -> float:
    """Seconds that it may take: to examine the photo once more and each copy, and to make the copies."""
    width, height = photo.page.size
    return photo.seconds * (len(REPOSTINGS) + 1) + A_COPY * len(REPOSTINGS) * width * height / 1e6
