"""p against published traces, and what is ours: the cap, the warnings, windows that survive a resume."""

from __future__ import annotations

import json

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


def test_published_traces(shared):
    for trace in json.loads((shared / "parity" / "ada_controller.json").read_text())["traces"]:
        strength = Strength(trace["p_start"], trace["ada_target"], trace["ada_interval"], trace["ada_kimg"], None)
        found = []
        for mean in trace["sign_means"]:
            strength.adapt(mean, trace["batch_size"] * trace["ada_interval"])
            found.append(float(strength.p))
        assert found == trace["p"]


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
