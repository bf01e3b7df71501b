"""The same photo gives the same report here and on the command line, byte for byte."""

from __future__ import annotations

import importlib
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from app.cli import app
from forensics.report import schema
from tests.app.service.served import REAL, STANDINS, photo


def by_command(folder: Path, monkeypatch, name: str, data: bytes, *options: str) -> str:
    """What `forensics inspect --json` writes for the one file, without the array around it."""
    (folder / name).write_bytes(data)
    monkeypatch.chdir(folder)
    said = CliRunner().invoke(app, ["inspect", "--json", "r.json", *options, "--", name])
    text = (folder / "r.json").read_text("utf-8")
    assert said.exit_code in (0, 2), said.output
    lines = text.split("\n")
    assert (lines[0], lines[-2:]) == ("[", ["]", ""])
    return "\n".join(line[2:] for line in lines[1:-2]) + "\n"


@pytest.fixture
def standins(monkeypatch):
    monkeypatch.syspath_prepend(STANDINS)
    panel = importlib.import_module("standin_panel")
    monkeypatch.setattr("detectors.load_examiners", lambda folder: panel.load())


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("portrait.png", photo(), 200),
        ("ñandú 写真 <b>&%41 '.png", photo(grey=250), 200),
        ("-- ;$(x).png", photo(grey=3), 200),
        ("words.jpg", b"no picture at all\n", 422),
        ("short.png", photo()[:60], 422),
        ("empty.jpg", b"", 422),
    ],
    ids="photo odd option words cut empty".split(),
)
def test_raw_and_form_and_command_line_write_the_same(small, standins, tmp_path, monkeypatch, name, data, status):
    told = by_command(tmp_path, monkeypatch, name, data)
    raw = small.post(data, name=name)
    form = small.client.post("/inspect", files={"photo": (name, data, "image/png")})
    assert (raw.status_code, raw.text) == (status, told)
    assert (form.status_code, form.text) == (status, told)
    assert raw.headers["content-type"] == "application/json"
    jsonschema.validate([raw.json()], schema())


def test_stability_too(small, standins, tmp_path, monkeypatch):
    told = by_command(tmp_path, monkeypatch, "a.png", photo(), "--stability")
    got = small.post(photo(), name="a.png", stability="true")
    assert (got.status_code, got.text) == (200, told)
    assert "stability" in got.json()
    assert "stability" not in small.post(photo(), name="a.png", stability="false").json()


@pytest.mark.slow
def test_with_the_real_panel(serving, tmp_path, monkeypatch, portrait_file):
    served, data = serving(code=REAL).wait(), portrait_file.read_bytes()
    for options, asked in (((), {}), (("--stability",), {"stability": "true"})):
        told = by_command(tmp_path, monkeypatch, "portrait.jpg", data, *options)
        got = served.post(data, name="portrait.jpg", **asked)
        assert (got.status_code, got.text) == (200, told)
    assert len(got.json()["stability"]["copies"]) == 12
