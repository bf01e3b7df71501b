"""Two real processes under torchrun equal one, and stop as one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from forensics.refusal import Refusal
from generators import FAMILIES, snapshots
from generators.plan import Plan
from generators.training import train

ROOT = Path(__file__).resolve().parent.parent.parent


def torchrun(*words: object) -> subprocess.Popen:
    """`forensics` in two processes; rank 0's voice on standard error."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    env = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command += ["-m", "app.cli", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True)


def as_rank(number: int, port: int, plan: Plan, out: Path) -> None:
    """What torchrun sets, and then the training."""
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(number), "LOCAL_RANK": str(number)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    try:
        train(plan, out, "cpu")
    except KeyboardInterrupt:
        sys.exit(130)


def two(plan: Plan, out: Path) -> list[multiprocessing.Process]:
    """Two processes that train; they are forked, which spares them their imports."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=as_rank, args=(number, port, plan, out)) for number in (0, 1)]
    for process in both:
        process.start()
    return both


def by_two(plan: Plan, out: Path) -> Path:
    both = two(plan, out)
    for process in both:
        process.join(240)
    assert [process.exitcode for process in both] == [0, 0]
    return snapshots.latest(out)


@pytest.mark.parametrize("family", [kind.name for kind in FAMILIES])
def test_two_processes_equal_one(family, pictures, tmp_path):
    plan = Plan(family, pictures, kimg=0.016, preset="tiny", batch=8, microbatch=2)  # 2 steps of 4 microbatches
    one, two = train(plan, tmp_path / "one", "cpu"), by_two(plan, tmp_path / "two")
    (mine, told), (theirs, told_by_two) = snapshots.read(one), snapshots.read(two)
    assert told == told_by_two
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        scale = max(1.0, float(tensor.abs().max()))
        assert torch.allclose(tensor, theirs[name], rtol=0, atol=1e-6 * scale), name  # mostly bit for bit
    assert len(list((tmp_path / "two" / "samples").iterdir())) == 1
    start = snapshots.read(
        train(Plan(**{**vars(plan), "kimg": 0.008, "microbatch": None, "seed": 1}), tmp_path / "other", "cpu")
    )[0]
    name = next(name for name in mine if name.startswith("family.generator.") and mine[name].ndim > 1)
    assert not torch.allclose(mine[name], start[name], rtol=0, atol=1e-2)  # it could have failed


def test_a_signal_to_one_stops_both_after_the_same_step(pictures, tmp_path):
    out = tmp_path / "run"
    both = two(Plan("dcgan", pictures, kimg=1000, preset="tiny", batch=8, microbatch=4), out)
    deadline, log = time.monotonic() + 240, out / "log.jsonl"
    while not (log.exists() and log.stat().st_size):  # a step was taken by both
        assert time.monotonic() < deadline
        assert all(process.is_alive() for process in both)
        time.sleep(0.05)
    os.kill(both[1].pid, signal.SIGINT)  # not the one that keeps
    for process in both:
        process.join(240)
    assert [process.exitcode for process in both] == [130, 130]
    path = snapshots.latest(out)
    assert snapshots.read(path)[1]["step"] == int(path.stem) / 8 > 0


@pytest.mark.slow
def test_torchrun_s_processes_stop_together_on_ctrl_c(pictures, tmp_path):
    out = tmp_path / "run"
    given = {"--data": pictures, "--out": out, "--kimg": 1000, "--preset": "tiny", "--batch": 8, "--microbatch": 4}
    running = torchrun("train", "dcgan", *(word for pair in given.items() for word in pair), "--device", "cpu")
    deadline = time.monotonic() + 240
    while not (out / "log.jsonl").exists():
        assert time.monotonic() < deadline
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.1)
    os.kill(running.pid, signal.SIGINT)
    said = running.communicate(timeout=240)[1]
    assert running.returncode
    assert f"--resume {out}" in said
    assert snapshots.latest(out)


def test_work_that_does_not_divide_is_refused(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("generators.plan.world", lambda: 2)
    with pytest.raises(Refusal, match=r"1 microbatches of 8, for 2 processes.*--microbatch, e\.g\. 4"):
        train(Plan("dcgan", pictures, kimg=1, preset="tiny", batch=8), tmp_path / "run", "cpu")
