"""The page of benchmarks: every stored result can be chosen, sorted, seen as a heat map or as curves, and clicked."""

from __future__ import annotations

import hashlib
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app import listed, resources
from benchmarks.detection.mistakes import COLUMNS, NAME
from benchmarks.table import Column, Measure, Result, Stamp, Table
from forensics import places
from forensics.refusal import Refusal

HOSTILE = "![x](http://evil.example/x.png) [l](http://evil.example) <img src=q onerror=alert(1)>\u202e"
DETECTORS = Table(
    "detectors",
    "Detectors alone",
    (Column("detector"), Column("AUC", about="higher is better"), Column("time", "ms")),
    (("eyes & ears", Measure(0.7312, 0.70, 0.76, 400), 12.5), ("none", Measure(math.nan), None)),
    ("Laundered alike, see `--launder`.",),
)
MATRIX = Table(
    "matrix",
    "Trained on one, tested on another: AUC",
    (Column("trained on"), Column("vae"), Column("dcgan")),
    (
        ("vae", Measure(0.99, 0.98, 1.0, 40), Measure(0.31, 0.2, 0.4, 41)),
        ("dcgan", Measure(0.5, n=3), Measure(math.nan, n=2)),
    ),
)
SHIFTS = {"native": 0.1, "jpeg-420-95": 0.05, "jpeg-420-30": 0.0, "resize-box-0.5": 0.02, "of-old": 0.0}
AREAS = Table(
    "auc",
    "AUC of each detector under each condition",
    (Column("condition"), *map(Column, ("pairs", "eyes", "teeth", "classifier", "verdict"))),
    tuple((c, *(Measure(0.4 + 0.1 * i + more, 0.3, 0.99, 89) for i in range(5))) for c, more in SHIFTS.items()),
)

