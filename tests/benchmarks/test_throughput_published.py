"""Published detectors are timed beside the panel, on their own networks; how fast they are is never asserted."""

from __future__ import annotations

import importlib
import math
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy.stats import binom

import detectors.published as published
from benchmarks.throughput import published as throughput_published
from benchmarks.throughput.measure import portrait
from benchmarks.throughput.published import (
    AUTHORS,
    PANEL,
    RANDOM,
    authors_or_random,
    middle,
    published_table,
    unfilled,
)
from detectors.published import TinyLaDeDa
from forensics.photo import Photo

PARAMETERS = {  # as the networks' own docstrings count them; heads first, then CLIP
    "cnndetection": (23_510_081,),
    "npr": (1_437_761,),
    "ladeda": (13_641_793,),
    "tiny_ladeda": (1_297,),
    "univfd": (769, 303_966_208),
    "rine": (6_323_201, 303_966_208),
    "meso4": (27_977,),
    "mesoinception4": (28_615,),
}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path) -> Path:
    """Where authors' weights would lie."""
    monkeypatch.setenv("FORENSICS_PUBLISHED", str(tmp_path))
    return tmp_path


@pytest.fixture
def small(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "detectors" / "published")
    return importlib.import_module("authors")


def test_a_row_a_detector_below_the_panel(small, monkeypatch):
    monkeypatch.setattr(published, "PUBLISHED", (TinyLaDeDa, small.SmallUnivFD))
    told = []
    table = published_table(portrait, lambda: time.sleep(0.02), 1, [0.5] * 8, [0.1] * 24, told.append)
    panel, *others = table.rows
    assert panel[:2] == (PANEL, None)
    assert (panel[2].value, panel[3].value, panel[4], panel[5]) == (500, 2, 5, "ours")
    assert [row[:2] for row in others] == [("Tiny-LaDeDa", 2024), ("UnivFD", 2023)]
    assert told == ["Tiny-LaDeDa (published)", "UnivFD (published)"]
    for _, _, took, speed, forwards, weights in others:
        assert weights == RANDOM
        assert (took.n, speed.n) == (6, 6)
        assert 0 < took.low <= took.value <= took.high
        assert speed.value == pytest.approx(1000 / took.value)
        assert speed.low <= speed.value <= speed.high
        assert 0 < forwards.low <= forwards.value <= forwards.high <= took.high / 20  # a sleep is at least 20 ms


def test_a_slower_detector_takes_longer(small, monkeypatch):
    class Slow(TinyLaDeDa):
        def output(self, pixels):
            time.sleep(0.2)
            return super().output(pixels)

    monkeypatch.setattr(published, "PUBLISHED", (Slow,))
    [[_, _, took, *_]] = published_table(portrait, lambda: time.sleep(0.01), 1).rows
    assert took.low >= 200


def test_authors_weights_are_said(small, folder, monkeypatch):
    monkeypatch.setattr(published, "PUBLISHED", (TinyLaDeDa,))
    [network] = unfilled(TinyLaDeDa)
    save_file(small.random_state(network), folder / "tiny_ladeda.NPR.safetensors")
    assert published_table(portrait, lambda: time.sleep(0.001), 1).rows[0][-1] == AUTHORS


def test_what_can_not_be_measured_has_a_row_and_a_reason(small, folder, monkeypatch):
    monkeypatch.setattr(published, "PUBLISHED", (TinyLaDeDa, small.SmallRINE))
    monkeypatch.setattr(throughput_published, "memory", lambda: 1000)
    (folder / "tiny_ladeda.raw.safetensors").write_bytes(b"damaged")
    table = published_table(portrait, lambda: None, 1)
    assert table.rows == (
        ("Tiny-LaDeDa", 2024, None, None, None, "not measured"),
        ("RINE", 2024, None, None, None, "not measured"),
    )
    _, damaged, large = table.notes
    assert "holds no plain tensors" in damaged
    assert re.fullmatch(r"RINE was not measured: \d\.\d GB of memory are needed, 0\.0 are free", large)


@pytest.mark.parametrize("kind", published.PUBLISHED, ids=lambda kind: kind.name)
def test_networks_have_the_size_of_their_authors(kind):
    found = tuple(sum(p.numel() for p in network.parameters()) for network in unfilled(kind))
    assert found == PARAMETERS[kind.name]


@pytest.mark.parametrize("name", ["CNNDetection", "NPR", "TinyLaDeDa", "Meso4", "MesoInception4", "univ", "rine"])
def test_random_weights_neither_die_out_nor_overflow(name, small, rng):
    kind = {"univ": small.SmallUnivFD, "rine": small.SmallRINE}.get(name) or getattr(published, name)
    detector = authors_or_random(kind)
    assert detector.weights is None
    pixels = rng.integers(0, 256, (256 if "Meso" in name else 224, 256 if "Meso" in name else 224, 3), np.uint8)
    with torch.inference_mode():
        logits = detector.output(pixels)
    assert np.isfinite(logits).all()
    assert 1e-6 < np.abs(logits).mean() < 1e6
    assert detector.examine(Photo.from_pixels(pixels)).detector == kind.name


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=60))
def test_interval_of_a_median_is_the_sign_tests(values):
    found, ordered, n = middle(values), sorted(values), len(values)
    assert found.value == np.median(values)
    assert found.n == n
    k = int(binom.ppf(0.025, n, 0.5))  # ends at the k-th smallest and the k-th largest
    if k == 0:
        assert found.low is found.high is None
    else:
        assert (found.low, found.high) == (ordered[k - 1], ordered[n - k])


def test_six_values_are_the_fewest_with_an_interval():
    assert middle([3, 1, 2, 5, 4]).low is None
    six = middle([3, 1, 2, 5, 4, 9])
    assert (six.low, six.value, six.high) == (1, 3.5, 9)
    assert not math.isnan(six.value)
