"""Both flows end to end, as README types them: corpus, train, forge, detectors, calibration, benchmark, verdict.

Tiny and quick: it shows that every step takes what the one before left, not that the numbers are good.
"""

from __future__ import annotations

import json
import shlex
from functools import partial
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import app
from benchmarks import shots
from detectors.classifier import descent
from detectors.frequency import fitting
from forensics.calibration import Calibration
from forensics.corpus import Corpus
from forensics.photo import Photo
from forensics.report import schema
from tests.benchmarks.standins import Alone

pytestmark = pytest.mark.usefixtures("float32")
README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def house(tmp_path_factory, portrait_file) -> Path:
    """A folder with 48 variants of one real portrait (light, turn, mirror), prepared, and faces from a generator."""
    place = tmp_path_factory.mktemp("loop")
    portrait = np.asarray(Image.open(portrait_file).convert("RGB").resize((256, 300)))
    rng = np.random.default_rng(0)
    (place / "photos").mkdir()
    for i in range(48):
        turn = cv2.getRotationMatrix2D((128, 120), rng.uniform(-8, 8), rng.uniform(0.9, 1.2))
        picture = cv2.warpAffine(portrait, turn, (256, 300), borderMode=cv2.BORDER_REFLECT)
        picture = np.clip(picture * rng.uniform(0.7, 1.2), 0, 255).astype(np.uint8)
        Image.fromarray(picture[:, :: rng.choice((1, -1))]).save(place / "photos" / f"{i}.jpg", quality=95)
    (place / "photos" / "broken.jpg").write_bytes(b"no photo")
    forensics(place, readme("corpus prepare PHOTOS runs/reals"))
    forensics(place, "forge dcgan --seeds 0-59 --out {at}/fakes")  # faces that a face finder sees
    return place


def forensics(place: Path, line: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, shlex.split(line.format(at=place)), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def readme(start: str) -> str:
    """README's line that begins so, in the folder of the test."""
    line = next(text for text in README.splitlines() if text.startswith(f".venv/bin/forensics {start}"))
    return line.removeprefix(".venv/bin/forensics ").replace("PHOTOS", "{at}/photos").replace("runs/", "{at}/")


def test_the_whole_loop(house, monkeypatch):
    monkeypatch.setattr("app.commands.bench.crew_of", lambda engine, hold, size: Alone(hold, size))
    monkeypatch.setattr(shots, "Setup", partial(shots.Setup, rounds=20))
    monkeypatch.setattr(fitting, "Recipe", partial(fitting.Recipe, draws=1))
    monkeypatch.setattr(fitting, "RIDGES", fitting.RIDGES[1::2])
    reals = Corpus.open(house / "reals")
    assert 40 <= len(reals) <= 48
    assert "broken.jpg" in (house / "reals" / "left_out.csv").read_text()

    forensics(house, "train dcgan --data {at}/reals --out {at}/run --preset tiny --kimg 0.1 --batch 8")
    forensics(house, "forge {at}/run --seeds 0-1 --out {at}/tiny")
    assert Photo.open(house / "tiny" / "000001.png").width == 16

    assert {e.maker for e in Corpus.open(house / "fakes")} == {"dcgan"}

    both = "--real {at}/reals --fake {at}/fakes"
    forensics(house, f"detector train {both} --out {{at}}/detector --preset tiny")
    forensics(house, "detector calibrate {at}/detector")
    about = json.loads((house / "detector" / "calibration.json").read_text())
    assert about["n_real"] >= 10
    assert about["n_fake"] >= 10

    assert "Faces that it was shown" in (house / "detector" / "classifier.md").read_text()

    forensics(house, readme("bench detection --panel runs/detector") + " --out {at}/bench --workers 1 --limit 6")
    assert list((house / "bench").glob("*.md"))

    Image.fromarray(Photo.open(house / "fakes" / "000003.png").pixels).save(house / "bare.png")  # no declaration
    files = "{at}/photos/0.jpg {at}/bare.png {at}/fakes/000003.png"
    reports = json.loads(forensics(house, f"inspect {files} --panel {{at}}/detector --json -"))
    jsonschema.validate(reports, schema())
    real, bare, fake = reports
    assert fake["conclusion"] == "declared_generated_unverified"
    calibration = Calibration.load(house / "detector" / "calibration.json")
    assert -1 < calibration.floor < 0 < calibration.ceiling < 1  # so few photos cannot show "10 times likelier"
    for report in (real, bare):
        assert report["conclusion"] == "inconclusive"
        assert report["versions"]["calibration"] == fake["versions"]["calibration"]
        scores = {e["detector"]: e["score"] for e in report["evidence"] if e["score"] is not None}
        assert scores
        assert report["log10_lr"] == pytest.approx(calibration.total(scores), abs=1e-3)
        assert calibration.floor - 1e-6 <= report["log10_lr"] <= calibration.ceiling + 1e-6
    assert bare["log10_lr"] == fake["log10_lr"]  # a declaration is not weighed


def test_the_readme_s_pictures_are_large_enough_for_the_classifier(house, monkeypatch):
    """The standard preset, which README's training line takes: it refuses faces that are too small or too few."""
    monkeypatch.setattr(descent, "TrainingConfig", partial(descent.TrainingConfig, batch=4))
    line = readme("detector train --real runs/reals --fake runs/fakes").replace("/detector", "/standard")
    forensics(house, line + " --steps 1 --only classifier")
    config = json.loads((house / "standard" / "config.json").read_text())
    assert config["classifier"]["network"]["size"] == 160
    assert (house / "standard" / "classifier.safetensors").stat().st_size > 2**20
