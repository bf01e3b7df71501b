"""The robustness benchmark measures what a condition takes away, from both classes alike, once."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from typer.testing import CliRunner

from app.commands.bench_robustness import robustness
from benchmarks.bootstrap import roc, with_interval
from benchmarks.detection.measure import Setup, Shot
from benchmarks.robustness.conditions import NATIVE, chosen, condition_named
from benchmarks.robustness.figure import draw
from benchmarks.robustness.measure import Answers, examine, holds, measure
from benchmarks.robustness.tables import flip_table, tables
from benchmarks.stamp import Stamp
from benchmarks.table import Column, Measure, Result, Table
from forensics.calibration import Calibration, Domain, Line
from forensics.evidence import Evidence
from forensics.metrics import auc, interval, share, tpr_at
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.verdict import Conclusion
from tests.benchmarks.standins import Alone, pictures

N = 6  # photos a folder
FEW = chosen("crop-0.5,noise-10")
GENERATED, CAMERA, OPEN = (str(c) for c in (Conclusion.GENERATED, Conclusion.CAMERA, Conclusion.INCONCLUSIVE))


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setattr("benchmarks.robustness.measure.Crew", Alone)
    monkeypatch.setattr("app.commands.bench_robustness.crew_of", lambda engine, hold, size: Alone(hold, size))


@pytest.fixture
def setup(tmp_path, rng) -> Setup:
    real, fake = (pictures(tmp_path / name, mean, rng, N) for name, mean in (("web", 90), ("forged", 200)))
    return Setup((real,), (("mygen", fake),), "native", "all", rounds=20)


def test_measures_what_is_there(alone, panel, setup, tmp_path):
    result = measure(setup, FEW, panel.load, tmp_path / "cache")
    assert [table.name for table in result.tables] == [
        "families",
        "verdict",
        "flips",
        "held",
        "auc",
        "tpr",
        "conditions",
    ]
    areas = result.table("auc")
    assert [column.name for column in areas.columns] == ["condition", "brightness", "verdict"]  # the mute one is not
    assert [row[0] for row in areas.rows] == ["native", "crop-0.5", "noise-10"]
    assert all(cell.value == 1.0 and cell.n == 2 * N for row in areas.rows for cell in row[1:])
    assert result.stamp.settings["conditions"] == "native crop-0.5 noise-10"
    assert result.stamp.weights["brightness"] == "a" * 64
    assert set(result.stamp.corpora) == {str(setup.real[0]), str(setup.fake[0][1])}
    assert "pixels as they are" in result.table("families").notes[0]


def test_the_result_is_kept_with_its_figures(alone, panel, setup, tmp_path):
    result = measure(setup, FEW, panel.load, tmp_path / "cache")
    first, second = result.save(tmp_path / "out"), result.save(tmp_path / "out")
    assert first != second
    loaded = Result.load(second)
    assert loaded.tables == result.tables
    assert set(loaded.figures) == {"auc", "tpr"}
    for name, png in loaded.figures.items():
        assert Image.open(io.BytesIO(png)).width > 400
        assert f"![{name}]({second.stem}.{name}.png)" in second.with_suffix(".md").read_text()
    assert len(list((tmp_path / "out").glob("*.png"))) == 4
    second.with_name(f"{second.stem}.auc.png").unlink()
    assert set(Result.load(second).figures) == {"tpr"}


def test_figures_are_handed_over_as_bytes_or_as_figures(tmp_path):
    figure = Figure(figsize=(1, 1))
    result = Result("x", "X", (), Stamp.now(), {"drawn": figure, "ready": b"png"})
    path = result.save(tmp_path)
    loaded = Result.load(path)
    assert loaded.figures["ready"] == b"png"
    assert loaded.figures["drawn"].startswith(b"\x89PNG")
    assert json.loads(path.read_text())["figures"] == ["drawn", "ready"]
    assert loaded == result  # what was measured is the same
    told = json.loads(path.read_text())
    del told["figures"]  # as results were written before there were any
    path.write_text(json.dumps(told))
    assert Result.load(path).figures == {}
    path.write_text(json.dumps({**told, "figures": ["/../../secret"]}))
    with pytest.raises(Refusal, match="not a benchmark's result"):
        Result.load(path)


def test_what_is_scored_is_not_scored_again(alone, panel, setup, tmp_path):
    seen = []

    def watch(done: int, total: int) -> None:
        seen.append((done, total))

    measure(replace(setup, limit=3), FEW, panel.load, tmp_path, watch=watch)
    assert seen == [(i, 18) for i in range(19)]
    (path,) = tmp_path.glob("scores-noise-10-*.jsonl")
    path.write_text(path.read_text()[:-5])  # as a power cut leaves it
    seen.clear()
    again = measure(setup, FEW, panel.load, tmp_path, watch=watch)
    assert seen[0] == (17, 36)
    assert len(path.read_text().splitlines()) == 2 * N + 1  # what was cut off, too
    seen.clear()
    measure(setup, chosen("crop,noise-10"), panel.load, tmp_path, watch=watch)
    assert seen[0] == (36, 60)  # two new conditions, nothing else
    fresh = measure(setup, FEW, panel.load, tmp_path / "fresh")
    assert again.tables == fresh.tables
    measure(replace(setup, limit=1), FEW[:2], partial(panel.load, "b" * 64), tmp_path)
    assert len(list(tmp_path.glob("scores-crop-0.5-*.jsonl"))) == 2  # other weights, other scores


def test_a_condition_that_is_described_anew_is_scored_anew(alone, panel, setup, tmp_path):
    other = replace(FEW[1], about="something else")
    for conditions in (FEW[:2], (NATIVE, other)):
        measure(replace(setup, limit=1), conditions, panel.load, tmp_path)
    assert len(list(tmp_path.glob("scores-crop-0.5-*.jsonl"))) == 2
    assert len(list(tmp_path.glob("scores-native-*.jsonl"))) == 1


def test_a_photo_that_cannot_be_read_is_left_out_everywhere(alone, panel, setup, tmp_path):
    (setup.real[0] / "broken.png").write_bytes(b"no picture")
    result = measure(setup, FEW, panel.load, tmp_path / "cache")
    assert result.table("auc").rows[0][1].n == 2 * N
    assert any("1 photos could not be read" in note for note in result.table("families").notes)


def test_few_photos_are_counted_and_not_measured(alone, panel, setup, tmp_path):
    result = measure(replace(setup, limit=1), FEW, panel.load, tmp_path / "cache")
    assert all(np.isnan(cell.value) and cell.n == 2 for row in result.table("auc").rows for cell in row[1:])
    assert Result.load(result.save(tmp_path / "out")).figures["auc"]
    for folder in (setup.real[0], setup.fake[0][1]):
        for i, path in enumerate(sorted(folder.iterdir())):
            path.write_bytes(f"no picture {folder} {i}".encode())
    with pytest.raises(Refusal, match="none of the 12 photos"):
        measure(setup, FEW, panel.load, tmp_path / "other")


def test_a_shot_is_treated_by_its_bytes_alone(panel, setup):
    path = setup.real[0] / "03.png"
    for name in ("native", "crop-0.5", "noise-10", "repost-3"):
        real, fake = (examine(7, panel.load(), (Shot(path, "", label, str(label)), name)) for label in (False, True))
        assert real == fake
        shown = condition_named(name)(Photo.open(path), 7).pixels
        assert real["brightness"] == pytest.approx(shown.mean() / 10 - 10, abs=1e-5)
        assert ("held" in real) == (name == "native")


class Size:
    """Says that whole photos are generated and that smaller copies are not."""

    name, question, scores, weights = "size", "How large?", True, None

    def __init__(self, turns: bool):
        self.turns = turns

    def examine(self, photo: Photo) -> Evidence:
        return Evidence(self.name, -3.0 if self.turns and photo.width < 12 else 3.0, "It has a size.")


@pytest.mark.parametrize("turns", [False, True])
def test_whether_inspect_would_conclude_the_same(turns):
    examiners = (Size(turns),), Calibration({"size": Line(1.0, 0.0, 50)}, Domain(1, None), 3000, 3000, 9.0)
    photo = Photo.from_pixels(np.full((12, 12, 3), 90, np.uint8))
    assert holds(photo, Conclusion.GENERATED, examiners) is not turns
    assert not holds(photo, Conclusion.INCONCLUSIVE, examiners)


def answers(name: str, log10_lr: list[float], conclusions: list[str], scores: list[float] | None = None) -> Answers:
    found = (
        {"verdict": np.array(log10_lr)} if scores is None else {"d": np.array(scores), "verdict": np.array(log10_lr)}
    )
    return Answers(condition_named(name), found, np.array(conclusions))


def test_flips_are_counted_by_class_among_the_conclusive():
    fake = np.array([False] * 4 + [True] * 3)
    native = answers("native", [0] * 7, [CAMERA, CAMERA, CAMERA, OPEN, GENERATED, GENERATED, CAMERA])
    first = answers("webp-50", [0] * 7, [GENERATED, OPEN, CAMERA, GENERATED, GENERATED, OPEN, CAMERA])
    second = answers("blur-2", [0] * 7, [CAMERA, GENERATED, CAMERA, CAMERA, OPEN, OPEN, GENERATED])
    conclusive = native.conclusions != OPEN
    rows = flip_table("flips", "Flips", [native, first, second], fake, conclusive, ()).rows
    counted = {row[0]: [(cell.value * cell.n, cell.n) for cell in row[1:]] for row in rows}
    assert counted["webp-50"] == [(1, 3), (1, 3), (0, 3), (1, 3)]  # what was inconclusive before is not counted
    assert counted["blur-2"] == [(1, 3), (0, 3), (1, 3), (2, 3)]
    assert counted["any of them"] == [(2, 3), (1, 3), (1, 3), (2, 3)]
    assert rows[0][1] == Measure(*share(1, 3), n=3)
    alone = flip_table("held", "Held", [native, first], fake, np.zeros(7, dtype=bool), ()).rows
    assert [cell.n for cell in alone[0][1:]] == [0] * 4


def test_families_show_their_worst_and_what_any_of_them_turns(rng):
    fake = np.arange(20) % 2 == 0
    sure = np.where(fake, GENERATED, CAMERA)
    good, chance, bad = np.where(fake, 3.0, -3.0), rng.normal(size=20), np.where(fake, -3.0, 3.0)
    given = [
        answers("native", good, sure),
        answers("blur-0.5", chance, sure),
        answers("blur-1", bad, np.where(np.arange(20) == 3, GENERATED, sure)),
        answers("blur-2", good, np.where(np.arange(20) == 5, GENERATED, sure)),
    ]
    setup = Setup((), (), "native", rounds=20)
    found = {t.name: t for t in tables(given, fake, np.arange(20) == 3, setup, ("note",))}
    native, blur = found["families"].rows
    assert native[2].value == 1
    assert blur[:2] == ("Blurred", "1")
    assert (blur[2].value, blur[3].value) == (0, 0)
    assert (blur[4], blur[5]) == (Measure(*share(2, 10), n=10), Measure(*share(0, 10), n=10))
    verdict = {row[0]: row for row in found["verdict"].rows}
    assert verdict["native"][2] is None
    assert verdict["blur-1"][2] == Measure(1.0, 1.0, 1.0, 20)  # all of it is lost, in every sample
    assert verdict["blur-2"][2] == Measure(0.0, 0.0, 0.0, 20)
    assert verdict["blur-1"][4] == Measure(*share(1, 10), n=10)
    assert found["held"].rows[1][1] == Measure(*share(1, 1), n=1)


def test_silent_photos_are_not_scored_and_few_are_not_drawn():
    fake = np.arange(20) % 2 == 0
    scores = np.where(fake, 1.0, 0.0)
    scores[:6] = np.nan
    few = np.where(np.arange(20) < 8, scores, np.nan)
    sure = [OPEN] * 20
    given = [answers("native", scores * 0, sure, scores), answers("blur-1", scores * 0, sure, few)]
    found = {t.name: t for t in tables(given, fake, fake, Setup((), (), "native", rounds=20), ())}
    native, blur = found["auc"].rows
    assert (native[1].value, native[1].n) == (1.0, 14)
    assert np.isnan(blur[1].value)
    assert blur[1].n == 2


@given(
    values=st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=4, max_size=40).filter(
        lambda pairs: len({fake for _, fake in pairs}) == 2
    ),
    limit=st.sampled_from([0.0, 0.01, 0.1, 0.5]),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_bootstrap_is_that_of_the_metrics(values, limit, seed):
    scores, fake = (np.array(column) for column in zip(*values, strict=True))
    found = roc(scores, fake, 8, seed)
    assert with_interval(found.auc()) == pytest.approx(interval(auc, scores, fake, 8, seed), abs=1e-12)
    assert with_interval(found.tpr_at(limit)) == pytest.approx(
        interval(tpr_at(limit), scores, fake, 8, seed), abs=1e-12
    )


def test_bootstrap_needs_both_classes():
    with pytest.raises(Refusal, match="both classes"):
        roc(np.zeros(3), np.ones(3, dtype=bool), 5, 0)


def test_the_figure_has_a_panel_a_family_and_a_curve_a_detector():
    conditions = chosen("webp,resize-box,blur-1")
    rows = tuple(
        (c.name, Measure(0.5 + i / 50, 0.4, 0.9, 9), Measure(np.nan, n=1), Measure(0.9, 0.8, 1.0, 9))
        for i, c in enumerate(conditions)
    )
    table = Table("auc", "AUC", tuple(map(Column, ("condition", "eyes", "teeth", "verdict"))), rows)
    figure = draw(table, conditions)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in panels] == ["WebP", "Resized, box", "Blurred"]
    box = panels[1]
    assert [tick.get_text() for tick in box.get_xticklabels()] == ["0.25", "0.5", "0.75", "as is", "1.5", "2"]
    eyes, verdict = box.lines[:2]
    part = draw(table, chosen("resize-box-0.5,resize-box-2")).axes[0]
    assert [tick.get_text() for tick in part.get_xticklabels()] == ["0.5", "as is", "2"]
    values = {row[0]: row[1].value for row in rows}
    order = ["resize-box-0.25", "resize-box-0.5", "resize-box-0.75", "native", "resize-box-1.5", "resize-box-2"]
    assert list(eyes.get_ydata()) == [values[name] for name in order]
    assert verdict.get_linewidth() > eyes.get_linewidth()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["eyes", "verdict"]  # teeth: none


def test_command(alone, panel, setup, tmp_path, monkeypatch):
    monkeypatch.setattr("app.commands.bench_robustness.load", lambda folder: panel.load())
    app = typer.Typer()
    app.command()(robustness)
    words = ["--real", str(setup.real[0]), "--fake", f"mygen={setup.fake[0][1]}", "--split", "all", "--limit", "5"]
    words += ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*words, "--conditions", "blur-1,webp"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Blurred" in done.stdout
    assert len(list((tmp_path / "out").glob("robustness-*.json"))) == 1
    assert len(list((tmp_path / "out" / "robustness").glob("scores-*.jsonl"))) == 5
    for extra, said in ((["--conditions", "wash"], "allowed are"), (["--fake", str(tmp_path / "none")], "no such")):
        with pytest.raises(Refusal, match=said):
            CliRunner().invoke(app, [*words, *extra], catch_exceptions=False)
    with pytest.raises(Refusal, match="pass both"):
        CliRunner().invoke(app, words[:2], catch_exceptions=False)
