"""The guide: every part is there, in both languages, and its numbers are the engine's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app import resources
from app.views import guide
from app.words import LANGUAGES, catalogue
from forensics.page import position
from forensics.refusal import Refusal
from forensics.verdict import CONCLUSIVE, SCALE


def show_guide():
    from app.views import guide

    guide.page()


def opened(language: str = "en") -> AppTest:
    page = AppTest.from_function(show_guide, default_timeout=60)
    page.session_state["language"] = language
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    shown = [html.proto.body for html in page.get("html") if not html.proto.body.startswith("<style>")]
    return " ".join([*shown, *(m.value for m in page.markdown)])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_is_there(glance, language):
    page, said = opened(language), catalogue(language)
    assert page.title[0].value == said["guide.title"]
    assert [e.label for e in page.expander] == [said[f"guide.{name}_title"] for name in guide.SCENARIOS]
    shown = words(page)
    for name in guide.TERMS:
        assert f"<dt>{said[f'guide.{name}']}</dt>" in shown
    assert "SynthID" in shown
    assert "{" not in shown  # every field was filled


def test_all_scenarios_and_terms_of_the_catalogue_are_shown():
    said = catalogue("en")
    assert {k[6:-6] for k in said if k.startswith("guide.") and k.endswith("_title")} == set(guide.SCENARIOS)
    terms = {k[6:-6] for k in said if k.startswith("guide.") and k.endswith("_about")}
    assert terms - {"strength", "prior"} == set(guide.TERMS)


def test_the_scale_is_drawn_from_the_engines_numbers(glance, monkeypatch):
    engine = resources.engine()
    fitted = replace(engine.calibration, accuse=1.5, support=(3000.0, 300.0), makers=("mygen",))
    other = resources.Engine(engine.panel, fitted)
    monkeypatch.setattr(resources, "engine", lambda: other)
    shown = words(opened())
    assert f'fx-band" style="left:{position(-CONCLUSIVE)}%' in shown
    width = position(1.5) - position(CONCLUSIVE)
    assert f'fx-more" style="left:{position(CONCLUSIVE)}%;width:{width}%' in shown
    assert f'fx-limit fx-to-generator" style="left:{position(3)}%' in shown
    assert f'fx-limit fx-to-camera" style="left:{position(-2)}%' in shown
    assert "100 times towards a camera and 1,000 times towards a generator" in shown
    assert "32 times here" in shown
    assert "mygen" in shown


def test_words_for_ratios_are_enfsis_and_say_what_is_never_reached(glance):
    calibration = replace(resources.engine().calibration, support=(3000.0, 300.0))
    rows = list(guide.words(calibration))
    assert len(rows) == len(SCALE) + 1
    assert rows[0] == ("up to 10 times", "inconclusive", False)
    assert [word for _, word, _ in rows[1:]] == [word for _, word in SCALE[1:]] + ["extremely strong"]
    assert [never for *_, never in rows] == [False, False, False, True, True, True]  # claims end at 1,000


@pytest.mark.parametrize(("share", "log10_lr", "expected"), [(0.5, 1, 10 / 11), (0.01, 2, 0.5025), (0.1, 0, 0.1)])
def test_odds_after_are_odds_before_times_the_ratio(share, log10_lr, expected):
    assert guide.after(share, log10_lr) == pytest.approx(expected, abs=1e-4)


def test_it_can_be_read_without_weights(monkeypatch):
    def missing():
        raise Refusal("weights/x.safetensors is missing; run `make weights`")

    monkeypatch.setattr(resources, "engine", missing)
    shown = words(opened())
    assert "fx-band" in shown
    assert "fx-limit" not in shown
