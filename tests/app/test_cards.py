"""Model cards and limits: numbers are those of the files that are loaded; cards are shown without what could harm."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app import false_alarms, model_cards, resources
from benchmarks.table import Column, Measure, Result, Stamp, Table
from detectors import PANEL, load_calibration
from forensics import places
from forensics.refusal import Refusal


def show_cards():
    from app.views import cards

    cards.page()


def opened() -> AppTest:
    page = AppTest.from_function(show_cards, default_timeout=120).run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return " ".join(html.proto.body for html in page.get("html") if not html.proto.body.startswith("<style>"))


def stored(folder, weights: dict[str, str], launder: str = "repost", accused: float = 0.25) -> None:
    columns = (Column("domain"), *map(Column, ("supports generated", "supports camera", "inconclusive")))
    row = ("all", Measure(accused, 0.1, 0.5, 8), Measure(0.5, 0.2, 0.8, 8), Measure(0.25, 0.1, 0.5, 8))
    none = ("all, grey", *(Measure(float("nan"), 0.0, 1.0, 0) for _ in range(3)))
    skin = ("all, dark <b>skin</b>", *row[1:])
    fakes = ("mygen", Measure(0.5, 0.2, 0.8, 4), Measure(0.125, 0.1, 0.4, 4), Measure(0.4, 0.2, 0.8, 4))
    tables = (
        Table("reals", "Real photos", columns, (row,)),
        Table("subsets", "By subset", columns, (none, skin), ("Skin: `measured` so.",)),
        Table("fakes", "Generated", columns, (fakes,)),
        Table(
            "detectors", "Detectors", (Column("detector"), Column("AUC")), (("glance", Measure(0.7, 0.6, 0.8, 12)),)
        ),
    )
    stamp = Stamp("forensics bench detection", "2026-01-31T14:25:01", weights=weights, settings={"launder": launder})
    Result("detection", "Detection", tables, stamp).save(folder)


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "RESULTS", tmp_path)
    return tmp_path


def test_the_validated_domain_is_the_calibrations(glance, results):
    shown = words(opened())
    assert "at least 1 px a side" in shown
    assert "at least 1 px high" in shown
    assert ">900<" in shown.replace("<bdi>", "").replace("</bdi>", "")
    assert "300 times towards a generator" in shown  # 900 photos without a false alarm
    assert resources.engine().calibration.sha256 in shown
    assert "Nothing that is stored was measured with the weights that are loaded" in shown


def test_wrong_verdicts_are_shown_group_by_group(glance, results):
    engine = resources.engine()
    stored(results, {"calibration": engine.calibration.sha256})
    page = opened()
    shown = words(page)
    assert "25.0 % (10.0–50.0)" in shown
    assert "12.5 % (10.0–40.0)" in shown  # of fakes, what is wrong is "camera"
    assert "all, dark &lt;b&gt;skin" in shown
    assert "nan" not in shown  # kinds without a photo are left out
    assert "<code>measured</code>" in shown
    assert page.selectbox(key="cards-run").options == ["re-posted, 2026-01-31 14:25"]
    page.selectbox(key="cards-detectors").select("glance").run()
    assert "0.700 (0.600–0.800), n = 12" in words(page)


def test_what_was_measured_with_other_weights_is_not_shown(glance, results):
    calibration = resources.engine().calibration
    stored(results, {"calibration": replace(calibration, n_real=1).sha256})
    stored(results, {"calibration": calibration.sha256, "other": "ab"})
    assert "25.0 %" not in words(opened())
    assert false_alarms.measurements(resources.engine().panel, calibration) == []


def test_what_ships_was_measured_with_what_ships():
    """Also its numbers are those of the stored JSON."""
    panel = [member.load(places.DETECTOR_WEIGHTS) for member in PANEL]
    found = false_alarms.measurements(panel, load_calibration())
    assert len(found) >= 3
    for result in found:
        names = [group.name for group in false_alarms.of_photos(result)]
        assert {"all", "all, dark skin (ITA < 10°)"} <= set(names)
    repost = next(
        r for r in found if r.stamp.settings["launder"] == "repost" and r.stamp.date.endswith("50:15+00:00")
    )
    told = json.loads((places.RESULTS / "detection-20261128-195022.json").read_text())
    cells = {row[0]: row[1] for table in told["tables"] if table["name"] == "reals" for row in table["rows"]}
    assert {g.name: g.wrong.value for g in false_alarms.of_photos(repost) if g.name in cells} == {
        name: cell["value"] for name, cell in cells.items()
    }


def test_every_card_that_ships_is_of_the_weights_beside_it():
    for folder in (places.DETECTOR_WEIGHTS, places.GENERATOR_WEIGHTS, places.MODELS):
        for card in model_cards.of_files(folder):
            assert card.fits, card.name
            assert card.terms or folder == places.MODELS, card.name
    cards = model_cards.of_detectors([member.load(places.DETECTOR_WEIGHTS) for member in PANEL])
    assert {card.name for card in cards if card.sha256} == {card.name for card in cards if card.fits}


def test_a_card_of_other_weights_is_said_to_be_so():
    assert not model_cards.ModelCard("a", "ab" * 32, f"SHA-256 `{'cd' * 32}`").fits
    assert not model_cards.ModelCard("a", None, "no weights").fits


def test_markdown_is_shown_without_html_links_or_pictures():
    hostile = (
        "# title\n<img src=x onerror=alert(1)> ![p](http://evil.example/p.png) [l](javascript:alert(1))\n\n"
        "<script>alert(1)</script>\n\n<http://evil.example> \u202e\n\n[r]: http://evil.example\n\n[r]\n\n"
        "| a | b |\n|---|---|\n| **1** | `<b>` |\n"
    )
    shown = str(model_cards.as_html(hostile))
    for tag in ("<img", "<script", "<a ", "<h1", "\u202e"):
        assert tag not in shown
    assert "<td><strong>1</strong></td>" in shown
    assert "<code>&lt;b&gt;</code>" in shown


def test_all_models_can_be_seen(results):
    """With the real panel: facts, the evidence on a portrait, the card."""
    page = opened()
    shown = words(page)
    assert "Does the face carry traces of a generator?" in shown  # the classifier comes first
    assert "What this method can" in shown
    assert "EfficientNet-Lite0" in shown
    assert "Trained 2026-11-25" in shown
    for name in [member.name for member in PANEL]:
        page.selectbox(key="cards-detectors").select(name).run()
        assert not page.exception
    for kind, count in (("generators", 8), ("others", 1)):
        page.button_group(key="cards-kind").set_value(kind).run()
        box = page.selectbox(key=f"cards-{kind}")
        assert len(box.options) == count
        for name in box.options:
            page.selectbox(key=f"cards-{kind}").select(name).run()
            assert not page.exception
            assert "Limits" in words(page)


def test_says_what_to_do_when_weights_are_missing(monkeypatch):
    def missing():
        raise Refusal("weights/x.safetensors is missing; run `make weights`")

    monkeypatch.setattr(resources, "engine", missing)
    assert "run `make weights`" in words(opened())
