"""Recorded launches: the same numbers as without, whatever is drawn and changed on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from generators.descent import optimisers_of
from generators.families.stylegan2 import StyleGAN2
from generators.families.stylegan2_ada import StyleGAN2ADA
from generators.family import Batch
from generators.replay import WARM, Replay
from generators.trained import load
from tests.generators.tape import in_place_of_graphs


@pytest.fixture
def tapes(monkeypatch):
    return in_place_of_graphs(monkeypatch)


def test_on_the_cpu_it_is_the_function():
    replay = Replay(lambda x: x + 1)
    assert [replay(torch.tensor(float(n))).item() for n in range(5)] == [1, 2, 3, 4, 5]
    assert not replay.recordings


def test_recorded_once_for_each_shape_type_and_precision(tapes):
    calls = []
    replay = Replay(lambda x, y: calls.append(0) or (x * 2 if y is None else x * y))
    for n in range(WARM + 3):
        assert replay(torch.tensor([float(n)]), None).item() == 2 * n
    assert (len(calls), len(tapes)) == (WARM + 1, 1)
    for n in range(WARM + 2):
        assert replay(torch.tensor([n, n]), torch.tensor([n, 1])).tolist() == [n * n, n]
    assert (len(calls), len(tapes)) == (2 * WARM + 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        replay(torch.tensor([1.0]), None)
    assert len(replay.recordings) == 3


def test_state_changes_once_a_call_and_random_numbers_are_new(tapes):
    count = torch.zeros(())

    def of(x):
        count.add_(1)
        return x + torch.rand(3)

    replay, seen, wanted = Replay(of), [], []
    for seed in range(6):
        torch.manual_seed(seed)
        seen.append(replay(torch.zeros(3)).clone())
        torch.manual_seed(seed)
        wanted.append(torch.rand(3))
    assert count == 6
    assert len(tapes) == 1
    assert torch.equal(torch.stack(seen), torch.stack(wanted))


@pytest.mark.filterwarnings("ignore:no CUDA graph")
def test_what_cannot_be_recorded_runs_as_it_is(tapes):
    replay = Replay(lambda x: x * float(x.sum()))
    for n in range(WARM + 3):
        assert replay(torch.tensor([float(n)])).item() == n * n
    assert replay.off


def test_what_cannot_be_recorded_is_said(tapes):
    replay = Replay(lambda x: x * float(x.sum()))
    for _ in range(WARM):
        replay(torch.ones(1))
    with pytest.warns(RuntimeWarning, match="no CUDA graph, launches go one by one: operation not permitted"):
        replay(torch.ones(1))
    replay(torch.ones(1))  # said once: a second warning would be an error


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_four_phases_of_stylegan2_learn_the_same(tapes, precision):
    """Losses, gradients, running means and weights after 9 steps equal those of launches one by one, bit for bit."""
    told = [trained(graphs, precision) for graphs in (False, True)]
    assert len(tapes) == 4
    for plain, replayed in zip(*told, strict=True):
        torch.testing.assert_close(replayed, plain, rtol=0, atol=0)


def trained(graphs: bool, precision: str) -> list[torch.Tensor]:
    torch.manual_seed(0)
    family = StyleGAN2(replace(StyleGAN2.presets["tiny"], mixing=0.5))
    phases = family.phases()
    optimisers = optimisers_of(family, phases, precision, graphs)
    seen = []
    for step in range(9):
        torch.manual_seed(1000 + step)
        images = torch.rand(4, 3, 16, 16) * 2 - 1
        for number, phase in enumerate(phases):
            if step % phase.every:
                continue
            torch.manual_seed(10 * step + number)
            family.requires_grad_(False)
            phase.learner.requires_grad_(True)
            optimiser = optimisers["generator" if phase.learner is family.generator else "discriminator"]
            outcome = optimiser.learn(phase, Batch(images))
            optimiser.descend()
            seen += [outcome.loss.clone(), *(value.clone() for value in outcome.measures.values())]
    return [*seen, *family.state_dict().values()]


def test_adaptive_augmentation_is_not_recorded(tapes):
    """It draws on the CPU, and what it launches depends on what it drew."""
    family = StyleGAN2ADA(StyleGAN2ADA.presets["tiny"])
    assert not any(descent.graphs for descent in optimisers_of(family, family.phases(), graphs=True).values())


def test_forged_pictures_are_the_same(tapes):
    plain, replayed = load("stylegan2"), load("stylegan2")
    pictures = [replayed.picture(seed, 0.7) for seed in range(WARM + 3)]
    assert len(tapes) == 1
    tapes.clear()
    replayed.replays.clear()
    for seed, picture in enumerate(pictures):
        direct = plain.family.sample(plain.family.draw(1, torch.Generator().manual_seed(seed)), None, 0.7)
        wanted = ((direct[0].permute(1, 2, 0) + 1) * 127.5).clamp(0, 255)
        assert (torch.from_numpy(picture).float() - wanted).abs().max() <= 1
