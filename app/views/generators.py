"""Generators: the lineage's figure, samples by seed, and the explorer of what lies between a generator's pictures."""

from __future__ import annotations

import shlex

import streamlit as st

from app.stills import png, still
from app.views import explore
from app.words import say
from forensics.places import HOUSE

LINEAGE = HOUSE / "app" / "lineage.png"
SHOWN, ACROSS = 24, 8  # samples


def page() -> None:
    st.title(say("generators.title"), anchor=False)
    st.write(say("generators.about"))
    titles = [say(f"generators.{name}") for name in ("explorer", "samples", "lineage")]
    for tab, draw in zip(st.tabs(titles), (explore.draw, samples, lineage), strict=True):
        with tab:
            draw()


def lineage() -> None:
    still(LINEAGE.read_bytes(), say("generators.lineage_alt"))


def samples() -> None:
    """A sheet of one generator's pictures, seed by seed."""
    from generators.latent.sheet import sheet

    left, right = st.columns(2)
    family = left.selectbox(say("generators.family"), explore.families(), key="samples-family")
    first = int(right.number_input(say("generators.from_seed"), 0, 10**9, 0, SHOWN, key="samples-seed"))
    seeds = range(first, first + SHOWN)
    command = shlex.join(["forensics", "forge", family, "--seeds", f"{first}-{seeds[-1]}", "--out", "FAKES"])
    with explore.one_at_a_time():
        trained = explore.space_of(family).trained
        pictures = [trained.picture(seed) for seed in seeds]
    rows = [pictures[start : start + ACROSS] for start in range(0, SHOWN, ACROSS)]
    said = say("generators.samples_alt", family=family, first=first, last=seeds[-1])
    still(png(sheet(rows), trained.software), said)
    st.caption(say("generators.samples_about"))
    st.code(command, language="sh", wrap_lines=True)
