"""Both flows end to end, as a user types them: corpus, train, forge, detectors, calibration, benchmark, verdict.

Tiny and quick: it shows that every step takes what the one before left, not that the numbers are good.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import app
from forensics.corpus import Corpus
from forensics.photo import Photo
from forensics.report import schema


@pytest.fixture(scope="module")
def house(tmp_path_factory, portrait_file) -> Path:
    """A folder with 60 variants of one real portrait: light, turn, mirror."""
    place = tmp_path_factory.mktemp("loop")
    portrait = np.asarray(Image.open(portrait_file).convert("RGB").resize((256, 300)))
    rng = np.random.default_rng(0)
    (place / "photos").mkdir()
    for i in range(60):
        turn = cv2.getRotationMatrix2D((128, 120), rng.uniform(-8, 8), rng.uniform(0.9, 1.2))
        picture = cv2.warpAffine(portrait, turn, (256, 300), borderMode=cv2.BORDER_REFLECT)
        picture = np.clip(picture * rng.uniform(0.7, 1.2), 0, 255).astype(np.uint8)
        Image.fromarray(picture[:, :: rng.choice((1, -1))]).save(place / "photos" / f"{i}.jpg", quality=95)
    (place / "photos" / "broken.jpg").write_bytes(b"no photo")
    return place


def forensics(place: Path, line: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, shlex.split(line.format(at=place)), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def test_the_whole_loop(house):
    forensics(house, "corpus prepare {at}/photos {at}/reals --size 64 --align-faces --framing 0.8")
    reals = Corpus.open(house / "reals")
    assert 50 <= len(reals) <= 60
    assert "broken.jpg" in (house / "reals" / "left_out.csv").read_text()

    forensics(house, "train dcgan --data {at}/reals --out {at}/run --preset tiny --kimg 0.1 --batch 8")
    forensics(house, "forge {at}/run --seeds 0-1 --out {at}/tiny")
    assert Photo.open(house / "tiny" / "000001.png").width == 16

    forensics(house, "forge dcgan --seeds 0-59 --out {at}/fakes")  # faces that a face finder sees
    assert {e.maker for e in Corpus.open(house / "fakes")} == {"dcgan"}

    both = "--real {at}/reals --fake {at}/fakes"
    forensics(house, f"detector train {both} --out {{at}}/detector --preset tiny")
    forensics(house, "detector calibrate {at}/detector")
    about = json.loads((house / "detector" / "calibration.json").read_text())
    assert about["n_real"] >= 10
    assert about["n_fake"] >= 10

    forensics(house, f"bench detection {both} --panel {{at}}/detector --out {{at}}/bench --workers 1")
    assert list((house / "bench").glob("*.md"))

    out = forensics(house, "inspect {at}/photos/0.jpg {at}/fakes/000003.png --panel {at}/detector --json -")
    real, fake = reports = json.loads(out)
    jsonschema.validate(reports, schema())
    assert fake["conclusion"] == "declared_generated_unverified"
    assert real["conclusion"] in ("supports_camera", "inconclusive", "supports_generated")
    assert real["versions"]["calibration"] == fake["versions"]["calibration"]
