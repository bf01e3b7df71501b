"""Direct attacks are measured on what the panel says of attacked pictures, once, and never on what it was told of."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.attacks.answers import Attacked, Said
from benchmarks.attacks.attack import NONE, Attack
from benchmarks.attacks.figure import draw
from benchmarks.attacks.measure import Found, measure
from benchmarks.attacks.quality import Loss
from benchmarks.attacks.tables import tables
from benchmarks.bootstrap import roc, with_interval
from benchmarks.shots import Setup
from benchmarks.table import Table
from detectors.examined import Examined
from forensics.refusal import Refusal
from forensics.verdict import Conclusion
from tests.benchmarks.standins import Alone, pictures

N = 30  # pictures a folder; a part of them is in the split "calibration"


def darkened(pixels, rng, known):
    return (pixels // 4).astype(np.uint8)


DARK = Attack("dark", "three quarters of the light are taken", darkened)
LEARNT = Attack("learnt", "needs to know real photos", darkened, reals=True)
BLIND = Attack("blind", "needs a network that is not there", darkened, ("classifier",))


class Backwards(Alone):
    """Last things first, as workers may be."""

    def map(self, job, items):
        return super().map(job, reversed(list(items)))


@pytest.fixture
def panel(panel, monkeypatch):
    """The stand-in, under the attacks above."""
    monkeypatch.setattr("benchmarks.attacks.measure.Crew", Backwards)
    for place in ("attack", "measure"):
        monkeypatch.setattr(f"benchmarks.attacks.{place}.ATTACKS", (NONE, DARK, LEARNT, BLIND))
    return panel


@pytest.fixture
def setup(tmp_path, rng) -> Setup:
    real, fake = (pictures(tmp_path / name, mean, rng, N) for name, mean in (("web", 90), ("forged", 200)))
    return Setup((real,), (("mygen", fake),), "native", "all", rounds=40)


def table(found: tuple[Table, ...], name: str) -> dict[tuple, tuple]:
    rows = next(t for t in found if t.name == name).rows
    return {row[:2]: row[2:] for row in rows} if name != "quality" else {row[0]: row[1:] for row in rows}


def test_what_an_attack_does_is_measured(panel, setup, tmp_path):
    found = measure(setup, panel.load, tmp_path / "cache").tables
    assert [t.name for t in found] == ["attacks", "falls", "verdicts", "quality"]  # no faces: nothing to weigh anew
    areas = table(found, "attacks")
    assert list(areas) == [("none", "match"), ("none", "repost"), ("dark", "match"), ("dark", "repost")]
    assert [c.name for c in found[0].columns[2:]] == ["verdict", "brightness"]
    for (attack, _), cells in areas.items():
        assert all(cell.value == (1.0 if attack == "none" else 0.0) for cell in cells)
    for cells in table(found, "falls").values():
        assert all((cell.value, cell.low, cell.high) == pytest.approx((-1, -1, -1)) for cell in cells)
    said = table(found, "verdicts")
    assert len(said) == 6  # real photos, and fakes under both attacks, through both launderings
    assert all(cells[2].value == 1.0 for cells in said.values())  # pictures without a face: nothing is concluded
    assert any("blind" in note and "learnt" in note for note in found[0].notes)
    changed, decibels, alike, moved = table(found, "quality")["dark"]
    assert changed.value == 1.0
    assert 2 < decibels.value < 10
    assert alike.value < 1
    assert moved.value > 0


def test_real_photos_that_taught_are_not_measured(panel, setup, tmp_path):
    from forensics.corpus import Corpus

    found = measure(setup, panel.load, tmp_path / "cache").tables
    taught = [len(Corpus.open(path).where(split="calibration")) for path in (setup.real[0], setup.fake[0][1])]
    assert min(taught) > 0
    assert table(found, "attacks")["none", "match"][0].n == 2 * N - sum(taught)
    tested = measure(replace(setup, split="test"), panel.load, tmp_path / "cache").tables
    assert table(tested, "attacks")["none", "match"][0].n == sum(
        len(Corpus.open(path).where(split="test")) for path in (setup.real[0], setup.fake[0][1])
    )


def test_what_is_answered_is_not_asked_again(panel, setup, tmp_path):
    seen = []

    def watch(done: int, total: int) -> None:
        seen.append((done, total))

    small = replace(setup, limit=6)
    measure(small, panel.load, tmp_path, watch=watch)
    total = seen[-1][1]
    assert seen == [(i, total) for i in range(total + 1)]
    (path,) = tmp_path.glob("attacked-*.jsonl")
    path.write_text(path.read_text()[:-5])  # as a power cut leaves it
    seen.clear()
    again = measure(small, panel.load, tmp_path, watch=watch).tables
    assert seen == [(total - 1, total), (total, total)]
    assert len(path.read_text().splitlines()) == total + 1  # what is left of the cut one stays
    fresh = measure(small, panel.load, tmp_path / "fresh").tables
    assert again == fresh
    measure(replace(small, seed=1), panel.load, tmp_path)
    assert len(list(tmp_path.glob("attacked-*.jsonl"))) == 2  # another seed, other answers


def test_unreadable_photos_are_left_out(panel, setup, tmp_path):
    (setup.real[0] / "broken.png").write_bytes(b"no picture")
    found = measure(setup, panel.load, tmp_path / "cache").tables
    assert any("1 photos could not be read" in note for note in found[0].notes)
    for i, path in enumerate(sorted(setup.fake[0][1].iterdir())):
        path.write_bytes(f"no picture {i}".encode())
    with pytest.raises(Refusal, match="one class could be read"):
        measure(setup, panel.load, tmp_path / "cache")


def invented(rng, n: int, shift: float) -> dict[tuple[str, str], tuple[Said, ...]]:
    """Answers of two detectors; under attack one of them takes fakes for photos, the other sees them as before."""
    said = {}
    for attack in ("none", "dark"):
        rows = []
        for i in range(2 * n):
            fake = i >= n
            fooled = -shift if attack == "dark" and fake else shift * fake
            scores = {"fooled": rng.normal() + fooled, "steady": rng.normal() + 2 * fake}
            row = Examined(f"{i}", "fake" if fake else "real", "x", f"{i}", 200, 200, 100, scores)
            word = (
                Conclusion.EDITED if i == 0 else Conclusion.GENERATED if scores["fooled"] > 1 else Conclusion.CAMERA
            )
            rows.append(Said(row, str(word), scores["fooled"]))
        said[attack, "match"] = tuple(rows)
    said["dark", "match"] = (*said["none", "match"][:n], *said["dark", "match"][n:])  # reals are not attacked
    return said


@pytest.fixture
def found(rng) -> Found:
    fake = np.arange(120) >= 60
    parts = [Attacked(invented(rng, 60, 4.0), {"none": (), "dark": (Loss(30.0, 0.9, 2.0),)}, fake) for _ in range(2)]
    return Found((NONE, DARK), ("fooled", "steady"), *parts, 4.0, ("a note",))


SETUP = Setup((), (), rounds=200)


def test_weighing_anew_brings_back_what_others_see(found):
    shown = tables(found, SETUP)
    assert [t.name for t in shown][4:] == ["recalibrated", "accuracy", "gains"]
    columns = [c.name for c in next(t for t in shown if t.name == "recalibrated").columns[2:]]
    row = dict(zip(columns, table(shown, "recalibrated")["dark", "match"], strict=True))
    steady = found.tested.said["dark", "match"]
    alone, _, _ = with_interval(roc([s.row.scores["steady"] for s in steady], found.tested.fake, 200, 0).auc())
    assert row["AUC, as it is"].value < 0.01
    assert row["AUC, untold"].value < 0.3
    assert row["AUC, told"].value == pytest.approx(alone, abs=1e-9)  # the fooled one has lost its weight, no more
    assert row["accuracy, untold"].value < 0.6 < 0.75 < row["accuracy, told"].value
    gains = table(shown, "gains")
    assert all(cell.value == 0 for cell in gains["none", "match"])
    before, after = table(shown, "accuracy")["dark", "match"], gains["dark", "match"]
    assert before[0].value == pytest.approx(0.5, abs=0.05)
    assert before[0].value + after[0].value <= 0.55
    assert abs(after[1].value) < 0.05


def test_too_few_to_weigh_anew(found):
    few = {key: its[:5] + its[60:69] for key, its in found.told.said.items()}
    told = Attacked(few, {}, np.arange(14) >= 5)
    assert len(tables(replace(found, told=told), SETUP)) == 4


def test_shares_and_means_are_told(found):
    shown = tables(found, SETUP)
    verdicts = next(t for t in shown if t.name == "verdicts")
    assert verdicts.columns[-1].name == "supports edited"
    assert table(shown, "verdicts")["real photos", "match"][3].value == pytest.approx(1 / 60)
    assert all(sum(cell.value for cell in row[2:]) == pytest.approx(1) for row in verdicts.rows)
    changed, *means = table(shown, "quality")["dark"]
    assert changed.value == pytest.approx(1 / 60)
    assert [(m.value, m.n) for m in means] == [(30.0, 1), (0.9, 1), (0.5, 1)]
    nothing = replace(found, tested=replace(found.tested, losses={"none": (), "dark": ()}))
    assert all(math.isnan(m.value) for m in table(tables(nothing, SETUP), "quality")["dark"][1:])


def test_the_figure_shows_each_attack_and_the_detectors_that_tell(found):
    shown = tables(found, SETUP)
    figure = draw(shown[0], shown[3])
    (axes,) = figure.axes
    assert axes.get_title("left").startswith("match: encoded once")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["none", "dark  30 dB"]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0] == "verdict"
    assert sorted(texts[1:]) == ["fooled", "steady"]
    areas = table(shown, "attacks")
    assert list(axes.lines[0].get_xdata()) == [areas[name, "match"][0].value for name in ("none", "dark")]
    assert list(axes.lines[0].get_ydata()) == [0, 1]
    interval = axes.lines[1]
    assert list(interval.get_xdata()) == [areas["none", "match"][0].low, areas["none", "match"][0].high]
