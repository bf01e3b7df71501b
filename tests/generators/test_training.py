from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from forensics.corpus import Corpus
from forensics.refusal import Refusal
from forensics.tensors import to_tensor
from generators import snapshots, training
from generators.family import Adam, Family, Outcome, Phase
from generators.photos import decode, one_round
from generators.plan import Plan, plan_of
from generators.training import optimisers_of, step, train


@pytest.fixture
def plan(pictures) -> Plan:
    return Plan("dcgan", pictures, kimg=0.024, preset="tiny", batch=4, snap=0.008)  # 6 steps, 3 snapshots


def content(path: Path) -> dict[str, torch.Tensor]:
    return snapshots.read(path)[0]


def assert_same(a: Path, b: Path) -> None:
    first, second = content(a), content(b)
    assert first.keys() == second.keys()
    assert len(first) > 20
    for name in first:
        assert torch.equal(first[name], second[name]), name
    assert snapshots.read(a)[1] == snapshots.read(b)[1]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_stopped_and_resumed_equals_never_stopped(plan, tmp_path, precision):
    plan = replace(plan, precision=precision)
    whole = train(plan, tmp_path / "whole", "cpu")
    train(replace(plan, kimg=0.012), tmp_path / "parts", "cpu")
    resumed = train(plan, tmp_path / "parts", "cpu")
    assert_same(whole, resumed)
    assert not torch.equal(
        content(whole)["family.generator.project.weight"], content(whole)["family.average.project.weight"]
    )


