"""The launderings treat both classes alike, and do what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from benchmarks import launder
from benchmarks.launder import KERNELS, LAUNDERINGS, laundering_named
from forensics import laundering
from forensics.refusal import Refusal


@pytest.fixture
def noise(rng) -> np.ndarray:
    return rng.integers(0, 256, (40, 60, 3), np.uint8)


def run(name: str, pixels: np.ndarray, seed: int = 0) -> np.ndarray:
    return laundering_named(name).apply(pixels, np.random.default_rng(seed))


@pytest.mark.parametrize("each", LAUNDERINGS, ids=lambda each: each.name)
def test_the_same_seed_gives_the_same_picture(each, noise):
    once = run(each.name, noise)
    assert once.dtype == np.uint8
    assert once.shape[2] == 3
    assert np.array_equal(once, run(each.name, noise))
    if each.name != "native":
        assert not all(np.array_equal(once, run(each.name, noise, seed)) for seed in range(1, 9))


def test_match_encodes_once_at_its_own_size(noise, monkeypatch):
    qualities = []

    def spy(pixels, quality, subsampling="4:2:0"):
        qualities.append(quality)
        return pixels

    assert run("match", noise).shape == noise.shape
    assert not np.array_equal(run("match", noise), noise)
    monkeypatch.setattr(laundering, "jpeg", spy)
    for seed in range(300):
        assert run("match", noise, seed) is noise
    assert len(qualities) == 300
    assert (min(qualities), max(qualities)) == (70, 96)
    assert len(set(qualities)) == 27


@pytest.mark.parametrize(
    ("size", "expected"),
    [((480, 600), (224, 280)), ((600, 480), (280, 224)), ((224, 900), (224, 900)), ((180, 220), (180, 220))],
)
def test_shrink_brings_the_shorter_side_to_224_and_enlarges_nothing(size, expected):
    pixels = np.full((*size, 3), 90, np.uint8)
    assert run("shrink", pixels).shape == (*expected, 3)


def test_shrink_draws_every_kernel(monkeypatch):
    drawn = []
    monkeypatch.setattr(laundering, "resize", lambda pixels, scale, kernel: drawn.append(kernel) or pixels)
    monkeypatch.setattr(launder, "match", lambda pixels, rng: pixels)
    for seed in range(60):
        run("shrink", np.zeros((300, 300, 3), np.uint8), seed)
    assert set(drawn) == set(KERNELS)


def test_unknown_names_are_refused_and_known_ones_are_in_the_help():
    with pytest.raises(Refusal, match="allowed are native, repost, match, shrink"):
        laundering_named("Native")
    told = CliRunner().invoke(app, ["bench", "detection", "--help"], env={"COLUMNS": "200"}).stdout
    for each in LAUNDERINGS:
        assert f"{each.name}: " in " ".join(told.replace("│", " ").split())
