"""No verdict, picture or score comes from weights that are not those that shipped: one bit is enough to be refused.

Of the detectors' own weights, and of the finder of faces for verdicts, tests/test_supply_chain.py tells.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from detectors import load_calibration
from detectors.provenance.credentials import AUTHORITIES_FILE, SIGNERS_FILE, Credentials
from detectors.structure.regions import Regions
from forensics import face, pinned
from forensics.calibration import Calibration
from forensics.features import FILE, EffNetLite0
from forensics.places import DETECTOR_WEIGHTS, GENERATOR_WEIGHTS, MODELS
from forensics.refusal import Refusal

FAMILIES = sorted(path.stem for path in GENERATOR_WEIGHTS.glob("*.safetensors"))


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


SPOILS = {"flipped": flipped, "cut": lambda data: data[: len(data) // 2], "empty": lambda _: b"", "missing": None}


def spoil(path: Path, how: str) -> None:
    path.unlink() if SPOILS[how] is None else path.write_bytes(SPOILS[how](path.read_bytes()))


@pytest.fixture
def generators(tmp_path, monkeypatch) -> Path:
    copied = Path(shutil.copytree(GENERATOR_WEIGHTS, tmp_path / "weights"))
    monkeypatch.setattr("generators.trained.GENERATOR_WEIGHTS", copied)
    return copied


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    copied = Path(shutil.copytree(MODELS, tmp_path / "models"))
    monkeypatch.setattr(pinned, "MODELS", copied)
    return copied


def test_there_are_weights_to_spoil():
    assert len(FAMILIES) == 8


@pytest.mark.parametrize("how", SPOILS)
def test_a_generator_that_is_not_the_one_that_ships_makes_nothing(forensics, generators, tmp_path, how):
    for family in FAMILIES:
        file = generators / f"{family}.safetensors"
        spoil(file, how)
        code, said = forensics(f"forge {family} --seeds 0 --out {tmp_path / 'out'}")
        assert code == 2
        assert said.startswith("error: ")
        assert str(file) in said
    assert not (tmp_path / "out").exists()


def test_a_calibration_with_any_number_changed_is_refused(tmp_path):
    path = tmp_path / "calibration.json"
    text = (DETECTOR_WEIGHTS / path.name).read_text()
    digits = [match.start() for match in re.finditer(r"\d", text)]
    for place in digits[:: len(digits) // 60]:
        path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
        try:
            assert load_calibration(tmp_path) == load_calibration()  # a digit beyond what a number holds
        except Refusal as refusal:
            assert str(path) in str(refusal)
            assert "\n" not in str(refusal)


@pytest.mark.parametrize("entry", ["slope", "offset", "accuse", "conflict", "min_face"])
def test_a_calibration_that_would_weigh_otherwise_is_refused(tmp_path, entry):
    path = tmp_path / "calibration.json"
    path.write_text(re.sub(rf'"{entry}": -?[\d.]+', f'"{entry}": 9', (DETECTOR_WEIGHTS / path.name).read_text()))
    with pytest.raises(Refusal, match="was changed since it was written"):
        Calibration.load(path)


@pytest.mark.parametrize("how", ["flipped", "cut", "empty"])
def test_regions_of_other_photos_are_refused(tmp_path, how):
    for name in ("regions.json", "regions.md"):
        shutil.copyfile(DETECTOR_WEIGHTS / name, tmp_path / name)
    assert Regions.load(tmp_path).weights == Regions.load(DETECTOR_WEIGHTS).weights
    spoil(tmp_path / "regions.json", how)
    with pytest.raises(Refusal, match=r"regions\.json is not the file that regions\.md tells of"):
        Regions.load(tmp_path)


def test_missing_regions_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("detectors.structure.regions.DETECTOR_WEIGHTS", tmp_path)
    with pytest.raises(Refusal, match=r"regions\.json cannot be read") as refused:
        Regions.load(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("how", SPOILS)
def test_the_space_of_scores_is_the_one_that_ships(models, how):
    spoil(models / FILE.name, how)
    with pytest.raises(Refusal, match=FILE.name) as refused:
        EffNetLite0()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("how", SPOILS)
@pytest.mark.parametrize("file", [SIGNERS_FILE, AUTHORITIES_FILE], ids=lambda file: file.stem)
def test_the_lists_of_whom_to_trust_are_those_that_ship(models, file, how):
    spoil(models / file.name, how)
    with pytest.raises(Refusal, match=file.name) as refused:
        Credentials.load(DETECTOR_WEIGHTS)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("how", SPOILS)
def test_without_the_finder_of_faces_no_face_is_cut(forensics, models, portrait_file, tmp_path, how):
    spoil(models / pinned.FACES, how)
    (tmp_path / "photos").mkdir()
    shutil.copyfile(portrait_file, tmp_path / "photos" / "portrait.jpg")
    face.landmarker.cache_clear()
    code, said = forensics(f"corpus prepare {tmp_path / 'photos'} {tmp_path / 'out'} --align-faces --workers 1")
    assert code == 2
    assert said.startswith("error: ")
    assert str(models / pinned.FACES) in said
