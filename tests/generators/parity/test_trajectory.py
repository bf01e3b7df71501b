"""Six published steps of training, through the loop that trains: lazy phases, microbatches, Adam, averages.

The loop's own draws are replaced by the published ones; everything else is what a run does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from generators import step as stepping
from generators.descent import optimisers_of
from generators.families.stylegan2 import StyleGAN2, StyleGAN2Config
from generators.family import Batch, Outcome, Phase
from generators.plan import Plan
from generators.snapshots import Place

NAMES = {"G": "Gmain", "PL": "Greg", "D": "Dmain", "R1": "Dreg"}  # ours, theirs


@dataclass
class Script:
    """Which draws come next, and what was lost and measured."""

    arrays: dict[str, Tensor]
    micro: int
    rounds: int
    now: tuple[int, int, int] = (0, 0, 0)  # step, phase, microbatch
    outcomes: dict[tuple[int, str, int], Outcome] = field(default_factory=dict)

    def part(self, name: str, n: int) -> Tensor:
        step, phase, number = self.now
        start = number * self.micro
        return self.arrays[name][step, phase, start : start + n]

    def noise(self, like: Tensor) -> Tensor:
        step, _, number = self.now
        noise = self.arrays["pl_noise"][step, number]
        assert noise.shape == like.shape
        return noise

    def batch(self, seen: int, each: int, batch: int) -> Batch:
        step, start = divmod(seen, batch)
        images, labels = (self.arrays[name][step, start : start + each] for name in ("real", "real_c"))
        return Batch(images, labels)


class Scripted(StyleGAN2):
    """StyleGAN2 that is told what to draw."""

    script: Script

    def draw(self, n, rng=None, device="cpu"):
        return self.script.part("gen_z", n)

    def asked(self, batch, n):
        return self.script.part("gen_c", n)

    def adam(self, learner):
        """The published code sums the gradients of microbatches where ours averages: to Adam, a smaller epsilon."""
        adam = super().adam(learner)
        return replace(adam, eps=adam.eps / self.script.rounds)


@dataclass
class Run:
    """What came of it, and what was seen on the way, by the published names."""

    family: Scripted
    within: float
    seen: dict[str, Tensor] = field(default_factory=dict)
    decays: list[float] = field(default_factory=list)


@pytest.fixture(scope="module", params=[torch.float64, torch.float32], ids=["float64", "float32"])
def run(request, published) -> Run:
    arrays = published.arrays("train_trajectory", request.param)
    with pytest.MonkeyPatch.context() as monkeypatch:
        return trained(arrays, published.told("train_trajectory"), monkeypatch)


def trained(arrays: dict[str, Tensor], told: dict, monkeypatch: pytest.MonkeyPatch) -> Run:
    dtype = arrays["real"].dtype
    made, judged = told["G_kwargs"], told["D_kwargs"]
    plan = Plan("stylegan2", Path("none"), 0.048, batch=told["batch_size"], microbatch=told["batch_gpu"])
    family = Scripted(
        StyleGAN2Config(
            resolution=made["img_resolution"],
            labels=made["c_dim"],
            latent=made["z_dim"],
            w=made["w_dim"],
            mapping_layers=made["mapping_kwargs"]["num_layers"],
            base=made["synthesis_kwargs"]["channel_base"],
            most=made["synthesis_kwargs"]["channel_max"],
            critic_base=judged["channel_base"],
            noise=made["synthesis_kwargs"]["use_noise"],
            group=judged["epilogue_kwargs"]["mbstd_group_size"],
            gamma=told["r1_gamma"],
            r1_every=told["D_reg_interval"],
            pl_weight=told["pl_weight"],
            pl_every=told["G_reg_interval"],
            pl_decay=told["pl_decay"],
            pl_shrink=told["pl_batch_shrink"],
            mixing=told["style_mixing_prob"],
            w_beta=told["w_avg_beta"],
            lr=told["lr"],
            average_kimg=told["ema_kimg"],
            average_rampup=told["ema_rampup"],
        )
    )
    for network, key in ((family.generator, "G"), (family.discriminator, "D"), (family.average, "G")):
        start = f"init/{key}/"
        network.load_state_dict({n.removeprefix(start): t for n, t in arrays.items() if n.startswith(start)})
    family.to(dtype, memory_format=torch.channels_last)
    script = family.script = Script(arrays, plan.each, plan.rounds)
    monkeypatch.setattr(stepping, "batch_of", lambda _, __, plan, seen: script.batch(seen, plan.each, plan.batch))
    monkeypatch.setattr(torch, "randn_like", script.noise)

    def followed_by(self: Scripted, decay: float) -> None:
        run.decays.append(decay)
        StyleGAN2.follow(self, decay)

    run = Run(family, 1e-10 if dtype == torch.float64 else 1e-5)
    monkeypatch.setattr(Scripted, "follow", followed_by)
    place = Place()

    def followed(phase: Phase, index: int) -> Phase:
        def loss(batch: Batch) -> Outcome:
            number = sum((place.step, phase.name) == key[:2] for key in script.outcomes)
            script.now = (place.step, index, number)
            outcome = script.outcomes[place.step, phase.name, number] = phase.loss(batch)
            return outcome

        return replace(phase, loss=loss)

    phases = [followed(phase, index) for index, phase in enumerate(family.phases())]
    assert [NAMES[phase.name] for phase in phases] == told["phases"]
    optimisers = optimisers_of(family, phases)
    for done in range(told["iterations"]):
        place, _ = stepping.step(family, phases, optimisers, None, plan, place)
        run.seen[f"pl_mean/{done}"] = family.pl_mean.clone()
        for network, key in ((family.generator, "G"), (family.discriminator, "D")):
            power = sum(p.detach().double().square().sum() for p in network.parameters())
            run.seen[f"{key}_paramnorm/{done}"] = power.sqrt()
    family.settle()
    return run


def test_six_steps_end_at_the_published_weights(published, ledger, run):
    truth, family, seen = published.arrays("train_trajectory"), run.family, dict(run.seen)
    for network, key in ((family.generator, "G"), (family.discriminator, "D"), (family.average, "G_ema")):
        seen |= {f"final/{key}/{name}": ours for name, ours in network.state_dict().items()}
    for name, ours in seen.items():
        ledger.same(name, ours, truth[name], run.within)
    given = ("init/", "real", "gen_", "pl_noise", "ema_beta/")
    assert seen.keys() == {name for name in truth if not name.startswith(given)}


REPORTED: dict[tuple[str, str], Callable[[Outcome, StyleGAN2Config], Tensor]] = {
    ("G", "Loss/G/loss"): lambda outcome, _: outcome.loss,
    ("PL", "Loss/G/reg"): lambda outcome, _: outcome.loss,
    ("PL", "Loss/pl_penalty"): lambda outcome, config: outcome.loss / config.pl_weight,
    ("D", "Loss/D/loss"): lambda outcome, _: outcome.loss,
    ("D", "Loss/signs/real"): lambda outcome, _: 2 * outcome.measures["D real"] - 1,
    ("D", "Loss/signs/fake"): lambda outcome, _: 1 - 2 * outcome.measures["D fake"],
    ("R1", "Loss/D/reg"): lambda outcome, _: outcome.loss,
    ("R1", "Loss/r1_penalty"): lambda outcome, _: outcome.measures["R1 penalty"],
}


def test_each_phase_reports_the_published_losses(published, ledger, run):
    told, family = published.told("train_trajectory"), run.family
    ours = {theirs: mine for mine, theirs in NAMES.items()}
    used, outcomes = set(), family.script.outcomes
    for row in told["stats"]:
        key = (row["iteration"], ours[row["phase"]], row["micro_batch"])
        for name, value in row["reports"]:
            if report := REPORTED.get((key[1], name)):
                mine = report(outcomes[key], family.config)
                ledger.same(f"{name} {key}", mine, torch.tensor(value, dtype=torch.float64), run.within)
                used.add((key, name))
    assert {(key[1], name) for key, name in used} == REPORTED.keys()
    assert {key for key, _ in used} == outcomes.keys()


def test_the_average_follows_as_published(published, run):
    """Its decay, by step: none at first, then a half-life of half the pictures seen, at most 50."""
    truth = published.arrays("train_trajectory")
    assert run.decays == pytest.approx([float(truth[f"ema_beta/{done}"]) for done in range(len(run.decays))])
    assert len(run.decays) == 6
