"""A panel of two quick stand-ins, for tests of the pages: what the pages do must not hang on any detector."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from forensics.calibration import Calibration, Domain, Line
from forensics.evidence import Evidence, Mark


class Glance:
    """Scores how bright the photo is; counts how often it was asked."""

    name = "glance"
    question = "Is it bright?"
    scores = True
    weights = None

    def __init__(self) -> None:
        self.asked = 0

    def examine(self, photo):
        self.asked += 1
        bright = float(photo.luminance.mean())
        marks = (Mark("a corner", 0, 0, 1, 1),)
        exhibit = np.full((8, 8, 3), int(bright), np.uint8)
        return Evidence(self.name, bright / 100, f"Mean luminance {bright:.0f}.", marks, exhibit)


class Reader:
    name = "reader"
    question = "What is its name?"
    scores = False
    weights = None

    def examine(self, photo):
        return Evidence(self.name, None, f"It is called {photo.name}.")


@pytest.fixture
def examiners() -> tuple[tuple[Glance, Reader], Calibration]:
    """The stand-ins, and what the score of the one that has some is worth."""
    domain = Domain(min_side=1, min_face=1)
    return (Glance(), Reader()), Calibration({"glance": Line(2.0, 0.0, 900)}, domain, 900, 900, conflict=9)


@pytest.fixture
def glance(examiners, monkeypatch) -> Glance:
    """The app with the stand-ins in place of the panel."""
    from app import resources

    engine = resources.Engine(*examiners)
    monkeypatch.setattr(resources, "engine", lambda: engine)
    return engine.panel[0]


@pytest.fixture(autouse=True)
def main_module():
    """AppTest leaves its script behind as __main__; processes that later tests spawn would run it."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before
