"""The guide: how to read a verdict, what to do next, what words mean, what cannot be checked.

Numbers and figures are the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import streamlit as st

from app import parts, resources
from app.ratios import at_most, times
from app.words import say
from forensics.calibration import Calibration
from forensics.metrics import share
from forensics.refusal import Refusal
from forensics.shown import signed
from forensics.verdict import CONCLUSIVE, SCALE, strength

SCENARIOS = ("messenger", "profile", "screenshot", "press", "generated", "camera", "inconclusive")
TERMS = (
    *("log10_lr", "calibration", "false_alarm", "interval_95", "auc", "c2pa", "metadata"),
    *("gan", "diffusion", "jpeg", "repost", "exhibit", "landmarks", "watermark"),
)
FEW = 60  # photos of the example of an interval
ONE_IN = (2, 10, 100, 1000)  # of all such pictures, generated


def page() -> None:
    parts.draw("guide", "style")
    st.title(say("guide.title"), anchor=False)
    st.write(say("guide.about"))
    calibration = loaded()
    facts = numbers(calibration)
    st.header(say("guide.read"), anchor=False)
    st.markdown(say("guide.read_steps"))
    scale(calibration, facts)
    left, right = st.columns([4, 5], gap="large")
    with left:
        st.subheader(say("guide.strength"), anchor=False)
        st.caption(say("guide.strength_about"))
        parts.draw("guide", "strength", list(words(calibration)))
    with right:
        st.subheader(say("guide.prior"), anchor=False)
        st.caption(say("guide.prior_about"))
        prior(calibration)
    st.header(say("guide.scenarios"), anchor=False)
    for name in SCENARIOS:
        with st.expander(say(f"guide.{name}_title")):
            st.markdown(say(f"guide.{name}", **facts))
    st.header(say("guide.glossary"), anchor=False)
    parts.draw("guide", "glossary", [(say(f"guide.{n}"), say(f"guide.{n}_about", **facts)) for n in TERMS])
    st.header(say("guide.unseen"), anchor=False)
    st.markdown(say("guide.unseen_points", **facts))


def loaded() -> Calibration | None:
    """What the engine weighs by; None where it lacks its weights: the guide can be read all the same."""
    try:
        return resources.engine().calibration
    except Refusal:
        return None


def numbers(calibration: Calibration | None) -> dict[str, object]:
    """What the texts speak of: the engine's limits, and the names of pages."""
    pages = {name: say(f"main.{name}") for name in ("compare", "case", "cards", "benchmarks")}
    pages |= {"few": FEW, "allowed": f"{100 * share(0, FEW)[2]:.0f}"}
    known = {"times": times(CONCLUSIVE), "accuse": "–", "min_face": "–", "makers": "–", "real": "–", "fake": "–"}
    if calibration:
        known |= {
            "accuse": times(calibration.accuse),
            "min_face": calibration.domain.min_face or 0,
            "makers": ", ".join(calibration.makers),
            "real": f"{calibration.n_real:,}",
            "fake": f"{calibration.n_fake:,}",
        }
    return pages | known


def scale(calibration: Calibration | None, facts: dict[str, object]) -> None:
    st.subheader(say("guide.scale"), anchor=False)
    alt = say("guide.scale_alt", low=signed(-CONCLUSIVE), high=signed(CONCLUSIVE))
    limits = (calibration.floor, calibration.ceiling, calibration.accuse) if calibration else (0.0, 0.0, 0.0)
    parts.draw("guide", "scale", alt, calibration is not None, *limits)
    lines = [say("guide.scale_band", times=times(CONCLUSIVE))]
    if calibration:
        lines.append(say("guide.scale_accuse", times=facts["accuse"]))
        ends = {"camera": at_most(calibration.floor), "generated": at_most(calibration.ceiling)}
        lines.append(say("guide.scale_ends", **ends))
    st.markdown("\n".join(f"- {line}" for line in lines))


def words(calibration: Calibration | None) -> Iterator[tuple[str, str, bool]]:
    """Each of ENFSI's words: its ratios as text, the word, whether no verdict of this version can reach it."""
    farthest = max(calibration.ceiling, -calibration.floor) if calibration else float("inf")
    limits = [0, *(limit for limit, _ in SCALE)]
    for low, high in pairwise(limits):
        word = say("guide.strength_inconclusive") if high <= CONCLUSIVE else in_words(strength(low))
        yield say("guide.up_to", times=times(high)), word, low >= farthest
    yield say("guide.above", times=times(limits[-1])), in_words(strength(limits[-1])), limits[-1] >= farthest


def in_words(word: str) -> str:
    return say(f"guide.strength_{word.replace(' ', '_')}")


def prior(calibration: Calibration | None) -> None:
    """How many are generated after evidence of some strength, for each share of generated ones before it."""
    found = {CONCLUSIVE, 2.0} | ({calibration.accuse, calibration.ceiling} if calibration else set())
    ratios = sorted(found)
    rows = []
    for n in ONE_IN:
        shares = [after(1 / n, ratio) for ratio in ratios]
        cells = [(its, say("guide.prior_after", share=f"{100 * its:.0f}")) for its in shares]
        rows.append((say("guide.prior_one_in", n=f"{n:,}"), cells))
    parts.draw("guide", "prior", [say("guide.prior_times", times=times(ratio)) for ratio in ratios], rows)


def after(before: float, log10_lr: float) -> float:
    """Bayes: a share of generated pictures before evidence → the share after it."""
    odds = before / (1 - before) * 10**log10_lr
    return odds / (1 + odds)
