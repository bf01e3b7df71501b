"""Every family goes on bit for bit after its process was killed, with whatever it had in memory; so does forging."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch

from generators import FAMILIES, snapshots, training
from generators.forge import forge
from generators.plan import Plan
from generators.trained import load
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
    plan = Plan(kind.name, pictures, kimg=0.016, preset="tiny", batch=4, snap=0.008)  # 4 steps
    whole = train(plan, tmp_path / "whole", "cpu")
    killed = multiprocessing.get_context("fork").Process(target=killed_in_step, args=(3, plan, tmp_path / "run"))
    killed.start()
    killed.join(240)
    assert killed.exitcode == -signal.SIGKILL
    assert snapshots.latest(tmp_path / "run").stem == "000000000008"  # of step 2; step 3 is lost
    resumed = train(plan, tmp_path / "run", "cpu")
    (mine, told), (theirs, told_again) = snapshots.read(whole), snapshots.read(resumed)
    assert whole.name == resumed.name == "000000000016.safetensors"
    assert told == told_again
    assert (told["preset"], told["config"]["resolution"]) == ("tiny", load(whole).family.config.resolution)
    assert mine.keys() == theirs.keys()
    assert any(name.startswith("adam.") for name in mine)
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name]), name


def killed_at_picture(number: int, weights: Path, out: Path) -> None:
    def die(done: int) -> None:
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)

    forge(load(weights), range(6), out, progress=die)


def test_forging_goes_on_after_kill_9(pictures, tmp_path):
    run = train(Plan("dcgan", pictures, kimg=0.004, preset="tiny", batch=4), tmp_path / "run", "cpu")
    whole = forge(load(run), range(6), tmp_path / "whole")
    out = tmp_path / "killed"
    killed = multiprocessing.get_context("fork").Process(target=killed_at_picture, args=(3, run, out))
    killed.start()
    killed.join(240)
    assert killed.exitcode == -signal.SIGKILL
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", "000001.png", "000002.png", "config.json"]
    assert forge(load(run), range(6), out).entries == whole.entries
    for entry in whole:
        assert (out / entry.path).read_bytes() == whole.path(entry).read_bytes()
