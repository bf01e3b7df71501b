"""A plug-in, from its wheel to its row: installed by pip, found by the command."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from tests.benchmarks.standins import Alone, pictures
from tests.detectors.plugged_package import LOUD, metadata

ROOT = Path(__file__).resolve().parent.parent.parent


def wheel(folder: Path) -> Path:
    """By hand, as PEP 427 has it: no build backend is needed."""
    files = {"acme_red.py": LOUD, **metadata("acme_red", "loud = acme_red:Loud", "1.2")}
    files["acme_red-1.2.dist-info/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(text.encode())}\n")
    files["acme_red-1.2.dist-info/RECORD"] = "".join(lines) + "acme_red-1.2.dist-info/RECORD,,\n"
    path = folder / "acme_red-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return path


@pytest.fixture
def site(tmp_path) -> Path:
    """The folder that pip installed it into."""
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", str(site)]
    subprocess.run([*pip, str(wheel(tmp_path))], check=True, capture_output=True)
    return site


@pytest.fixture
def words(tmp_path, rng) -> list[str]:
    """What is typed in `tmp_path`."""
    for name, red in (("web", 60), ("forged", 200)):
        pictures(tmp_path / name, (red, 90, 90), rng, 6, ((15, 15),), 30)
    words = ["--real", "web", "--fake", "mygen=forged", "--split", "all", "--launder", "native", "--out", "out"]
    return ["bench", "detection", *words, "--workers", "1", "--detectors", "loud"]


def test_installed_it_has_a_row(site, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORENSICS_PUBLISHED", str(tmp_path / "none"))
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "acme_red", raising=False)
    monkeypatch.setattr("app.commands.bench.crew_of", lambda engine, hold, size: Alone(hold, size))
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    told_of(tmp_path, done.stdout)


@pytest.mark.slow
def test_installed_it_has_a_row_in_processes_of_their_own(site, words, tmp_path):
    path = os.pathsep.join((str(site), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": path, "FORENSICS_PUBLISHED": str(tmp_path / "none")}
    command = [sys.executable, "-m", "app.cli", *words]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told_of(tmp_path, done.stdout)


def told_of(tmp_path: Path, said: str) -> None:
    assert "plugged in" in said
    (path,) = (tmp_path / "out").glob("detection-*.json")
    told = json.loads(path.read_text())
    (row,) = next(table["rows"] for table in told["tables"] if table["name"] == "detectors")
    assert row[:2] == ["loud", "plugged in"]
    assert row[2]["value"] == 1.0
    assert row[2]["n"] == 12
    assert told["stamp"]["settings"]["beside the panel"] == "loud, plugged in: acme-red 1.2"
    assert told["stamp"]["weights"]["loud"] == "f" * 64
    assert (tmp_path / "out" / f"{path.stem}.curves.png").stat().st_size > 10_000
