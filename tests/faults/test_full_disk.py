"""A full disk ends a command with one line and leaves nothing half-written; given room, it goes on as if never."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from safetensors.numpy import load_file

from forensics.refusal import Refusal
from generators import photos
from tests.benchmarks.standins import pictures
from tests.detectors.invented_cuts import of_four_sources
from tests.faults.conftest import contents

pytestmark = pytest.mark.usefixtures("quick")
FULL = "No space left on device"
PAGES = (0, 1, 2, 3, 5, 8, 13, 21, 34)  # of room, one after the other, until it is enough

COMMANDS = {
    "inspect --html": "inspect HOUSE/photos/00.png --html OUT",
    "inspect --json": "inspect HOUSE/photos/00.png --json OUT/r.json",
    "scan": "scan HOUSE/photos --out OUT/r.parquet --workers 1",
    "corpus prepare": "corpus prepare HOUSE/photos OUT --size 16 --workers 1",
    "corpus prepare, a zip": "corpus prepare HOUSE/photos OUT/c.zip --size 16 --layout stylegan --workers 1",
    "train": "train dcgan --data HOUSE/photos --out OUT --preset tiny --kimg 0.032 --snap 0.008 --batch 8",
    "forge": "forge HOUSE/run --seeds 0-9 --out OUT",
    "export": "export HOUSE/run OUT/w.safetensors",
    "convert": "convert stylegan2 OUT/w.pt",
    "detector train": "detector train --real HOUSE/large --fake HOUSE/other --out OUT --only spectrum",
    "bench detection": "bench detection --real HOUSE/photos --fake x=HOUSE/fakes --split all --limit 4 --out OUT",
    "latent walk, mp4": "latent walk HOUSE/run 0-1 --frames 4 --out OUT/w.mp4",
    "latent walk, gif": "latent walk HOUSE/run 0-1 --frames 4 --out OUT/w.gif",
    "latent walk, png": "latent walk HOUSE/run 0-1 --frames 4 --out OUT/w.png",
    "query, csv": "query HOUSE/../scanned.parquet --out OUT/q.csv",
    "query, json": "query HOUSE/../scanned.parquet --out OUT/q.json",
    "query, parquet": "query HOUSE/../scanned.parquet --out OUT/q.parquet",
}
GROWING = re.compile(r"\.jsonl$|/lock$|tfevents|\.npz$|\.prepared/")  # added to: a last half line counts for nothing


@pytest.fixture
def scanned(forensics, house) -> None:
    target = house.parent / "scanned.parquet"
    if not target.exists():
        assert forensics(f"scan {house}/photos --out {target} --workers 1")[0] == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_line_and_leaves_no_halves(forensics, disk, house, scanned, name):
    words = COMMANDS[name].replace("HOUSE", str(house))
    whole, out = disk.path / "whole", disk.path / "out"
    assert forensics(words.replace("OUT", str(whole)))[0] == 0
    expected, refused = settled(contents(whole), whole), 0
    for pages in PAGES:
        disk.leave(pages)
        code, said = forensics(words.replace("OUT", str(out)))
        found = settled(contents(out), out)
        assert all(found[key] == expected[key] for key in found.keys() & expected.keys())
        assert not [path for path in out.rglob("*") if ".part" in path.suffixes]
        if code == 0:
            break
        refused += 1
        assert code == 2
        assert said.startswith("error: ")
        assert FULL in said
        assert str(out) in said
    disk.roomy()
    if code:
        assert forensics(words.replace("OUT", str(out)))[0] == 0
    assert refused
    assert settled(contents(out), out) == expected


def settled(files: Mapping[str, bytes], folder: Path) -> dict[str, object]:
    """What must be the same in two runs: not times, nor the run's own place."""
    found: dict[str, object] = {}
    for name, data in files.items():
        name = re.sub(r"-\d{8}-\d{6}(-\d+)?", "", name)
        if name.endswith(".parquet") and ".parts" not in name:
            found[name] = parquet.read_table(folder / name).to_pylist()
        elif name.startswith("detection") and not name.endswith(".csv"):
            found[name] = None  # stamped with the time
        elif not GROWING.search(name):
            found[name] = data.replace(str(folder).encode(), b"OUT")
    return found


@pytest.mark.parametrize("pages", [4, 60, 100])  # no room for weights, the first checkpoint, the second beside it
def test_a_classifier_s_training_goes_on_bit_for_bit(forensics, disk, house, monkeypatch, tmp_path, pages):
    cuts = of_four_sources(tmp_path / "cuts")
    monkeypatch.setattr("detectors.classifier.training.make_cuts", lambda *_: cuts)
    words = f"detector train --real {house}/large --fake {house}/other --only classifier --preset tiny --out "
    assert forensics(f"{words} {tmp_path / 'whole'}")[0] == 0
    disk.leave(pages)
    code, said = forensics(f"{words} {disk.path / 'out'}")
    assert code == 2
    assert FULL in said
    assert not list(disk.path.rglob("*.part"))
    disk.roomy()
    assert forensics(f"{words} {disk.path / 'out'}")[0] == 0
    one, other = tmp_path / "whole", disk.path / "out"
    assert (one / "classifier.safetensors").read_bytes() == (other / "classifier.safetensors").read_bytes()
    one, other = (load_file(folder / "checkpoint.safetensors") for folder in (one, other))  # headers have no order
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    "words", ["corpus prepare HOUSE/many OUT --size 16", "forge HOUSE/run --seeds 0-99 --out OUT"]
)
def test_a_worker_on_a_full_disk_says_the_same(forensics, disk, house, words):
    many = house / "many"
    if not many.exists():
        pictures(many, 90, np.random.default_rng(3), 100, ((8, 8),))
    disk.leave(9)
    code, said = forensics(words.replace("HOUSE", str(house)).replace("OUT", str(disk.path / "out")) + " --workers 2")
    assert code == 2
    assert said.startswith("error: ")
    assert FULL in said


def test_photos_too_many_for_memory_and_disk_are_refused(disk, monkeypatch):
    """They are written to in memory: the system kills who writes past the end of the disk."""
    monkeypatch.setattr(photos, "IN_MEMORY", 1000)
    disk.leave(4)
    with pytest.raises(Refusal, match=FULL):
        photos.room_for((10, 64, 64, 3), disk.path / "photos.npy")
    disk.roomy()
    room = photos.room_for((10, 64, 64, 3), disk.path / "photos.npy")
    room[:] = 7
    assert np.load(disk.path / "photos.npy").min() == 7


def test_a_full_standard_output_is_one_line():
    command = [sys.executable, "-m", "app.cli", "bench"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert FULL in done.stderr
    assert len(done.stderr.splitlines()) == 1
