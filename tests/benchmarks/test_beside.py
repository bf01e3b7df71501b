"""Beside the panel: who is chosen, what is asked anew, and that nobody beside it touches a verdict."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.detection.beside import Wanted, describe, hold
from benchmarks.detection.measure import examined, measure
from benchmarks.shots import Setup
from detectors.published import PUBLISHED
from forensics.calibration import Calibration, Domain, Line
from forensics.crew import Lost
from forensics.evidence import Evidence, silent
from forensics.photo import Photo
from forensics.refusal import Refusal
from tests.benchmarks.standins import Alone, pictures
from tests.detectors.plugged_package import LOUD, package

N = 8  # photos a class
TABLES_OF_VERDICTS = {"verdict", "generators", "domains", "reals", "subsets", "fakes"}


@pytest.fixture
def setup(tmp_path, rng) -> Setup:
    for name, red in (("web", 60), ("forged", 200)):
        pictures(tmp_path / name, (red, 90, 90), rng, N, ((64, 64), (15, 15)), 30)
    return Setup((tmp_path / "web",), (("mygen", tmp_path / "forged"),), "native", "all", rounds=20, grey=2)


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A folder of installed packages, with one that has a plug-in."""
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "acme_red", raising=False)
    return package(tmp_path / "site")


@pytest.fixture
def weights(tmp_path) -> Path:
    """A folder with the published detector that is smallest, of random weights."""
    from safetensors.torch import save_file

    from detectors.published.tiny_ladeda import Network
    from tests.detectors.published.authors import random_state

    (tmp_path / "published").mkdir()
    save_file(random_state(Network()), tmp_path / "published" / "tiny_ladeda.NPR.safetensors")
    return tmp_path / "published"


def run(setup, load, out, *names: str, beside: Path | None = None, watch=lambda done, total: None, crew=Alone):
    return measure(setup, load, out, watch=watch, wanted=Wanted(names or None, beside is not None, beside), crew=crew)


def rows(result, name: str = "detectors") -> dict:
    return {row[0]: row[1:] for row in result.table(name).rows}


def test_published_and_plugged_ones_are_rows_that_say_so(panel, setup, site, weights, tmp_path):
    result = run(setup, panel.load, tmp_path / "out", beside=weights)
    kinds = {name: row[0] for name, row in rows(result).items()}
    assert kinds == {
        "brightness": "panel",
        "tiny_ladeda": "published",
        "loud": "plugged in",
        "verdict": "whole panel",
    }
    assert rows(result)["loud"][1].value == 1.0  # all fakes are redder
    assert rows(result)["tiny_ladeda"][1].n == N  # the small ones are too small for it
    assert rows(result, "thresholds")["loud"][1:3] == (0.5, rows(result, "thresholds")["loud"][2])
    assert rows(result, "thresholds")["loud"][2].value == 1.0
    who = rows(result, "who")
    assert who["loud"][1:3] == ("acme-red 1.2", "f" * 12)
    assert who["tiny_ladeda"][1] == "Tiny-LaDeDa (2024), NPR"
    assert who["tiny_ladeda"][3].value == 0.5
    assert result.stamp.weights["loud"] == "f" * 64
    assert len(result.stamp.weights["tiny_ladeda"]) == 64
    told = result.stamp.settings["beside the panel"]
    assert told == "tiny_ladeda, published: Tiny-LaDeDa (2024), NPR; loud, plugged in: acme-red 1.2"
    assert {row[0] for row in result.table("mistakes").rows} <= {"verdict", "brightness", "tiny_ladeda", "loud"}


def test_those_without_weights_are_named_with_how_to_get_them(panel, setup, weights, tmp_path):
    result = run(setup, panel.load, tmp_path / "out", beside=weights)
    absent = {row[0]: row[2] for row in result.table("absent").rows}
    assert len(absent) == len(PUBLISHED) - 1
    assert absent["Meso-4"] == next(m.manifest.how_to_get_it for m in PUBLISHED if m.name == "meso4")
    (note,) = (note for note in result.table("detectors").notes if note.startswith("Not measured"))
    assert all(title in note for title in absent)
    assert str(weights) in note
    only = run(setup, panel.load, tmp_path / "out", "meso4", "brightness", beside=weights)
    assert [row[0] for row in only.table("absent").rows] == ["Meso-4"]
    with pytest.raises(Refusal, match=r"no weights in .*: Meso-4: the authors publish Meso4_DF"):
        run(setup, panel.load, tmp_path / "out", "meso4", beside=weights)


@pytest.mark.parametrize("name", ["meso4.safetensors", "npr.pth", "ladeda.pth"])
def test_a_bad_file_is_refused_by_its_name_unless_it_is_not_asked_for(panel, setup, weights, tmp_path, name):
    (weights / name).write_bytes(b"no weights")
    with pytest.raises(Refusal, match=name) as refusal:
        run(setup, panel.load, tmp_path / "out", beside=weights)
    assert "\n" not in str(refusal.value)
    assert set(rows(run(setup, panel.load, tmp_path / "out", "tiny_ladeda", beside=weights))) == {"tiny_ladeda"}


