"""A tiny corpus: smooth coloured pictures, all different."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def quick(one_thread):
    """All of these."""


def smooth(seed: int, side: int = 24) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "photos"
    folder.mkdir()
    for seed in range(12):
        Image.fromarray(smooth(seed)).save(folder / f"{seed:02d}.png")
    return folder
