"""Fixtures for all tests. Data that users don't have is found beside the project, or the test skips loudly."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)  # a loaded machine is slow, not wrong
settings.load_profile("house")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The developers' data folder; without it the test is skipped with a reason that says so."""
    folder = Path(os.environ.get("FORENSICS_SHARED", ROOT.parent / "shared"))
    if not (folder / "data" / "manifest.csv").exists():
        pytest.skip(f"developers' data not found at {folder}: this check did NOT run")
    return folder


@pytest.fixture(scope="session")
def portrait_file() -> Path:
    """A real portrait that a dependency carries: Grace Hopper, US Navy, public domain."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def scene_file() -> Path:
    """A real scene that a dependency carries: Summer Palace, CC BY."""
    import sklearn.datasets

    return Path(sklearn.datasets.__file__).parent / "images" / "china.jpg"


@pytest.fixture
def one_thread():
    """Quick for tiny networks, and bit for bit the same."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def float32():
    """A CPU without instructions for bfloat16 computes in it a dozen times as slowly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.autocast", lambda *_, **__: nullcontext())
        yield
