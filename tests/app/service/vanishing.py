"""The stand-in panel, as long as its folder does not hold a file called `gone`."""

from __future__ import annotations

from pathlib import Path

import standin_panel

from forensics.refusal import Refusal


def load(folder: str):
    if (Path(folder) / "gone").exists():
        raise Refusal("weights are missing; run `make weights`")
    return standin_panel.load()