def test_only_those_who_are_named_are_asked(panel, setup, site, tmp_path, monkeypatch):
    asked, examine = [], panel.Brightness.examine
    monkeypatch.setattr(panel.Brightness, "examine", lambda self, photo: asked.append(1) or examine(self, photo))
    seen = []
    result = run(setup, panel.load, tmp_path, "loud", beside=tmp_path, watch=lambda *n: seen.append(n))
    assert not asked
    assert seen[-1] == (4 * N, 4 * N)  # of each photo its facts, and the plug-in; none without its colour
    assert set(rows(result)) == set(rows(result, "who")) == {"loud"}
    assert not TABLES_OF_VERDICTS & {table.name for table in result.tables}
    assert result.stamp.settings["detectors"] == "loud"
    one = run(setup, panel.load, tmp_path, "brightness", "loud", beside=tmp_path)
    assert len(asked) == 2 * N
    assert list(rows(one)) == ["brightness", "loud"]  # as the panel's order has it
    both = run(setup, panel.load, tmp_path, "verdict", beside=tmp_path)
    assert len(asked) == 2 * N + 2  # two without colour: what was asked before is recalled
    assert set(rows(both)) == {"verdict"}
    assert {table.name for table in both.tables} >= TABLES_OF_VERDICTS


def test_an_unknown_name_is_refused_with_all_that_are_known(panel, setup, site, tmp_path):
    with pytest.raises(Refusal) as refusal:
        run(setup, panel.load, tmp_path, "loud", "eye", beside=tmp_path)
    said = str(refusal.value)
    assert said.startswith("--detectors: no detector is named 'eye'; choose from verdict (the whole panel); ")
    assert "panel: brightness; published: cnndetection, npr" in said
    assert said.endswith("plugged in: loud")
    assert "mute" not in said  # which never scores
    with pytest.raises(Refusal, match="choose from"):
        measure(setup, panel.load, tmp_path, wanted=Wanted(()), crew=Alone)


def test_a_verdict_is_the_same_with_them_and_without(panel, setup, site, weights, tmp_path):
    package(site, source=LOUD.replace("return Evidence(", "raise KeyError(7)\n        return Evidence("))
    bare = examined(setup, panel.load, tmp_path / "a", crew=Alone)
    full = examined(setup, panel.load, tmp_path / "b", wanted=Wanted(beside=True, published=weights), crew=Alone)
    assert [(o.conclusion, o.log10_lr) for o in bare.outcomes] == [(o.conclusion, o.log10_lr) for o in full.outcomes]
    assert any("tiny_ladeda" in o.scores for o in full.outcomes)
    assert not any("loud" in o.scores for o in full.outcomes)


def test_one_that_raises_is_silent_there_and_counted(panel, setup, site, tmp_path):
    source = LOUD.replace(
        "return Evidence(", "if photo.width < 20: raise KeyError('small')\n        return Evidence("
    )
    package(site, source=source)
    result = run(setup, panel.load, tmp_path / "out", "loud", beside=tmp_path)
    assert rows(result)["loud"][1].n == N
    assert f"loud (plugged in, acme-red 1.2) failed on {N} photos and counts as silent there: KeyError: 'small'" in (
        result.table("detectors").notes
    )


def test_one_that_breaks_the_contract_ends_the_run_and_what_is_known_is_kept(panel, setup, site, tmp_path):
    package(site, source=LOUD.replace("return Evidence(", "return 3\n        return Evidence("))
    with pytest.raises(Refusal, match=r"acme-red 1\.2 answers with a int"):
        run(setup, panel.load, tmp_path / "out", beside=tmp_path)
    seen = []
    run(setup, panel.load, tmp_path / "out", "brightness", watch=lambda *n: seen.append(n))
    assert seen[0] == (1, 2 * N)  # the first photo's panel had answered


@pytest.mark.parametrize("name", ["brightness", "mute", "npr", "verdict", "photo"])
def test_a_name_that_is_taken_is_refused(panel, setup, site, tmp_path, name):
    package(site, entries=f"{name} = acme_red:Loud")
    with pytest.raises(Refusal, match=f"plug-in '{name}' of acme-red 1.2: the name is taken"):
        run(setup, panel.load, tmp_path / "out", beside=tmp_path)


def test_two_packages_cannot_have_one_name(panel, site, tmp_path):
    package(site, "acme_blue", entries="loud = acme_blue:Loud")
    with pytest.raises(Refusal, match=r"plug-in 'loud' of acme-blue 1\.2: the name is taken"):
        hold(panel.load, Wanted(beside=True, published=tmp_path))
    assert hold(panel.load, Wanted(("verdict",), True, tmp_path)).beside == ()  # nobody asked for them


def test_calibration_and_its_like_know_the_panel_alone(panel, site):
    cast = describe(hold(panel.load, Wanted()), None)
    assert (cast.beside, cast.absent) == ((), ())
    assert [each.name for each in cast.shown] == ["brightness", "verdict"]


