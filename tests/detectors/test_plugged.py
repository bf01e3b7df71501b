"""Plug-ins are found unimported, held to the contract, and refused in one line that says whose they are."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from detectors.plugged import plug_ins
from forensics.evidence import Detector, Evidence
from forensics.photo import Photo
from forensics.refusal import Refusal
from tests.detectors.plugged_package import LOUD, package

PHOTO = Photo.from_pixels(np.full((12, 12, 3), 51, np.uint8))


def found(tmp_path, monkeypatch, source: str = LOUD, entry: str = "loud", module: str = "acme_red"):
    package(tmp_path / "site", module, source, f"{entry} = {module}:Loud")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, module, raising=False)
    (plug_in,) = (each for each in plug_ins() if each.package == module.replace("_", "-"))
    return plug_in


def test_one_is_found_by_its_declaration_and_imported_when_loaded(tmp_path, monkeypatch):
    plug_in = found(tmp_path, monkeypatch)
    assert (plug_in.name, plug_in.package, plug_in.version, plug_in.by) == ("loud", "acme-red", "1.2", "acme-red 1.2")
    assert str(plug_in) == "plug-in 'loud' of acme-red 1.2"
    assert "acme_red" not in sys.modules
    detector = plug_in.load(tmp_path)
    assert isinstance(detector, Detector)
    assert (detector.name, detector.weights, detector.threshold) == ("loud", "f" * 64, 0.5)
    evidence = detector.examine(PHOTO)
    assert isinstance(evidence, Evidence)
    assert evidence.score == 0.2


def test_it_gets_the_folder_and_may_leave_out_what_it_has_not(tmp_path, monkeypatch):
    source = LOUD.replace("return cls()", "(weights / 'seen').touch(); return cls()")
    source = source.replace('    threshold = 0.5\n    weights = "f" * 64\n', "")
    detector = found(tmp_path, monkeypatch, source).load(tmp_path)
    assert (tmp_path / "seen").exists()
    assert (detector.weights, detector.threshold) == (None, None)


@pytest.mark.parametrize(
    ("change", "into", "said"),
    [
        ("from forensics", "import nowhere_to_be_found\nfrom forensics", "imported .ModuleNotFoundError: No module"),
        ("from forensics", "raise SystemExit(3)\nfrom forensics", "cannot be imported .SystemExit: 3"),
        ("class Loud:", "class Other:", "cannot be imported .AttributeError"),
        ("class Loud:", "Loud = 3\nclass Other:", "is no detector .acme_red:Loud is no class"),
        ("def examine", "def inspect", "a class without examine"),
        ("def load", "def read", "a class without load"),
        ("question =", "title =", "a class without question"),
        ('name = "loud"', 'name = "quiet"', "its class is named 'quiet'"),
        ("return cls()", "raise OSError('no\\nfile')", "cannot be loaded .OSError: no file"),
        ('"f" * 64', "64", "cannot be loaded .TypeError: weights is a int"),
        ("threshold = 0.5", "threshold = 'high'", "cannot be loaded .ValueError"),
    ],
)
def test_a_broken_one_is_refused_in_a_line_that_names_its_package(tmp_path, monkeypatch, change, into, said):
    assert change in LOUD
    plug_in = found(tmp_path, monkeypatch, LOUD.replace(change, into))
    with pytest.raises(Refusal, match=said) as refusal:
        plug_in.load(tmp_path)
    assert "acme-red 1.2" in str(refusal.value)
    assert "uninstall acme-red or leave it out: --detectors" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_name_is_a_word(tmp_path, monkeypatch):
    with pytest.raises(Refusal, match=r"'very loud' of acme-red 1\.2: its name must be one word"):
        found(tmp_path, monkeypatch, entry="very loud").load(Path())


@pytest.mark.parametrize(
    "answer", ["0.5", "None", "Evidence('loud', float('nan'), '')", "Evidence('loud', 'high', '')"]
)
def test_what_is_no_evidence_is_refused(tmp_path, monkeypatch, answer):
    source = LOUD.replace("return Evidence(", f"return {answer}\n        return Evidence(")
    with pytest.raises(Refusal, match=r"acme-red 1\.2 (answers with a|scores)"):
        found(tmp_path, monkeypatch, source).load(tmp_path).examine(PHOTO)


def test_numpy_s_numbers_are_numbers_and_what_it_raises_is_passed_on(tmp_path, monkeypatch):
    source = LOUD.replace("float(photo.pixels[..., 0].mean()) / 255", "photo.pixels[..., 0].mean()")
    assert found(tmp_path / "a", monkeypatch, source).load(tmp_path).examine(PHOTO).score == 51
    source = LOUD.replace("return Evidence(", "raise KeyError(7)\n        return Evidence(")
    plug_in = found(tmp_path / "b", monkeypatch, source, module="acme_blue")
    with pytest.raises(KeyError):
        plug_in.load(tmp_path).examine(PHOTO)
