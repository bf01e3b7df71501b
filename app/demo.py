"""`make inspect`: a real portrait and a real scene that our dependencies carry, and a face forged on the spot."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
import sklearn.datasets
from rich.console import Console

from app.cli import run
from app.commands.inspect import inspect
from generators.forge import forge
from generators.trained import load

SEED = 7
REPORTS = Path("reports")


def demo() -> None:
    """Inspect the three and write their reports."""
    photos = REPORTS / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    portrait = photos / "portrait (Grace Hopper, US Navy).jpg"
    scene = photos / "scene (Summer Palace).jpg"
    shutil.copyfile(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg", portrait)
    shutil.copyfile(Path(sklearn.datasets.__file__).parent / "images" / "china.jpg", scene)
    shutil.rmtree(photos / "forged", ignore_errors=True)  # of an earlier version's weights, perhaps
    forged = forge(load("dcgan"), [SEED], photos / "forged")
    Console().print(
        "A real portrait, a real scene, and a face of our own DCGAN, which declares itself:", soft_wrap=True
    )
    inspect([portrait, scene, forged.path(forged.entries[0])], html=REPORTS)


if __name__ == "__main__":
    run(demo)