def test_who_is_new_is_asked_and_nobody_else(panel, setup, site, weights, tmp_path, monkeypatch):
    asked, examine = [], panel.Brightness.examine
    monkeypatch.setattr(panel.Brightness, "examine", lambda self, photo: asked.append(1) or examine(self, photo))
    seen = []
    first = run(setup, panel.load, tmp_path / "out", watch=lambda *n: seen.append(n))
    assert (len(asked), seen[-1]) == (2 * N + 2, (2 * N + 2, 2 * N + 2))
    asked.clear(), seen.clear()
    second = run(setup, panel.load, tmp_path / "out", beside=weights, watch=lambda *n: seen.append(n))
    assert not asked
    assert seen[0] == (2 * N + 2, 2 * N + 2 + 2 * 2 * N)  # of the panel nothing, of the two beside it everything
    assert rows(first)["verdict"] == rows(second)["verdict"]
    package(site, version="1.3", source=LOUD)
    shutil.rmtree(site / "acme_red-1.2.dist-info")
    seen.clear()
    third = run(setup, panel.load, tmp_path / "out", beside=weights, watch=lambda *n: seen.append(n))
    assert seen[0][1] - seen[0][0] == 2 * N  # another version is another detector
    assert rows(third, "who")["loud"][1] == "acme-red 1.3"
    Image.fromarray(np.full((15, 15, 3), 40, np.uint8)).save(setup.real[0] / "new.png")
    seen.clear(), asked.clear()
    run(replace(setup, grey=0), panel.load, tmp_path / "out", beside=weights, watch=lambda *n: seen.append(n))
    assert seen[0][1] - seen[0][0] == 3
    assert len(asked) == 1


class Counted:
    """Scores a channel, and counts how often it was asked; also tells of an edit."""

    scores = True
    question = "How much of it?"

    def __init__(self, name: str, channel: int, weights: str):
        self.name, self.channel, self.weights, self.asked = name, channel, weights, 0

    def examine(self, photo: Photo) -> Evidence:
        self.asked += 1
        if photo.width < 20 and self.channel == 1:
            return silent(self.name, "It is small.")
        if photo.pixels[0, 0, 0] % 5 == 0 and self.weights == "fails":
            raise ZeroDivisionError("a mistake of ours")
        edited = 400 if photo.pixels[0, 0, 1] % 2 else None
        return Evidence(
            self.name, float(photo.pixels[..., self.channel].mean()) / 40 - 3, "It has it.", edited=edited
        )


@pytest.mark.parametrize("kind", ["b", "fails"])
def test_a_member_trained_anew_costs_its_own_time_and_its_verdict_is_as_if_all_were_new(setup, tmp_path, kind):
    calibration = Calibration({"red": Line(0.7, 0.1, 9), "green": Line(0.5, 0, 9)}, Domain(1, None), 3000, 3000, 0.1)

    def load(weights: str, slope: float, members: list):
        members[:] = [Counted("red", 0, "a"), Counted("green", 1, weights)]
        lines = {**calibration.lines, "green": Line(slope, 0, 9)}
        return tuple(members), replace(calibration, lines=lines)

    def outcomes(out: str, weights: str, slope: float) -> tuple[list, list[int]]:
        members: list[Counted] = []
        found = examined(setup, partial(load, weights, slope, members), tmp_path / out, crew=Alone).outcomes
        return [(o.conclusion, o.log10_lr, o.scores) for o in found], [m.asked for m in members]

    n = 2 * N + 2
    assert outcomes("one", "a", 0.5)[1] == [n, n]
    again, asked = outcomes("one", kind, 0.5)
    assert asked == [0, n]
    fresh = outcomes("other", kind, 0.5)[0]
    assert again == fresh
    assert len({conclusion for conclusion, _, _ in fresh}) > 1  # so that this could fail
    calibrated, asked = outcomes("one", "a", 0.9)  # calibrated anew: nobody is asked
    assert asked == [0, 0]
    assert calibrated == outcomes("third", "a", 0.9)[0]
    assert calibrated != again


class Deadly(Alone):
    """A crew whose worker dies of a plug-in's first photo."""

    def map(self, job, items):
        died = False
        for item in items:
            dies = not died and getattr(item, "names", ()) == ("loud",)
            died = died or dies
            yield item, Lost("the decoder crashed (SIGSEGV)") if dies else job(self.held, item)


def test_one_that_kills_its_process_takes_no_answer_of_the_panel_away(panel, setup, site, tmp_path):
    bare = rows(run(setup, panel.load, tmp_path / "bare"))
    result = run(setup, panel.load, tmp_path / "out", beside=tmp_path, crew=Deadly)
    assert rows(result)["verdict"] == bare["verdict"]
    assert rows(result)["loud"][1].n == 2 * N - 1
    assert any("failed on 1 photos" in n and "SIGSEGV" in n for n in result.table("detectors").notes)
