"""A worker that is killed takes nothing with it. A whole process that is: test_scan.py, generators/test_killed.py."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from tests.faults.conftest import contents


@pytest.fixture
def killed(panel, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("killed_panel")


def test_a_scan_goes_on_without_the_photo_that_kills(forensics, killed, panel, monkeypatch, tmp_path):
    monkeypatch.setattr("app.commands.scan.load", killed.load)
    (tmp_path / "photos").mkdir()
    for number, first in enumerate([(9, 9, 9), panel.CRASHES_ONCE, panel.CRASHES, (8, 8, 8)]):
        pixels = np.full((12, 12, 3), 120 + number, np.uint8)
        pixels[0, 0] = first
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "notes").mkdir()
    out = tmp_path / "r.parquet"
    words = f"scan {tmp_path / 'photos'} --out {out} --workers 2 --panel {tmp_path / 'notes'}"
    assert forensics(words)[0] == 0
    rows = parquet.read_table(out).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "ok", "unreadable", "ok"]
    assert "SIGSEGV" in rows[2]["reason"]
    assert not out.with_name("r.parquet.parts").exists()


def test_forging_says_which_seed_was_not_made_and_goes_on_from_there(forensics, killed, monkeypatch, house, tmp_path):
    words = f"forge {house / 'run'} --seeds 0-5 --out"
    assert forensics(f"{words} {tmp_path / 'whole'} --workers 1")[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr("generators.forge.one", killed.one)
        code, said = forensics(f"{words} {tmp_path / 'out'} --workers 2")
    assert code == 2
    assert said.startswith(f"error: seed {killed.ALWAYS} was not made: ")
    assert (tmp_path / f"tried {killed.ONCE}").exists()
    assert forensics(f"{words} {tmp_path / 'out'} --workers 1")[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("words", "half"),
    [
        ("forge HOUSE/run --seeds 0-1 --out OUT", "config.json.part"),
        ("train dcgan --data HOUSE/photos --out OUT --preset tiny --kimg 0.008 --batch 8", "config.json.part"),
        ("corpus prepare HOUSE/photos OUT --size 16 --workers 1", "config.json.part"),
        ("scan HOUSE/photos --out OUT/r.parquet --workers 1", "r.parquet.parts/record.json.part"),
        ("scan HOUSE/photos --out OUT/r.parquet --workers 1", "r.parquet.parts/00000001.parquet.part"),
    ],
    ids=lambda words: words.split(" ")[0],
)
def test_what_was_killed_as_it_wrote_its_first_file_begins_anew(forensics, quick, house, tmp_path, words, half):
    """Half a file has a name of its own, which is never taken for a result, nor for somebody else's folder."""
    (tmp_path / "out" / half).parent.mkdir(parents=True)
    (tmp_path / "out" / half).write_bytes(b"PAR1 half")
    code, said = forensics(words.replace("HOUSE", str(house)).replace("OUT", str(tmp_path / "out")))
    assert code == 0, said
    assert not list(tmp_path.rglob("*.part"))
