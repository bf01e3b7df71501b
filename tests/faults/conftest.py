"""A disk of a few KiB to fill, and `forensics` run through its own door."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import typer.main
from PIL import Image

from app import cli
from benchmarks import shots
from detectors.frequency import fitting
from generators.plan import Plan
from generators.training import train
from tests.benchmarks.standins import Alone, pictures

PAGE = 4096  # bytes: such a disk hands them out at a time
commands = cache(typer.main.get_command)  # as many options as ours take longer to build than to refuse


class Disk:
    """A file system of its own, in memory. How large it is, and whether it may be written, can change at any time."""

    def __init__(self, path: Path):
        path.mkdir()
        self.path = path
        if not shutil.which("mount") or self.mount("-t", "tmpfs", "-o", "size=64m", "tmpfs"):
            pytest.skip("no disk can be mounted here, which takes root: this check did NOT run")

    def mount(self, *options: str) -> int:
        return subprocess.run(["mount", *options, str(self.path)], capture_output=True, check=False).returncode

    def leave(self, pages: int) -> None:
        """So much room and no more."""
        used = shutil.disk_usage(self.path).used
        if not used + pages:  # a size of 0 means no limit
            (self.path / "filler").write_bytes(bytes(PAGE))
            used = PAGE
        assert not self.mount("-o", f"remount,size={used + pages * PAGE}")

    def roomy(self) -> None:
        assert not self.mount("-o", "remount,rw,size=64m")

    def read_only(self) -> None:
        assert not self.mount("-o", "remount,ro")

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=True)


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


Run = Callable[[str], tuple[int, str]]


@pytest.fixture
def forensics(monkeypatch, capfd) -> Run:
    """Run `forensics` with these words: its exit code, and what it said at last; a refusal is one line."""
    monkeypatch.setattr(typer.main, "get_command", commands)

    def run(words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["forensics", *words.split()])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = [line for line in capfd.readouterr().err.splitlines() if line.strip()]
        assert "Traceback" not in "\n".join(said)
        return ended.value.code or 0, said[-1] if said else ""

    return run


@pytest.fixture
def panel(monkeypatch) -> ModuleType:
    """Stand-ins in place of the models. Workers import them by name, so their folder is on the path."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "forensics")
    standin = importlib.import_module("standin_panel")
    monkeypatch.setattr("detectors.load_examiners", lambda _: standin.load())
    return standin


@pytest.fixture
def quick(monkeypatch, panel, one_thread, float32) -> None:
    """No models, no workers, little fitting: what is left is the writing."""
    monkeypatch.setattr("forensics.scan.crew_of", lambda engine, hold, *_: Alone(hold, 1))
    monkeypatch.setattr("app.commands.bench.crew_of", lambda engine, hold, size: Alone(hold, size))
    monkeypatch.setattr("forensics.face.find_faces", lambda _: ())
    monkeypatch.setattr(shots, "Setup", partial(shots.Setup, rounds=10))
    monkeypatch.setattr(fitting, "Recipe", partial(fitting.Recipe, draws=1))
    monkeypatch.setattr(fitting, "RIDGES", fitting.RIDGES[2:3])


@pytest.fixture(scope="session")
def house(tmp_path_factory) -> Path:
    """What the commands are given: photos, smooth ones and noise, and a generator that has hardly learnt."""
    place = tmp_path_factory.mktemp("house")
    (place / "photos").mkdir()
    for seed in range(12):
        noise = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        smooth = cv2.resize(noise, (15, 15), interpolation=cv2.INTER_CUBIC)  # too small for any face to be looked for
        Image.fromarray(smooth).save(place / "photos" / f"{seed:02d}.png")
    for number, (name, side) in enumerate({"fakes": 15, "large": 72, "other": 72}.items()):
        pictures(place / name, 90 + 40 * number, np.random.default_rng(number), 12, ((side, side),))
    train(Plan("dcgan", place / "photos", 0.008, "tiny", 0, 8), place / "run")
    return place


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
