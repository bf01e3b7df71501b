"""p against published traces, and what is ours: the cap, the warnings, windows that survive a resume."""

from __future__ import annotations

import json
import math

import pytest
import torch

from generators.ada import controller
from generators.ada.controller import Strength


def fed(strength: Strength, signs: list[float], batch: int = 8, begin: int = 0) -> list[float]:
    """p after each step, as a run does it: advance, then the discriminator looks at photos."""
    found = []
    for step, sign in enumerate(signs, start=begin):
        strength.advance(step * batch)
        found.append(float(strength.p))
        strength.notice(torch.full((batch,), sign))
    return found


@pytest.fixture(scope="module")
def traces(parity):
    found = json.loads((parity / "ada_controller.json").read_text())["traces"]
    assert len(found) == 4
    return found


def controller_of(trace) -> Strength:
    return Strength(trace["p_start"], trace["ada_target"], trace["ada_interval"], trace["ada_kimg"], None)


def test_published_traces(traces):
    for trace in traces:
        strength = controller_of(trace)
        found = []
        for mean in trace["sign_means"]:
            strength.adapt(mean, trace["batch_size"] * trace["ada_interval"])
            found.append(float(strength.p))
        assert found == trace["p"]


def test_published_traces_through_steps(traces):
    """The same, as a run does it: logits of photos at every step, windows and photos counted by `advance`.

    The mean of a window's n signs is a multiple of 2 / n: the next one away from the target stands for each.
    """
    for trace in traces:
        strength, batch, every = controller_of(trace), trace["batch_size"], trace["ada_interval"]
        n, found, r_t = batch * every, [], []
        for window, mean in enumerate([*trace["sign_means"], 0.0]):  # the last one only ends the one before
            rounded = math.ceil if mean > trace["ada_target"] else math.floor
            logits = torch.full((n,), -0.3)
            logits[torch.randperm(n)[: rounded((mean + 1) / 2 * n)]] = 7.0
            for step, photos in enumerate(logits.split(batch), start=window * every):
                strength.advance(step * batch)
                found.append(float(strength.p))
                strength.notice(photos)
            r_t.append(float(strength.r_t))
        start = float(torch.tensor(trace["p_start"]))
        assert found == [p for p in (start, *trace["p"]) for _ in range(every)]  # and it stands still in between
        assert r_t[1:] == pytest.approx(trace["sign_means"], abs=2 / n + 1e-6)


def test_p_moves_every_four_steps_by_their_photos():
    found = fed(Strength(kimg=0.32), [3.0] * 9)  # all photos known: up by 4 * 8 / 320
    assert found == pytest.approx([0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2])
    found = fed(Strength(0.15, kimg=0.32), [-1.0] * 9)  # down, not below 0
    assert found == pytest.approx([0.15] * 4 + [0.05] * 4 + [0])
    found = fed(Strength(0.5, kimg=0.32, target=None), [3.0] * 9)
    assert found == [0.5] * 9


def test_from_0_to_1_in_so_many_photos():
    strength = Strength(cap=None)
    fed(strength, [1.0] * 2001, batch=250)
    assert float(strength.p) == pytest.approx(1, abs=1e-4)


def test_r_t_is_the_mean_sign_of_the_window():
    strength = Strength(kimg=0.32)
    fed(strength, [1.0, 1.0, 1.0, -1.0, 0.0])
    assert float(strength.r_t) == 0.5
    assert float(strength.p) == 0  # below the target


def test_the_window_survives_a_resume():
    signs = [1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0]
    whole = fed(Strength(kimg=0.32), signs)
    first, second = Strength(kimg=0.32), Strength(kimg=0.32)
    parts = fed(first, signs[:6])
    second.load_state_dict(first.state_dict())
    assert parts + fed(second, signs[6:], begin=6) == whole
    assert max(whole[6:]) > 0


def test_a_new_run_from_old_weights_begins_a_new_window():
    strength = Strength(kimg=0.32)
    fed(strength, [1.0] * 7)
    p = float(strength.p)
    found = fed(strength, [1.0] * 5)  # counting photos from 0 again
    assert found == pytest.approx([p] * 4 + [p + 0.1])


def test_processes_count_as_one(monkeypatch):
    """Two processes, the second's photos all unknown: the mean sign is 0."""
    monkeypatch.setattr(controller, "in_order", lambda value: [value, -value])
    monkeypatch.setattr(controller, "world", lambda: 2)
    strength = Strength()
    strength.notice(torch.ones(8))
    assert float(strength.signs) == 0
    assert int(strength.counted) == 16


def test_cap_and_warnings():
    strength = Strength(0.7, kimg=0.32)
    assert strength.warnings() == []
    found = fed(strength, [1.0] * 20)
    assert max(found) == pytest.approx(0.8)
    leak, capped = strength.warnings()
    assert "leak" in leak
    assert "0.80" in leak
    assert "cap of 0.8" in capped
    assert "r_t is 1.00" in capped
    uncapped = Strength(0.7, kimg=0.32, cap=None)
    assert max(fed(uncapped, [1.0] * 20)) > 1
    (leak,) = uncapped.warnings()
    assert "leak" in leak
    low = Strength(0.2, kimg=0.32, cap=0.3)
    fed(low, [1.0] * 9)
    (capped,) = low.warnings()
    assert "cap of 0.3" in capped
