"""A panel without models: it scores brightness."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def panel(monkeypatch) -> ModuleType:
    """The stand-in of the scan's tests. Workers import it by name, so its folder is on the path."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "forensics")
    return importlib.import_module("standin_panel")
