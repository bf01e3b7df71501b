"""Model cards and limits: for which photos a verdict holds, how often it is wrong on whom, and what each model is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import streamlit as st

from app import drawing, false_alarms, model_cards, parts, resources
from app.false_alarms import Group
from app.game.photos import built_in
from app.model_cards import ModelCard
from app.ratios import at_most, times
from app.resources import Engine
from app.words import say
from benchmarks.table import Measure, Result, digits
from forensics import places
from forensics.calibration import Calibration
from forensics.refusal import Refusal
from forensics.shown import Item, page_of, plain, signed

EXAMPLE = "cards-example"  # the session's key of the portrait's evidence
WHOLE = "all"  # the rows that hold all photos of a table
LAUNDERED = (None, "match", "shrink", "repost")
BLIND = ("unseen", "attack", "truth", "person", "scenes")


@dataclass(frozen=True)
class Line:
    """A row of the figure. `whole`: of all photos; `first`: of a new kind of group."""

    name: str
    n: str
    value: float
    low: float
    high: float
    told: str
    open: str
    whole: bool
    first: bool


def page() -> None:
    parts.draw("cards", "style")
    st.title(say("cards.title"), anchor=False)
    st.write(say("cards.about"))
    try:
        engine = resources.engine()
    except Refusal as refusal:
        drawing.notice(say("cards.not_loaded"), str(refusal))
        return
    st.subheader(say("cards.validated"), anchor=False)
    st.caption(say("cards.validated_about"))
    drawing.pairs(say("cards.validated"), list(domain(engine.calibration)))
    st.subheader(say("cards.wrong"), anchor=False)
    result = measured(engine)
    st.subheader(say("cards.blind"), anchor=False)
    st.markdown("\n".join(f"- {say(f'cards.blind_{name}')}" for name in BLIND))
    st.subheader(say("cards.models"), anchor=False)
    models(engine, result)


def domain(calibration: Calibration) -> Iterator[tuple[str, str]]:
    """What was validated, from the calibration itself."""
    least, photos = calibration.domain.min_face, calibration.about.get("photos", {})
    yield say("cards.faces"), say("cards.faces_least", px=least) if least else say("cards.any_size")
    yield say("cards.sides"), say("cards.sides_least", px=calibration.domain.min_side)
    others = calibration.others
    without = say("cards.without_face_none")
    if others:
        without = say("cards.without_face_some", real=others.n_real, fake=others.n_fake)
    yield say("cards.without_face"), without
    yield say("cards.makers"), ", ".join(calibration.makers) or "–"
    yield say("cards.reals"), counted(calibration.n_real, photos, "real: ")
    yield say("cards.fakes"), counted(calibration.n_fake, photos, "fake: ")
    yield say("cards.accuse"), say("cards.times", times=times(calibration.accuse))
    largest = {"generated": at_most(calibration.ceiling), "camera": at_most(calibration.floor)}
    yield say("cards.most"), say("cards.most_both", **largest)
    yield say("cards.calibration"), calibration.sha256


def counted(total: int, photos: dict[str, int], kind: str) -> str:
    """A number, and of which sources."""
    found = [f"{name.removeprefix(kind)} {n:,}" for name, n in photos.items() if name.startswith(kind)]
    return f"{total:,}" + (f" ({', '.join(found)})" if found else "")


def measured(engine: Engine) -> Result | None:
    """The figures of wrong verdicts, of the measurement that was chosen."""
    found = false_alarms.measurements(engine.panel, engine.calibration)
    if not found:
        parts.draw("cards", "lines", [say("cards.unmeasured")])
        return None
    st.caption(say("cards.wrong_about"))
    names = [laundered(result) for result in found]
    first = found.index(max(found, key=telling))
    at = st.selectbox(say("cards.run"), range(len(found)), first, format_func=names.__getitem__, key="cards-run")
    result = found[at or 0]
    for title, groups in (
        (say("cards.accused"), false_alarms.of_photos(result)),
        (say("cards.passed"), false_alarms.of_fakes(result)),
    ):
        most = max((group.wrong.high or group.wrong.value for group in groups), default=1.0) or 1.0
        parts.draw("cards", "groups", list(lines(groups)), most, title)
    parts.draw("cards", "small", [*result.warnings, *false_alarms.notes_of(result)])
    return result


def telling(result: Result) -> tuple[bool, int]:
    """The one to see first: of re-posted photos, and then of the most."""
    photos = max((group.wrong.n or 0 for group in false_alarms.of_photos(result)), default=0)
    return result.stamp.settings.get("launder") == "repost", photos


def laundered(result: Result) -> str:
    """What was done to the photos, and when."""
    settings = result.stamp.settings
    how = settings.get("launder")
    told = say(f"cards.launder_{how}") if how in LAUNDERED else plain(how)
    if settings.get("match"):
        told = f"{told}, {say('cards.matched')}"
    return say("cards.launder", launder=told, date=result.stamp.date[:16].replace("T", " "))


def lines(groups: Sequence[Group]) -> Iterator[Line]:
    before = ""
    for group in groups:
        kind = group.name.partition(", ")[2]
        wrong = group.wrong
        low, high = (wrong.value if bound is None else bound for bound in (wrong.low, wrong.high))
        of_all = group.name.partition(",")[0] == WHOLE
        open_ = f"{100 * group.inconclusive.value:.0f} %"
        yield Line(group.name, f"{wrong.n:,}", wrong.value, low, high, percent(wrong), open_, of_all, kind != before)
        before = kind


def percent(share: Measure) -> str:
    low, high = (f"{100 * bound:.1f}" for bound in (share.low or 0.0, share.high or share.value))
    return say("cards.share", value=f"{100 * share.value:.1f}", low=low, high=high)


def models(engine: Engine, result: Result | None) -> None:
    """One model at a time: its facts, what it sees on a portrait, its card."""
    kinds = {
        "detectors": model_cards.of_detectors(engine.panel),
        "generators": model_cards.of_files(places.GENERATOR_WEIGHTS),
        "others": model_cards.of_files(places.MODELS),
    }
    kind = st.segmented_control(
        say("cards.kind"),
        list(kinds),
        default="detectors",
        required=True,
        format_func=lambda kind: say(f"cards.kind_{kind}"),
        key="cards-kind",
    )
    cards = {card.name: card for card in kinds[kind or "detectors"]}
    last = len(cards) - 1  # of the panel the classifier, which weighs most
    card = cards[st.selectbox(say("cards.model"), list(cards), last, key=f"cards-{kind}")]
    if kind == "detectors":
        drawing.pairs(card.name, [*of_detector(card.name, engine, result), *of_weights(card)])
        example(card.name, engine)
    else:
        drawing.pairs(card.name, list(of_weights(card)))
    if not card.text:
        st.caption(say("cards.no_card"))
        return
    st.markdown(f"**{say('cards.card')}**")
    st.caption(say("cards.card_fits") if card.fits else say("cards.card_other"))
    parts.draw("cards", "card", model_cards.as_html(card.text))


def of_detector(name: str, engine: Engine, result: Result | None) -> Iterator[tuple[str, str]]:
    detector = next(d for d in engine.panel if d.name == name)
    line = engine.calibration.lines.get(name)
    yield say("cards.question"), detector.question
    if not detector.scores or line is None:
        yield say("cards.weight"), say("cards.weight_none")
        return
    weight = say("cards.weight_some", slope=signed(line.slope)) if line else say("cards.weight_zero")
    yield say("cards.weight"), weight
    yield say("cards.calibrated"), f"{line.n:,}"
    auc = false_alarms.auc_of(result, name) if result else None
    if auc:
        told = f"{digits(auc.value)} ({digits(auc.low)}–{digits(auc.high)}), n = {auc.n:,}"
        yield say("cards.auc", launder=laundered(result)), told


def of_weights(card: ModelCard) -> Iterator[tuple[str, str]]:
    yield say("cards.sha256"), card.sha256 or say("cards.no_weights")
    if card.terms:
        yield say("cards.terms"), "; ".join(card.terms)


def example(name: str, engine: Engine) -> None:
    """What a detector says of a portrait that everybody has, with what it cannot tell."""
    if EXAMPLE not in st.session_state:
        path = built_in()[0]
        with st.spinner(say("cards.examining"), show_time=True):
            report = engine.inspect(path.name, path.read_bytes())
        st.session_state[EXAMPLE] = page_of(report).items
    items: Sequence[Item] = st.session_state[EXAMPLE]
    st.markdown(f"**{say('cards.example')}**")
    for item in items:
        if item.detector == name:
            drawing.evidence(item)
