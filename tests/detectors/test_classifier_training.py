"""Training: an exact way back after an interruption, and the right sign."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from detectors.classifier import training
from detectors.classifier.cuts import Cuts
from detectors.classifier.descent import TINY, TINY_PATCHES, TrainingConfig
from detectors.classifier.network import NetworkConfig
from detectors.classifier.sampling import SamplingConfig
from detectors.classifier.training import Training
from forensics.refusal import Refusal
from tests.detectors.invented_cuts import cuts_of, of_four_sources

CONFIG = replace(TINY, steps=6, validate=2)
pytestmark = pytest.mark.usefixtures("float32")


@pytest.fixture(scope="module")
def cuts(tmp_path_factory) -> Cuts:
    return of_four_sources(tmp_path_factory.mktemp("cuts"))


def test_both_networks_train_in_one_folder(cuts, tmp_path):
    run(cuts, tmp_path / "run", CONFIG)
    patches = replace(TINY_PATCHES, steps=6, validate=2)
    session = run(cuts, tmp_path / "run", patches)
    assert session.weights == tmp_path / "run" / "patches.safetensors"
    assert (tmp_path / "run" / "classifier.safetensors").exists()
    assert len((tmp_path / "run" / "patches" / "log.jsonl").read_text().splitlines()) == 3
    assert Training(cuts, tmp_path / "run", patches, None).step == 6
    assert Training(cuts, tmp_path / "run", CONFIG, None).step == 6


def run(cuts: Cuts, out: Path, config: TrainingConfig, until: int | None = None) -> Training:
    out.mkdir(exist_ok=True)
    session = Training(cuts, out, config, None)
    if until is None:
        session.run()
        return session
    with ThreadPoolExecutor(1) as pool:
        while session.step < until:
            session.advance(pool)
    session.checkpoint()
    return session


@pytest.fixture(scope="module")
def whole(float32, cuts, tmp_path_factory) -> Training:
    """A run that nothing interrupted."""
    return run(cuts, tmp_path_factory.mktemp("whole") / "run", CONFIG)


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_an_interrupted_run_goes_on_bit_for_bit(whole, cuts, tmp_path, stop):
    run(cuts, tmp_path / "parts", CONFIG, until=stop)
    rest = run(cuts, tmp_path / "parts", CONFIG)
    assert rest.step == whole.step == CONFIG.steps
    one, two = (load_file(its.checkpoints) for its in (whole, rest))
    assert one.keys() == two.keys()
    assert any(key.startswith("optimizer.") for key in one)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert whole.weights.read_bytes() == rest.weights.read_bytes()


def test_a_step_is_taken_in_bfloat16_and_kept_in_float32(cuts, tmp_path, monkeypatch):
    """As users train: the other tests compute in float32 throughout."""
    monkeypatch.setattr("torch.autocast", torch.amp.autocast)
    (tmp_path / "run").mkdir()
    session, seen = Training(cuts, tmp_path / "run", CONFIG, None), []
    session.network.register_forward_hook(lambda module, given, logits: seen.append(logits.dtype))
    before = {name: tensor.clone() for name, tensor in session.network.named_parameters()}
    with ThreadPoolExecutor(1) as pool:
        loss = session.advance(pool)
    assert seen == [torch.bfloat16]
    assert 0.1 < loss < 2
    after = dict(session.network.named_parameters())
    assert {tensor.dtype for tensor in after.values()} == {torch.float32}
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("moment", ["forward", "optimizer", "follow"])
def test_ctrl_c_within_a_step_finishes_it_and_the_run_goes_on_bit_for_bit(whole, cuts, tmp_path, monkeypatch, moment):
    (tmp_path / "parts").mkdir()
    session = Training(cuts, tmp_path / "parts", CONFIG, None)

    def with_ctrl_c(call):
        def interrupted(*args, **named):
            result = call(*args, **named)
            if session.step + (moment != "follow") == 3:  # `follow` comes after the step is counted
                os.kill(os.getpid(), signal.SIGINT)
            return result

        return interrupted

    owner, name = {
        "forward": (session.network, "forward"),
        "optimizer": (session.optimizer, "step"),
        "follow": (training, "follow"),
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, with_ctrl_c(getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            session.run()
    rest = Training(cuts, tmp_path / "parts", CONFIG, None)
    assert rest.step == 3
    rest.run()
    one, two = (load_file(its.checkpoints) for its in (whole, rest))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_maker_that_is_held_out_is_never_shown_and_chooses_the_weights(cuts, tmp_path, monkeypatch):
    config = replace(CONFIG, hold_out=("diffusion",))
    told = iter([0.6, 0.9, 0.7])
    monkeypatch.setattr(
        Training, "validate", lambda self: {"real: web": np.arange(9.0), "fake: diffusion": np.ones(4)}
    )
    monkeypatch.setattr(training, "auc", lambda scores, fake: next(told))
    session = run(cuts, tmp_path / "run", config)
    assert "fake: diffusion" not in session.sampler.sources
    assert {row.maker for row in session.held} >= {"diffusion"}
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["held_out"] for line in lines] == [0.6, 0.9, 0.7]
    from safetensors import safe_open

    with safe_open(tmp_path / "run" / "classifier.safetensors", "pt") as file:
        assert json.loads(file.metadata()["config"])["about"]["step"] == 4  # the best of 2, 4, 6
    assert Training(cuts, tmp_path / "run", config, None).best == 0.9
    with pytest.raises(Refusal, match="no face of such a maker"):
        Training(cuts, tmp_path / "other", replace(CONFIG, hold_out=("difusion",)), None)


def test_a_run_is_not_continued_with_other_settings(cuts, tmp_path):
    run(cuts, tmp_path / "run", CONFIG, until=1)
    with pytest.raises(Refusal, match="another rate"):
        Training(cuts, tmp_path / "run", replace(CONFIG, rate=0.5), None)
    assert Training(cuts, tmp_path / "run", replace(CONFIG, steps=99), None).step == 1


def test_a_run_is_not_continued_on_other_photos_but_its_weights_can_start_another(cuts, tmp_path):
    (tmp_path / "a").mkdir()
    Training(cuts, tmp_path / "a", CONFIG, None, {"web": "1"}).run()
    with pytest.raises(Refusal, match="other photos"):
        Training(cuts, tmp_path / "a", CONFIG, None, {"web": "1", "new": "2"})
    weights = tmp_path / "a" / "classifier.safetensors"
    second = Training(cuts, tmp_path / "b", CONFIG, weights, {"web": "1", "new": "2"})
    assert second.start.startswith("a classifier of 6 steps")
    learnt = load_file(weights)
    assert all(torch.equal(t.to(learnt[k].dtype), learnt[k]) for k, t in second.network.state_dict().items())


def test_it_learns_which_class_is_which(tmp_path):
    """Stripes are easy; a swapped sign or label would show at once."""
    made = cuts_of(
        tmp_path / "cuts",
        [("real", "camera", "web", 60, 60, False), ("fake", "gan", "faces", 60, 60, False)],
    )
    network = NetworkConfig(size=32, min_face=16, depth=2, hidden=16, dropout=0.0, drop_path=0.0)
    sampling = SamplingConfig(smallest=40, largest=60, least=2, tight=0.0)
    config = TrainingConfig(
        steps=40, batch=16, rate=1e-2, warmup=5, average=0.8, validate=40, network=network, sampling=sampling
    )
    session = run(made, tmp_path / "run", config)
    line = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert line["auc"]["gan"] > 0.8, line
    assert line["losses"].keys() == {"real: web", "fake: gan"}
    assert session.averaged.config == network


def test_imagenet_weights_that_do_not_fit_are_refused(cuts, tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "init.safetensors")
    with pytest.raises((Refusal, ValueError), match="tensors"):
        training.Training(cuts, tmp_path, CONFIG, tmp_path / "init.safetensors")
