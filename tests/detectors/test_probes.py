"""Probes: each learns a plain difference, none learns from noise, and a lesson weighs its sources alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.probes import PROBES, Lesson
from detectors.probes import network as networks
from detectors.probes.spectrum import profiles, ring_means
from forensics.features import shipped
from forensics.laundering import blur
from forensics.metrics import auc
from forensics.refusal import Refusal

SIDE = 32


def grain(n: int, seed: int, sigma: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (n, SIDE, SIDE, 3)).astype(np.uint8)
    return np.stack([blur(p, sigma) for p in pictures]) if sigma else pictures


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch):
    monkeypatch.setattr(networks.trained, "__defaults__", (0, 18, None))


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_a_probe_learns_what_differs(probe):
    score = probe.fit(Lesson.of([grain(40, 0)], [grain(40, 1, 0.8)]), 0)
    scores = np.concatenate([score(grain(20, 2)), score(grain(20, 3, 0.8))])
    assert scores.shape == (40,)
    assert np.isfinite(scores).all()
    assert auc(scores, np.arange(40) >= 20) > 0.95


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_a_probe_scores_each_picture_for_itself(probe):
    score = probe.fit(Lesson.of([grain(20, 0)], [grain(20, 1, 0.8)]), 0)
    pictures = grain(7, 5)
    # float32 sums of another order: 1e-4 of a logit
    assert np.allclose(score(pictures), np.concatenate([score(p[None]) for p in pictures]), atol=1e-4)


def test_the_same_seed_gives_the_same_network():
    lesson = Lesson.of([grain(20, 0)], [grain(20, 1, 0.8)])
    one, same, other = (networks.trained(lesson, seed, steps=3) for seed in (0, 0, 1))
    weights = [torch.cat([p.reshape(-1) for p in each.parameters()]) for each in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_training_starts_from_the_weights_that_ship_and_leaves_them():
    before = [p.clone() for p in shipped().network.parameters()]
    networks.trained(Lesson.of([grain(10, 0)], [grain(10, 1)]), 0, steps=2)
    assert all(map(torch.equal, before, shipped().network.parameters()))


@given(st.lists(st.integers(8, 40), min_size=1, max_size=4), st.lists(st.integers(8, 40), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_all_sources_of_a_class_weigh_alike(real, fake):
    stacks = [[np.zeros((n, 2, 2, 3), np.uint8) for n in sizes] for sizes in (real, fake)]
    lesson = Lesson.of(*stacks)
    assert np.isclose(lesson.weight.mean(), 1)
    parts = np.split(lesson.weight, np.cumsum([*real, *fake])[:-1])
    sums = [part.sum() for part in parts]
    assert np.allclose(sums[: len(real)], sums[0])
    assert np.allclose(sums[len(real) :], sums[-1])
    assert np.isclose(lesson.weight[lesson.fake].sum(), lesson.weight[~lesson.fake].sum())


def test_a_source_given_twice_is_kept_once_and_counts_twice():
    once, twice = grain(10, 0), grain(10, 1)
    lesson = Lesson.of([once, twice, twice], [grain(10, 2)])
    assert len(lesson.pixels) == 30
    assert np.isclose(lesson.weight[10:20].sum(), 2 * lesson.weight[:10].sum())


def test_too_few_pictures_are_refused():
    with pytest.raises(Refusal, match="8 of each"):
        Lesson.of([grain(7, 0)], [grain(20, 1)])


def test_rings_average_the_plane():
    rings = ring_means(16)
    assert rings.shape == (256, 8)
    assert np.allclose(rings.sum(0), 1)
    assert np.allclose(np.ones(256) @ rings, 1)


def test_white_noise_has_a_flat_spectrum():
    levels = profiles(grain(64, 0))[:, : SIDE // 2].mean(0)  # luminance
    assert np.ptp(levels[3:]) < 1.5  # dB: few frequencies in the lowest rings