WAYS = {"Photos": "photos", "Curves": "curves", "Heat map": "heat", "Table": "table"}


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((12, 16, 3), grey, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def stored(folder: Path, *tables: Table, benchmark: str = "detection", warnings: tuple = (), **stamp) -> Path:
    facts = {"date": "2026-01-31T14:25:01+00:00", "seed": 7, "corpora": {"runs/portraits": "ab" * 32}, **stamp}
    measured_with = Stamp(f"forensics bench {benchmark}", **facts)
    return Result(benchmark, benchmark.capitalize(), tables, measured_with, warnings=warnings).save(folder)


def mistakes(*rows: tuple) -> Table:
    """rows: detector, path, class, source, score, conclusion, sha256."""
    cells = tuple((d, str(p), k, s, 0.625, score, -1.4, said, sha) for d, p, k, s, score, said, sha in rows)
    return Table(NAME, "The photos that were got most wrong", COLUMNS, cells)


def of_file(path: Path, grey: int, detector: str = "verdict", said: str = "supports_camera") -> tuple:
    path.write_bytes(png(grey))
    return detector, path, "fake", "stylegan", None, said, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Where results are stored; the user's own are in runs/bench."""
    monkeypatch.setattr(places, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(places, "RUNS", tmp_path / "runs")
    return tmp_path / "results"


def opened() -> AppTest:
    page = AppTest.from_function(show_benchmarks, default_timeout=30).run()
    assert not page.exception
    return page


def show_benchmarks():
    from app.views import benchmarks

    benchmarks.page()


def words(page: AppTest) -> str:
    return " ".join(html.proto.body for html in page.get("html") if not html.proto.body.startswith("<style>"))


def clicked(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception
    return page


def choose(page: AppTest, key: str, option: str) -> AppTest:
    page.button_group(key=key).set_value(option).run()
    assert not page.exception
    return page


def test_says_when_there_are_none(folder):
    assert "No results yet" in words(opened())


def test_other_files_are_passed_over(folder):
    stored(folder, DETECTORS)
    (folder / "other.json").write_text(json.dumps({"not": "ours"}))
    (folder / "broken.json").write_text("{")
    assert len(opened().dataframe) == 1


def test_a_table_sorts_by_its_numbers(folder):
    stored(folder, DETECTORS)
    page = opened()
    grid = page.dataframe[0]
    columns = json.loads(grid.proto.columns)
    headings = [columns[name]["label"] for name in grid.value.columns]
    assert headings == ["detector", "AUC", "interval", "n", "time (ms)"]
    cells = [list(grid.value[name]) for name in grid.value.columns]
    assert cells[0] == ["eyes & ears", "none"]
    assert cells[1][0] == 0.7312
    assert math.isnan(cells[1][1])
    assert cells[2] == ["0.700 – 0.760", ""]
    assert (cells[3][0], cells[4][0]) == (400, 12.5)
    assert columns[grid.value.columns[1]]["help"] == "higher is better"
    assert "<b>AUC</b>: higher is better" in words(page)
    assert "see <code>--launder</code>." in words(page)


def test_what_it_was_measured_on_is_told_in_a_line(folder):
    stored(folder, DETECTORS, commit="0123456789abcdef+changes", device="A processor, 2 cores")
    shown = words(opened())
    facts = ["n up to 400", "portraits", "A processor, 2 cores", "31 January 2026, 14:25"]
    facts.append("commit 0123456 with changes")
    assert [fact for fact in facts if f"<bdi>{fact}</bdi>" not in shown] == []
    assert "ab" * 32 in shown


def test_warnings_stand_first_and_bold(folder):
    stored(folder, DETECTORS, warnings=("No look at the pictures is needed: <b>size</b>; `--match` helps.",))
    shown = words(opened())
    assert 'class="fx-warning">No look at the pictures is needed: &lt;b&gt;size&lt;/b&gt;; <code>--match' in shown
    assert shown.index("fx-warning") < shown.index("Detectors alone")


def test_a_benchmark_is_chosen_and_then_a_run_the_newest_first(folder):
    settings = [{"launder": launder, "split": "test"} for launder in ("match", "repost")]
    stored(folder, DETECTORS, date="2026-01-30T10:00:00+00:00", settings=settings[0])
    stored(places.RUNS / "bench", MATRIX, settings=settings[1])
    stored(folder, AREAS, benchmark="robustness", date="2026-02-01T10:00:00+00:00")
    stored(folder, DETECTORS, benchmark="unheard-of", date="2026-02-02T10:00:00+00:00")
    page = opened()
    assert page.button_group[0].options == ["Detection", "Robustness", r"Unheard\-of"]
    runs = ["31 January 2026, 14:25, launder repost", "30 January 2026, 10:00, launder match"]
    assert page.selectbox[0].options == runs
    assert MATRIX.title in words(page)
    page.selectbox[0].select_index(1).run()
    assert DETECTORS.title in words(page)
    assert AREAS.title in words(choose(page, "benchmark", "robustness"))


def test_areas_are_a_heat_map_coloured_by_their_distance_from_chance(folder):
    stored(folder, MATRIX, benchmark="generalization")
    page = opened()
    shown = words(page)
    assert 'title="0.310 [0.200, 0.400] n=41"' in shown
    assert 'style="background:color-mix(in srgb,var(--generator) 22%,transparent)">0.310' in shown
    assert 'var(--camera) 57%,transparent)">0.990<small>0.980–1.000</small>' in shown
    assert 'style="background:transparent">–<' in shown
    assert not page.dataframe
    assert len(choose(page, "way-generalization-matrix", "table").dataframe) == 1


def test_conditions_are_curves_of_the_detectors_one_asks_for(folder):
    stored(folder, AREAS, benchmark="robustness")
    page = opened()
    assert page.multiselect[0].value == ["verdict", "classifier", "teeth", "eyes"]
    assert page.selectbox(key="family-auc").options == ["JPEG, 4:2:0", "Resized, box"]
    page.multiselect[0].set_value(["verdict", "pairs"]).run()
    drawn = points(page)
    assert {(p["curve"], p["at"]): p["value"] for p in drawn} == {
        ("pairs", "as is"): pytest.approx(0.5),
        ("pairs", "95"): pytest.approx(0.45),
        ("pairs", "30"): pytest.approx(0.4),
        ("verdict", "as is"): pytest.approx(0.9),
        ("verdict", "95"): pytest.approx(0.85),
        ("verdict", "30"): pytest.approx(0.8),
    }
    page.selectbox(key="family-auc").select_index(1).run()
    assert [p["at"] for p in points(page) if p["curve"] == "pairs"] == ["0.5", "as is"]  # smaller stands left
    page.multiselect[0].set_value([]).run()
    assert not page.exception
    assert "Nothing was measured for this choice" in words(page)


def points(page: AppTest) -> list[dict]:
    """Of the layer of lines: all that are drawn."""
    [drawn] = page.get("vega_lite_chart")
    spec = json.loads(drawn.proto.spec)
    assert "http" not in json.dumps({**spec, "$schema": ""})
    return max((layer["data"]["values"] for layer in spec["layer"] if "data" in layer), key=len)


def test_a_click_shows_the_verdict_on_a_photo_that_was_got_wrong(folder, tmp_path, glance):
    other = of_file(tmp_path / "other.png", 90, "noise", "inconclusive")
    stored(folder, DETECTORS, mistakes(of_file(tmp_path / "bright.png", 250), other))
    page = opened()
    shown = words(page)
    assert "bright.png" in shown
    assert "other.png" not in shown
    for text in ("fake, stylegan", "below 62 % of reals", "log10 LR −1.40", '"fx-wrong">supports camera: wrong'):
        assert text in shown
    assert glance.asked == 0
    clicked(page, "Inspect")
    assert glance.asked == 1
    assert "Is it bright?" in words(page)
    assert "+2.48" in words(page)
    page.selectbox(key="wrong-by").select("noise").run()
    assert "other.png" in words(page)
    assert "Is it bright?" not in words(page)
    clicked(page, "Inspect")
    assert [name for _, name in page.session_state[resources.SESSION]] == ["other.png"]  # one at a time is kept


def test_photos_that_are_gone_or_changed_are_told_in_words(folder, tmp_path, glance):
    rows = [of_file(tmp_path / f"{name}.png", 9) for name in ("gone", "changed", "text", "folder", "there")]
    rows[2] = (*rows[2][:6], hashlib.sha256(b"hello").hexdigest())
    for path in ("gone.png", "folder.png"):
        (tmp_path / path).unlink()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "changed.png").write_bytes(png(10))
    (tmp_path / "text.png").write_bytes(b"hello")
    stored(folder, mistakes(*rows, ("verdict", "nul\0.png", "real", "x", None, "inconclusive", "0" * 64)))
    page = opened()
    shown = words(page)
    assert shown.count("not where it was measured") == 3
    assert shown.count("has changed since it was measured") == 1
    assert "not a photo in a known format" in shown
    assert [button.label for button in page.button] == ["Inspect"]
    (tmp_path / "there.png").unlink()
    clicked(page, "Inspect")
    assert "This photo cannot be shown" in words(page)
    assert glance.asked == 0


def test_no_file_is_shown_but_the_one_that_was_measured(folder, tmp_path):
    """A result that names another file of the user's does not know what is in it."""
    (tmp_path / "private.png").write_bytes(png(77))
    stored(folder, mistakes(("verdict", tmp_path / "private.png", "real", "x", None, "inconclusive", "0" * 64)))
    page = opened()
    assert "has changed since it was measured" in words(page)
    assert "<img" not in words(page)
    assert listed.SESSION not in page.session_state or not page.session_state[listed.SESSION]


def test_says_what_to_do_when_weights_are_missing(folder, tmp_path, monkeypatch):
    def missing():
        raise Refusal("weights/x.safetensors is missing; run `make weights`")

    monkeypatch.setattr(resources, "engine", missing)
    stored(folder, mistakes(of_file(tmp_path / "a.png", 9)))
    assert "run `make weights`" in words(clicked(opened(), "Inspect"))


def test_hostile_names_reach_neither_markdown_nor_html(folder, tmp_path, glance):
    photo = of_file(tmp_path / f"{HOSTILE.replace('/', '')}.png", 9)
    hostile = Table("t", HOSTILE, (Column(HOSTILE), Column(HOSTILE, HOSTILE, HOSTILE)), ((HOSTILE, 1.5),), (HOSTILE,))
    heat = Table(
        "h", HOSTILE + "AUC", tuple(map(Column, (HOSTILE, "a", "b"))), ((HOSTILE, Measure(0.1), Measure(0.2)),)
    )
    row = (HOSTILE, photo[1], HOSTILE, HOSTILE, 1.0, HOSTILE, photo[6])
    path = stored(folder, hostile, heat, mistakes(row), warnings=(HOSTILE,), settings={"a": HOSTILE[:20]})
    text = path.read_text().replace('"Detection"', json.dumps(HOSTILE)).replace("runs/portraits", "http:evil")
    path.write_text(text)
    page = clicked(opened(), "Inspect")
    assert "<img src=q" not in words(page)
    assert "\u202e" not in words(page)
    for kind in ("markdown", "caption", "info", "warning", "error", "subheader", "expander", "spinner", "heading"):
        assert not [e for e in page.get(kind) if "evil.example" in str(getattr(e, "proto", ""))]
    shown = page.button_group[0].options[0]
    assert shown.startswith(r"\!\[x\]\(http")
    assert "http:" not in shown.replace("\u2060", "|")
    about = json.loads(page.dataframe[0].proto.columns)["1"]["help"]
    assert about.startswith(r"\!\[x\]\(http")


def test_every_result_that_ships_can_be_seen(monkeypatch, tmp_path):
    """All benchmarks and all ways to show a table, without one error."""
    monkeypatch.setattr(places, "RUNS", tmp_path)
    page = opened()
    for benchmark in {result.benchmark for result in Result.stored_in(places.RESULTS)}:
        choose(page, "benchmark", benchmark)
        groups = [[WAYS[name] for name in group.options] for group in page.button_group[1:]]
        shown = [group.value for group in page.button_group[1:]]
        others = [[way for way in ways if way != now] for ways, now in zip(groups, shown, strict=True)]
        assert all(others)
        for way in range(max(map(len, others), default=0)):
            for group, its in zip(page.button_group[1:], others, strict=True):
                group.set_value(its[min(way, len(its) - 1)])
            page.run()
            assert not page.exception


def test_another_run_may_have_other_detectors(folder, tmp_path):
    """What was chosen for one run need not exist in the next."""
    fewer = Table(AREAS.name, AREAS.title, AREAS.columns[:3], tuple(row[:3] for row in AREAS.rows[:2]))
    photos = [mistakes(of_file(tmp_path / f"{name}.png", 9, name)) for name in ("noise", "eyes")]
    stored(folder, AREAS, photos[0], benchmark="robustness", date="2026-02-01T10:00:00+00:00")
    stored(folder, fewer, photos[1], benchmark="robustness", date="2026-01-01T10:00:00+00:00")
    page = opened()
    page.multiselect[0].set_value(["classifier", "pairs"]).run()
    page.selectbox(key="family-auc").select("Resized, box").run()
    page.selectbox(key="run-robustness").select_index(1).run()
    assert not page.exception
    assert set(page.multiselect[0].value) <= {"pairs", "eyes"}
    assert page.selectbox(key="family-auc").value == "JPEG, 4:2:0"
    assert "eyes.png" in words(page)


def test_it_speaks_spanish_too(folder, tmp_path):
    """Its own words; titles and columns are the results'."""
    stored(folder, DETECTORS, mistakes(of_file(tmp_path / "a.png", 9)))
    page = opened()
    page.session_state["language"] = "es"
    page.run()
    assert not page.exception
    assert page.title[0].value == "Mediciones"
    assert "por debajo del 62 % de las reales" in words(page)
    assert DETECTORS.title in words(page)
    assert [button.label for button in page.button] == ["Examinar"]
