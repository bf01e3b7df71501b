"""The pages: what they show, what they keep, and that they analyse nothing themselves."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

import app.views
from app import resources
from app.cli import app as command_line
from forensics import places
from forensics.refusal import Refusal

HOSTILE = "![x](http://evil.example/x.png) [l](http://evil.example) <img src=q onerror=alert(1)>\u202e.png"


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((12, 16, 3), grey, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def opened() -> AppTest:
    return AppTest.from_file(str(places.HOUSE / "app" / "main.py"), default_timeout=30).run()


def drop(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, data, "image/png") for name, data in files])
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return " ".join(html.proto.body for html in page.get("html"))


def test_opens_on_inspect(glance):
    page = opened()
    assert not page.exception
    assert page.title[0].value == "Inspect photos"
    assert "Nothing leaves this machine" in words(page)
    assert glance.asked == 0


def test_a_photo_gets_a_verdict_its_evidence_and_its_reports(glance):
    page = drop(opened(), ("bright.png", png(250)))
    shown = words(page)
    assert "Inconclusive" in shown  # no face
    assert "+2.48" in shown  # capped by 900 photos: log10(300)
    assert shown.index("Is it bright?") < shown.index("What is its name?")
    assert "a corner" in shown
    assert [button.label for button in page.download_button] == ["Report (HTML)", "Verdict (JSON)"]


def test_the_record_is_the_command_lines(glance, examiners, monkeypatch, tmp_path):
    monkeypatch.setattr("detectors.load_examiners", lambda folder: examiners)
    monkeypatch.chdir(tmp_path)
    Path("bright.png").write_bytes(png(250))
    expected = CliRunner().invoke(command_line, ["inspect", "bright.png", "--json", "-"]).stdout
    page = drop(opened(), ("bright.png", png(250)))
    assert resources.as_json(list(page.session_state[resources.SESSION].values())) == expected
    assert json.loads(expected)[0]["file"] == "bright.png"


def test_unreadable_files_have_one_clear_line_and_the_others_their_verdicts(glance):
    page = drop(opened(), ("good.png", png(9)), ("text.jpg", b"hello"), ("empty.png", b""))
    shown = words(page)
    assert "This file could not be examined: not a photo in a known format" in shown
    assert "This file could not be examined: the file is empty (0 bytes)" in shown
    assert "+0.18" in shown
    assert len(page.selectbox[0].options) == 3
    page.selectbox[0].select_index(1).run()
    assert not page.exception
    assert "Not a photo in a known format" in words(page)


def test_at_most_twenty_at_a_time(glance):
    page = drop(opened(), *[(f"{i}.png", png(i)) for i in range(22)])
    assert glance.asked == 20
    assert "Left out: 2." in words(page)


def test_a_photo_is_examined_once_and_forgotten_when_taken_off_the_list(glance):
    page = drop(opened(), ("a.png", png(10)), ("b.png", png(20)))
    drop(page, ("b.png", png(20)))
    assert glance.asked == 2
    assert [name for _, name in page.session_state[resources.SESSION]] == ["b.png"]
    page.file_uploader[0].set_value(None)
    page.run()
    assert page.session_state[resources.SESSION] == {}


def test_sessions_do_not_see_each_other(glance):
    drop(opened(), ("a.png", png(10)))
    other = opened()
    assert resources.SESSION not in other.session_state or not other.session_state[resources.SESSION]
    assert "a.png" not in words(other)


def test_hostile_names_never_reach_markdown(glance):
    page = drop(opened(), (HOSTILE, png(10)), ("b.png", png(20)))
    assert "<img src=q" not in words(page)
    assert "\u202e" not in words(page) + "".join(page.selectbox[0].options)
    for kind in ("markdown", "caption", "info", "warning", "error", "subheader", "expander", "spinner"):
        assert not [e for e in page.get(kind) if "evil.example" in str(getattr(e, "proto", ""))]


def test_says_what_to_do_when_weights_are_missing(monkeypatch):
    def missing():
        raise Refusal("weights/x.safetensors is missing; run `make weights`")

    monkeypatch.setattr(resources, "engine", missing)
    page = opened()
    assert not page.exception
    assert "run `make weights`" in words(page)


def test_views_hold_no_analysis():
    """A view may show and ask, generators too; it imports no detector, no model and no picture library."""
    barred = {"detectors", "torch", "cv2", "numpy", "PIL", "scipy", "timm"}
    for file in Path(next(iter(app.views.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not barred & {name.split(".")[0] for name in names}, file
