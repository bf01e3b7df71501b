"""What workers import by name: a panel without models, and a picture's making that its worker does not survive."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import standin_panel

ONCE, ALWAYS = 3, 5  # seeds


def load(panel: Path):
    return standin_panel.load(notes=panel)


def one(out: Path, recipe: object, trained: object, seed: int):
    from generators.forge import one as make  # here, for the panel's workers need no torch

    tried = out.parent / f"tried {seed}"
    if seed == ALWAYS or (seed == ONCE and not tried.exists()):
        tried.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return make(out, recipe, trained, seed)
