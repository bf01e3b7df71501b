"""Every family goes on bit for bit after its process was killed, with whatever it had in memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch

from generators import FAMILIES, snapshots, training
from generators.plan import Plan
from generators.training import train


def killed_in_step(number: int, plan: Plan, out: Path) -> None:
    """In a process of its own: kill -9 comes when so many steps are taken, snapshots or not."""
    step = training.step

    def step_then_die(*words):
        place, measures = step(*words)
        if place.step == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return place, measures

    training.step = step_then_die
    train(plan, out, "cpu")


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.name)
def test_kill_9_and_resume_equals_never_stopped(kind, pictures, tmp_path):
    plan = Plan(kind.name, pictures, kimg=0.024, preset="tiny", batch=4, microbatch=2, snap=0.008)  # 6 steps
    whole = train(plan, tmp_path / "whole", "cpu")
    killed = multiprocessing.get_context("fork").Process(target=killed_in_step, args=(5, plan, tmp_path / "run"))
    killed.start()
    killed.join(240)
    assert killed.exitcode == -signal.SIGKILL
    assert snapshots.latest(tmp_path / "run").stem == "000000000016"  # of step 4; step 5 is lost
    resumed = train(plan, tmp_path / "run", "cpu")
    (mine, told), (theirs, told_again) = snapshots.read(whole), snapshots.read(resumed)
    assert whole.name == resumed.name == "000000000024.safetensors"
    assert told == told_again
    assert mine.keys() == theirs.keys()
    assert any(name.startswith("adam.") for name in mine)
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name]), name
