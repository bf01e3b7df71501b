"""`forensics detector known`: our generators as any module, and one line where it cannot be done."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

from app.commands.known import known, suspect_of
from detectors.known import detector
from detectors.known.projection import Settings
from detectors.known.reference import Reference, about
from forensics.refusal import Refusal
from forensics.tensors import to_pictures
from generators.trained import load


@pytest.fixture(scope="module")
def trained():
    return load("stylegan2")


@pytest.mark.parametrize("name", ["stylegan2", "dcgan"])
def test_it_draws_what_the_family_draws(name):
    import torch

    trained = load(name)
    suspect = suspect_of(trained, 0.6)
    with torch.no_grad():
        theirs = trained.family.sample(trained.family.draw(1, torch.Generator().manual_seed(7)))
    assert suspect.size == trained.family.size[0]
    assert np.abs(suspect.picture(7).astype(int) - to_pictures(theirs)[0]).max() <= 1


def test_a_photo_gets_a_sentence_a_picture_and_settings(trained, portrait_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(detector, "Settings", partial(Settings, steps=8, drawn=64))  # where it takes its own from
    path = tmp_path / "reference.json"
    told = about(suspect_of(trained, 0.6), Settings(steps=8, drawn=64))
    Reference(tuple(np.linspace(0.02, 0.1, 12)), tuple(np.linspace(0.2, 0.9, 12)), 12, told).save(path)
    known([portrait_file], "stylegan2", None, path, 24, 0.6, tmp_path / "out")
    assert "grace_hopper.jpg: stylegan2 comes as near to this face as 0." in capsys.readouterr().out
    (picture,), (row,) = (tmp_path / "out").glob("*.png"), (tmp_path / "out").glob("*.json")
    kept = json.loads(row.read_text())
    assert picture.stem == row.stem
    assert kept["reference"]["settings"]["steps"] == 8
    assert kept["score"] < 0
    with pytest.raises(Refusal, match="another framing"):
        known([portrait_file], "stylegan2", None, path, 24, 1.0, None)


def test_what_cannot_be_done_is_one_line(portrait_file, tmp_path):
    with pytest.raises(Refusal, match="measure it with --real"):
        known([portrait_file], "stylegan2", None, tmp_path / "none.json", 24, 0.6, None)
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(Refusal, match=r"text\.jpg: not a photo"):
        known([tmp_path / "text.jpg"], "stylegan2", tmp_path, tmp_path / "none.json", 24, 0.6, None)
