"""A folder that may not be written is refused before the work; one that turns so meanwhile ends it with one line."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from tests.faults.conftest import contents

pytestmark = pytest.mark.usefixtures("quick")
DENIED = "Read-only file system"

COMMANDS = [
    "inspect HOUSE/photos/00.png --html OUT",
    "inspect HOUSE/photos/00.png --json OUT/r.json",
    "scan HOUSE/photos --out OUT/r.parquet --workers 1",
    "corpus prepare HOUSE/photos OUT --size 16 --workers 1",
    "train dcgan --data HOUSE/photos --out OUT --preset tiny --kimg 0.008 --batch 8",
    "forge HOUSE/run --seeds 0-1 --out OUT",
    "export HOUSE/run OUT/w.safetensors",
    "detector train --real HOUSE/large --fake HOUSE/other --out OUT --only spectrum",
    "bench detection --real HOUSE/photos --fake x=HOUSE/fakes --split all --limit 2 --out OUT",
    "latent walk HOUSE/run 0-1 --frames 2 --out OUT/w.mp4",
    "latent walk HOUSE/run 0-1 --frames 2 --out OUT/w.png",
]


@pytest.mark.parametrize("late", [False, True], ids=["from the first", "meanwhile"])
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words.split()[:2]))
def test_what_may_not_be_written_is_one_line(forensics, disk, house, monkeypatch, words, late):
    if late:  # what is tried before the work went well
        monkeypatch.setattr("app.commands.outputs.TemporaryFile", lambda **_: nullcontext())
    (disk.path / "kept").write_text("as it was")
    disk.read_only()
    code, said = forensics(words.replace("HOUSE", str(house)).replace("OUT", str(disk.path / "out")))
    assert code == 2
    assert said.startswith("error: ")
    assert DENIED in said
    assert str(disk.path / "out") in said
    assert contents(disk.path) == {"kept": b"as it was"}


def test_a_training_whose_disk_turns_read_only_goes_on_later(forensics, disk, house):
    words = f"train dcgan --data {house}/photos --preset tiny --snap 0.008 --batch 8 --out"
    assert forensics(f"{words} {disk.path / 'whole'} --kimg 0.024")[0] == 0
    assert forensics(f"{words} {disk.path / 'out'} --kimg 0.008")[0] == 0
    disk.read_only()
    before = contents(disk.path / "out")
    code, said = forensics(f"{words} {disk.path / 'out'} --kimg 0.024")
    assert (code, DENIED in said) == (2, True)
    assert contents(disk.path / "out") == before
    disk.roomy()
    assert forensics(f"{words} {disk.path / 'out'} --kimg 0.024")[0] == 0
    one, other = (contents(disk.path / name / "snapshots") for name in ("whole", "out"))
    assert one == other
