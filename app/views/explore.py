"""The explorer: seed, truncation, another's style, directions by slider, layer by layer; and the command for it."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app import drawing
from app.explorer import Look, Step
from app.stills import enlarged, png, still
from app.words import say
from forensics.refusal import Refusal

if TYPE_CHECKING:
    from generators.latent.directions import Directions
    from generators.latent.space import Space

FIRST = ("pca-0", "pca-1", "pca-2")  # sliders to begin with
OFFERED = tuple(f"{method}-{number}" for method in ("pca", "sefa") for number in range(10))
MOST_STEPS = 8
REACH = 4.0  # standard deviations, of a slider
LOCK = threading.Lock()


def draw() -> None:
    st.write(say("generators.explorer_about"))
    shown, controls = st.columns([3, 2], gap="large")  # on a narrow screen the picture comes first
    with controls:
        family = st.selectbox(say("generators.family"), families(), families().index("stylegan2"), key="family")
        try:
            look, space, directions = chosen(family)
        except Refusal as refusal:
            drawing.notice(say("generators.refused"), str(refusal))
            return
    with shown:
        try:
            with one_at_a_time():
                before = space.trained.picture(look.seed, label=space.kind)
                after = look.picture(space, directions)
        except Refusal as refusal:
            drawing.notice(say("generators.refused"), str(refusal))
            return
        both = [(before, say("generators.before", seed=look.seed))]
        if directions is not None:
            both.append((after, say("generators.after")))
        for column, (pixels, caption) in zip(st.columns(2), both, strict=False):
            with column:
                alt = say("generators.picture_alt", seed=look.seed, what=caption)
                still(png(enlarged(pixels), space.trained.software), alt, caption)
        st.caption(say("generators.command"))
        st.code(look.line(space.has_w), language="sh", wrap_lines=True)
        name = f"{family}-{look.seed}.png"
        data = png(after, space.trained.software)
        st.download_button(say("generators.download"), data, name, "image/png", on_click="ignore", key="explored")


def chosen(family: str) -> tuple[Look, Space, Directions | None]:
    """What the controls say. Raises Refusal for a file of directions that does not fit."""
    seed = int(st.number_input(say("generators.seed"), 0, 10**9, 0, key="seed"))
    space = space_of(family)
    kind = None
    if space.trained.classes:
        own = say("generators.class_own")
        kind = st.selectbox(say("generators.class"), [own, *space.trained.classes], key="class")
        kind = None if kind == own else kind
        space = space_of(family, None if kind is None else space.trained.classes.index(kind))
    if not space.has_w:
        st.info(say("generators.no_w", family=family))
        return Look(family, seed, kind=kind), space, None
    layers = range(space.styled.layers)
    truncation = st.slider(
        say("generators.truncation"), 0.0, 1.3, 1.0, 0.05, help=say("generators.truncation_help"), key="truncation"
    )
    with st.expander(say("generators.mixing")):
        other = int(st.number_input(say("generators.other"), 0, 10**9, 1, key="other"))
        mixed = at_layers("mixed", layers, say("generators.none_mixed"))
    with st.expander(say("generators.directions"), expanded=True):
        st.caption(say("generators.directions_about"))
        sliders = st.container()  # above the file, whose names they offer
        path = st.text_input(say("generators.file"), help=say("generators.file_help"), key="directions")
        directions = directions_of(family, path.strip())
        names = [*directions.names, *OFFERED]
        count = st.session_state.setdefault("steps", len(FIRST))
        with sliders:
            steps = [step(number, names, layers) for number in range(count)]
        if count < MOST_STEPS and st.button(say("generators.more"), key="more"):
            st.session_state["steps"] = count + 1
            st.rerun()
    return Look(family, seed, truncation, kind, other, mixed, tuple(steps)), space, directions


def step(number: int, names: list[str], layers: range) -> Step:
    """One slider, with its direction and its layers."""
    left, right = st.columns(2)
    first = names.index(FIRST[number]) if number < len(FIRST) else number % len(names)
    name = left.selectbox(say("generators.direction"), names, first, key=f"direction-{number}")
    strength = right.slider(say("generators.strength"), -REACH, REACH, 0.0, 0.1, key=f"strength-{number}")
    where = at_layers(f"layers-{number}", layers, say("generators.all_layers")) if strength else ()
    return Step(name, strength, where)


def at_layers(key: str, layers: range, none: str) -> tuple[int, ...]:
    found = st.multiselect(
        say("generators.layers"),
        list(layers),
        help=say("generators.layers_help", none=none),
        placeholder=none,
        key=key,
    )
    return tuple(sorted(found))


@cache
def families() -> list[str]:
    """Those whose weights are here, newest first."""
    import generators
    from forensics.places import GENERATOR_WEIGHTS

    names = [family.name for family in generators.FAMILIES]
    return [name for name in reversed(names) if (GENERATOR_WEIGHTS / f"{name}.safetensors").exists()]


@st.cache_resource(show_spinner=False)
def space_of(family: str, kind: int | None = None) -> Space:
    """Shared by all sessions: weights are nobody's photos."""
    from generators.latent.space import Space
    from generators.trained import load

    return Space(load(family), kind)


@st.cache_resource(show_spinner=False)
def found_in(family: str) -> Directions:
    from generators.latent.directions import Directions

    return Directions(space_of(family))


def directions_of(family: str, path: str) -> Directions:
    """Those of a file too, where one is named. Raises Refusal for one that does not fit."""
    if not path:
        return found_in(family)
    from generators.latent.direction import load
    from generators.latent.directions import Directions

    return Directions(space_of(family), load(Path(path).expanduser())[0])


def one_at_a_time() -> AbstractContextManager:
    """Pictures are made in one thread, a setting of the whole process."""
    return LOCK
