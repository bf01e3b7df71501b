"""The stability panel: twelve re-postings at a press, the new verdict shown, and the command line's JSON."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from app import resources
from app.cli import app as command_line
from forensics import places
from forensics.calibration import Calibration, Domain, Line
from forensics.evidence import Evidence


class Grain:
    """Scores fine noise, which re-posting takes away: what it says as the photo came does not outlive much."""

    name = "grain"
    question = "Has it grain?"
    scores = True
    weights = None

    def __init__(self) -> None:
        self.asked = 0

    def examine(self, photo):
        self.asked += 1
        across = np.abs(np.diff(photo.luminance, axis=1)).mean()
        return Evidence(self.name, float(across) - self.middle, f"Neighbours differ by {across:.1f}.")

    middle = 50.0


class Steady(Grain):
    """Scores the same whatever comes."""

    def examine(self, photo):
        self.asked += 1
        return Evidence(self.name, 9.0, "It never changes its mind.")


def noisy() -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def panel_of(detector: Grain):
    calibration = Calibration({"grain": Line(2.0, 0.0, 900)}, Domain(1, None), 900, 900, conflict=9)
    return (detector,), calibration


@pytest.fixture
def asked(request, monkeypatch) -> Grain:
    detector = request.param()
    examiners = panel_of(detector)
    engine = resources.Engine(*examiners)
    monkeypatch.setattr(resources, "engine", lambda: engine)
    monkeypatch.setattr("detectors.load_examiners", lambda folder: examiners)
    return detector


def opened() -> AppTest:
    page = AppTest.from_file(str(places.HOUSE / "app" / "main.py"), default_timeout=60).run()
    page.file_uploader[0].set_value([("noisy.png", noisy(), "image/png")])
    page.run()
    assert not page.exception
    return page


def pressed(page: AppTest) -> AppTest:
    page.button(key="repost").click().run()
    assert not page.exception
    return page


def html(page: AppTest) -> str:
    return " ".join(found.proto.body for found in page.get("html"))


def record(page: AppTest) -> str:
    return resources.as_json(list(page.session_state[resources.SESSION].values()))


def said_by_the_command_line(folder: Path, monkeypatch, *options: str) -> str:
    monkeypatch.chdir(folder)
    Path("noisy.png").write_bytes(noisy())
    return CliRunner().invoke(command_line, ["inspect", "noisy.png", "--json", "-", *options]).stdout


@pytest.mark.parametrize("asked", [Grain], indirect=True)
def test_the_first_verdict_comes_without_re_postings(asked):
    page = opened()
    assert asked.asked == 1
    assert "Supports: made by a generator" in html(page)
    assert 'fx-copies"' not in html(page)


@pytest.mark.parametrize("asked", [Grain], indirect=True)
def test_a_flip_makes_the_verdict_inconclusive_and_says_why(asked, tmp_path, monkeypatch):
    page = pressed(opened())
    assert asked.asked == 1 + 13
    shown = html(page)
    assert "Supports: made by a generator" not in shown
    assert "<h2>Inconclusive</h2>" in shown
    assert "re-posting turns the scores round" in shown
    assert "from them, nothing is concluded" in shown
    assert not [button for button in page.button if button.key == "repost"]
    assert record(page) == said_by_the_command_line(tmp_path, monkeypatch, "--stability")


@pytest.mark.parametrize("asked", [Steady], indirect=True)
def test_a_steady_verdict_stays_and_the_record_is_the_command_lines(asked, tmp_path, monkeypatch):
    page = opened()
    assert record(page) == said_by_the_command_line(tmp_path, monkeypatch)
    pressed(page)
    assert "Supports: made by a generator" in html(page)
    assert "12 of 12 re-postings agree with the photo as it came" in [found.label for found in page.expander]
    assert html(page).count('<th scope="row">') >= 13
    assert record(page) == said_by_the_command_line(tmp_path, monkeypatch, "--stability")
    before = asked.asked
    page.run()
    assert asked.asked == before, "what was tried is kept"
    assert "12 of 12 re-postings agree" in html(page)


@pytest.mark.parametrize("asked", [Grain], indirect=True)
def test_where_nothing_could_be_concluded_nothing_is_tried(asked, monkeypatch):
    engine = resources.Engine(
        (asked,), Calibration({"grain": Line(2.0, 0.0, 900)}, Domain(500, None), 900, 900, conflict=9)
    )
    monkeypatch.setattr(resources, "engine", lambda: engine)
    page = pressed(opened())
    assert asked.asked == 2
    assert "Re-postings were not tried" in html(page)