def test_a_killed_run_goes_on_from_its_last_whole_snapshot(plan, tmp_path):
    whole = train(plan, tmp_path / "whole", "cpu")
    killed = tmp_path / "killed"
    last = train(replace(plan, kimg=0.016), killed, "cpu")
    data = last.read_bytes()
    last.write_bytes(data[: len(data) // 2])  # the disk was full
    last.with_name("000000000020.safetensors.part").write_bytes(data[:100])  # the power went
    (killed / "log.jsonl").open("a").write('{"step": 6, "kimg": 0.024, "gener')
    found = snapshots.latest(killed)
    assert found is not None
    assert found != last
    assert_same(whole, train(plan, killed, "cpu"))
    rows = [json.loads(line) for line in (killed / "log.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in rows]
    assert steps == sorted(steps)
    assert [row["snapshot"] for row in rows if "snapshot" in row] == [
        f"{images:012d}.safetensors" for images in (8, 16, 24)
    ]


def test_ctrl_c_finishes_the_step_saves_and_can_resume(plan, tmp_path, monkeypatch, capsys):
    whole = train(plan, tmp_path / "whole", "cpu")
    real_step = training.step

    def step_then_ctrl_c(*args):
        place, measures = real_step(*args)
        if place.step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return place, measures

    monkeypatch.setattr(training, "step", step_then_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        train(plan, tmp_path / "run", "cpu")
    assert f"--resume {tmp_path / 'run'}" in capsys.readouterr().err
    assert snapshots.latest(tmp_path / "run").stem == "000000000012"
    monkeypatch.undo()
    assert_same(whole, train(plan_of(tmp_path / "run"), tmp_path / "run", "cpu"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_leaves_everything_beside_it(plan, tmp_path):
    out = tmp_path / "run"
    train(plan, out, "cpu")
    config = json.loads((out / "config.json").read_text())
    assert config["config"]["latent"] == 8
    assert (config["family"], config["preset"], config["seed"], config["batch"]) == ("dcgan", "tiny", 0, 4)
    assert (config["photos"], config["domain"]) == (12, "photos")
    assert {"python", "torch", "forensics"} <= config["versions"].keys()
    assert len(config["corpus"]) == 64
    grids = sorted((out / "samples").iterdir())
    assert len(grids) == 3
    assert Image.open(grids[0]).size == (128, 128)
    row = json.loads((out / "log.jsonl").read_text().splitlines()[0])
    assert {"step", "kimg", "images/s", "D loss", "G loss", "D real", "D fake"} <= row.keys()
    assert len(list((out / "snapshots").iterdir())) == 2  # older ones go


def test_other_threads_are_told_as_they_change_the_last_digits(plan, tmp_path, capsys):
    train(replace(plan, kimg=0.008), tmp_path / "run", "cpu")
    assert "last bit" not in capsys.readouterr().err
    path = tmp_path / "run" / "config.json"
    path.write_text(path.read_text().replace('"threads": 1', '"threads": 64'))
    train(plan, tmp_path / "run", "cpu")
    assert "threads: 64 before, 1 now" in capsys.readouterr().err


def test_seed_and_corpus_decide(plan, tmp_path, pictures):
    one = train(plan, tmp_path / "a", "cpu")
    other = train(replace(plan, seed=1), tmp_path / "b", "cpu")
    key = "family.generator.project.weight"
    assert not torch.equal(content(one)[key], content(other)[key])
    fewer = tmp_path / "fewer"
    shutil.copytree(pictures, fewer)
    (fewer / "00.png").unlink()
    with pytest.raises(Refusal, match="corpus was"):
        train(replace(plan, data=fewer), tmp_path / "a", "cpu")


def test_refuses_what_cannot_work(plan, tmp_path):
    train(replace(plan, kimg=0.004), tmp_path / "run", "cpu")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    for changed, out, says in (
        ({"family": "dcgn"}, "x", "known: .*did you mean 'dcgan'"),
        ({"preset": "face"}, "x", "no preset 'face'; known: 64, .*did you mean 'faces'"),
        ({"data": tmp_path / "nowhere"}, "x", "does not exist"),
        ({"seed": 7}, "run", "other settings.*seed was 0"),
        ({}, "full", "not empty"),
    ):
        with pytest.raises(Refusal, match=says):
            train(replace(plan, **changed), tmp_path / out, "cpu")
    for changed, says in (
        ({"precision": "fp8"}, "fp32, bf16, fp16"),
        ({"batch": 1}, "at least 2"),
        ({"kimg": 0}, "above 0"),
        ({"microbatch": 3}, "divide --batch 4"),
        ({"microbatch": 1}, "at least 2"),
        ({"metric": "fid"}, "fid-like"),
    ):
        with pytest.raises(Refusal, match=says):
            replace(plan, **changed)
    with pytest.raises(Refusal, match="no training run"):
        plan_of(tmp_path / "full")
    with pytest.raises(Refusal, match="auto, cpu or cuda"):
        train(plan, tmp_path / "x", "gpu")


def test_diverged_training_stops_and_says_so(plan, tmp_path, monkeypatch):
    from generators.families.dcgan import DCGAN

    def broken(self, batch):
        return Outcome(self.generator(self.draw(len(batch))).mean() * float("nan"))

    monkeypatch.setattr(DCGAN, "deceive", broken)
    with pytest.raises(Refusal, match="diverged"):
        train(plan, tmp_path / "run", "cpu")


def test_every_round_shows_every_photo_once_and_mirrors_half(pictures, tmp_path):
    photos = decode(Corpus.open(pictures), (16, 16), tmp_path / "spill.npy")
    shown = np.concatenate([photos.batch(5, start, 4)[0] for start in range(0, 24, 4)])  # two rounds
    for part in (shown[:12], shown[12:]):
        seen = {min(p.tobytes(), p[:, ::-1].tobytes()) for p in part}
        assert len(seen) == 12
    assert not np.array_equal(shown[:12], shown[12:])
    assert np.array_equal(photos.batch(5, 10, 4)[0], shown[10:14])  # across a round's end
    mirrored = one_round(0, 0, 10_000)[1].mean()
    assert 0.47 < mirrored < 0.53


def test_large_corpora_are_decoded_into_a_file(pictures, tmp_path, monkeypatch):
    corpus = Corpus.open(pictures)
    small = decode(corpus, (16, 16), tmp_path / "spill.npy")
    assert not (tmp_path / "spill.npy").exists()
    monkeypatch.setattr("generators.photos.IN_MEMORY", 1000)
    large = decode(corpus, (16, 16), tmp_path / "spill.npy")
    assert np.load(tmp_path / "spill.npy", mmap_mode="r").shape == (12, 16, 16, 3)
    assert np.array_equal(small.pixels, large.pixels)
    assert small.sha256 == large.sha256


def test_bad_photos_are_left_out_of_training(pictures, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(pictures, folder)
    (folder / "bad.png").write_bytes(b"no picture")
    photos = decode(Corpus.open(folder), (16, 16), tmp_path / "spill.npy")
    assert len(photos) == 12
    assert photos.left_out[0].startswith("bad.png: not a photo")


@dataclass(frozen=True)
class ToyConfig:
    resolution: int = 16
    latent: int = 1


class Toy(Family):
    """One weight, two phases of which the second is lazy."""

    name = "toy"

    def __init__(self):
        super().__init__(ToyConfig(), nn.Linear(1, 1, bias=False))
        self.taken: list[str] = []

    def phases(self):
        return (Phase("main", self.generator, self.loss("main")), Phase("lazy", self.generator, self.loss("lazy"), 4))

    def loss(self, name):
        def measured(batch):
            self.taken.append(name)
            return Outcome(self.generator.weight.sum())

        return measured

    def adam(self, learner):
        return Adam(0.1, 0.5, 0.99)


def test_lazy_phases_come_every_so_often_and_slow_adam_down(pictures, plan, tmp_path):
    toy = Toy()
    optimisers = optimisers_of(toy, toy.phases())
    (adam,) = optimisers.values()  # phases of one learner share it
    assert adam.defaults["lr"] == pytest.approx(0.1 * 4 / 5)
    assert adam.defaults["betas"] == pytest.approx((0.5**0.8, 0.99**0.8))
    photos = decode(Corpus.open(pictures), (16, 16), tmp_path / "spill.npy")
    place = snapshots.Place()
    for _ in range(8):
        place, _ = step(toy, toy.phases(), optimisers, photos, plan, place)
    assert toy.taken == ["main", "lazy", "main", "main", "main"] * 2
    assert place == snapshots.Place(8, 32)


def test_a_step_of_microbatches_descends_their_mean(pictures, plan, tmp_path):
    """Each phase sees each part of the batch, with randomness of its own; gradients and measures are means."""
    toy, parts = Toy(), []

    def loss(batch):
        parts.append((batch.images, torch.rand(())))
        return Outcome((toy.generator.weight * batch.images.mean()).sum(), {"light": batch.images.mean()})

    phases = [Phase("one", toy.generator, loss), Phase("two", toy.generator, loss)]
    photos = decode(Corpus.open(pictures), (16, 16), tmp_path / "spill.npy")
    plan = replace(plan, batch=8, microbatch=2)
    for _ in range(2):
        _, measures = step(toy, phases, optimisers_of(toy, phases), photos, plan, snapshots.Place(3, 24))
    assert len(parts) == 2 * 2 * 4
    assert len({float(drawn) for _, drawn in parts}) == 8  # the second time the same again
    whole = to_tensor(photos.batch(plan.seed, 24, 8)[0])
    assert torch.equal(torch.cat([images for images, _ in parts[:4]]), whole)
    assert torch.equal(torch.cat([images for images, _ in parts[4:8]]), whole)
    assert toy.generator.weight.grad.item() == pytest.approx(whole.mean().item(), rel=1e-5)
    assert measures["light"].item() == pytest.approx(whole.mean().item(), rel=1e-5)


def test_fp16_leaves_out_steps_that_overflow_and_halves_the_scale(pictures, plan, tmp_path):
    toy = Toy()

    def loss(batch):
        return Outcome(toy.generator.weight.sum() * 1e35)  # times 65536: more than float32 holds

    phases = [Phase("main", toy.generator, loss)]
    optimisers = optimisers_of(toy, phases, "fp16")
    before = toy.generator.weight.item()
    photos = decode(Corpus.open(pictures), (16, 16), tmp_path / "spill.npy")
    step(toy, phases, optimisers, photos, replace(plan, precision="fp16"), snapshots.Place())
    (descent,) = optimisers.values()
    assert toy.generator.weight.item() == before
    assert descent.scaler.get_scale() == 2.0**15
    path = snapshots.save(tmp_path, toy, optimisers, snapshots.Place(1, 4))
    other = optimisers_of(toy, phases, "fp16")
    snapshots.load(path, toy, other)
    assert next(iter(other.values())).scaler.get_scale() == 2.0**15


def test_pictures_may_be_grey_and_not_square(pictures, tmp_path, monkeypatch):
    from generators.families.stylegan2 import StyleGAN2

    tiny = StyleGAN2.presets["tiny"]
    for channels in (1, 2, 4):
        config = replace(tiny, channels=channels, start=(4, 3), group=2)
        monkeypatch.setattr(StyleGAN2, "presets", {"tiny": config})
        out = tmp_path / str(channels)
        train(Plan("stylegan2", pictures, kimg=0.004, preset="tiny", batch=4), out, "cpu")
        assert Image.open(next((out / "samples").iterdir())).size == (8 * 12, 8 * 16)


def test_tensorboard_goes_on_where_the_run_does(plan, tmp_path):
    train(replace(plan, kimg=0.012), tmp_path / "run", "cpu")
    train(plan, tmp_path / "run", "cpu")
    first, second = sorted((tmp_path / "run").glob("events.out.tfevents.*"))
    assert b"D loss" in first.read_bytes()
    assert b"diversity" in second.read_bytes()
    start = second.read_bytes().index(b"brain.Event:2") + len(b"brain.Event:2") + 4 + 12
    assert b"\x10\x0d" in second.read_bytes()[start : start + 16]  # step 13: after the 12 photos that were shown


def test_the_average_follows_with_its_half_life():
    toy = Toy()
    with torch.no_grad():
        toy.average.weight.fill_(0.0)
        toy.generator.weight.fill_(1.0)
    for _ in range(10):
        toy.follow(0.5 ** (1 / 10))
    assert toy.average.weight.item() == pytest.approx(0.5, abs=1e-5)


def test_command_trains_and_resumes(pictures, tmp_path):
    import typer

    from app.commands import make

    app = typer.Typer()
    app.command()(make.train)
    out = tmp_path / "run"
    told = ["dcgan", "--data", str(pictures), "--out", str(out), "--kimg", "0.008"]
    told += ["--preset", "tiny", "--batch", "4", "--device", "cpu"]
    first = CliRunner().invoke(app, told)
    assert first.exit_code == 0, first.output
    assert "forensics forge" in first.output
    second = CliRunner().invoke(app, ["--resume", str(out), "--kimg", "0.012", "--device", "cpu"])
    assert second.exit_code == 0, second.output
    assert snapshots.latest(out).stem == "000000000012"
    for bad, says in (
        (["dcgan"], "missing --data, --out, --kimg"),
        (["dcgn"], "did you mean 'dcgan'"),
        (["--resume", str(tmp_path)], "no training run"),
        (["--resume", str(out), "--out", str(tmp_path / "other")], "own folder"),
    ):
        error = CliRunner().invoke(app, bad).exception
        assert isinstance(error, Refusal)
        assert says in str(error)
