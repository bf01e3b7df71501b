"""Published numbers of StyleGAN2-ADA, beside the project; without them these tests skip loudly."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def parity(shared: Path) -> Path:
    folder = shared / "parity"
    if not (folder / "index.json").exists():
        pytest.skip(f"published numbers not found at {folder}: this check did NOT run")
    return folder
