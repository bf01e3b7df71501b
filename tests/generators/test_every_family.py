"""What every family keeps: its table builds, its pictures have their shape, its phases run, it resumes."""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, fields, is_dataclass, replace

import pytest
import torch

from generators import FAMILIES, snapshots
from generators.family import Batch
from generators.plan import Plan
from generators.training import train

each = pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.name)


@each
def test_table_builds_and_is_frozen(kind):
    assert "tiny" in kind.presets
    assert kind.paper.title
    assert kind.paper.url.startswith("https://")
    for name, config in kind.presets.items():
        assert is_dataclass(config)
        with pytest.raises(FrozenInstanceError):
            config.resolution = 1
        with torch.device("meta"):  # shapes without memory
            family = kind(config)
            pictures = family.sample(torch.empty(2, config.latent))
        channels = getattr(config, "channels", 3)
        assert pictures.shape == (2, channels, config.resolution, config.resolution), name
    with pytest.raises(TypeError):
        type(config)(no_such_option=1)
    assert all(f.default is not MISSING for f in fields(config)), "every setting has a default"


@each
def test_sample(kind):
    family = kind(kind.presets["tiny"])
    family.settle()
    z = family.draw(5, torch.Generator().manual_seed(1))
    assert z.shape == (5, family.config.latent)
    assert z.dtype == torch.float32
    assert torch.equal(z, family.draw(5, torch.Generator().manual_seed(1)))
    with torch.no_grad():
        pictures = family.sample(z)
        again = family.sample(z)
    side = family.config.resolution
    assert pictures.shape == (5, getattr(family.config, "channels", 3), side, side)
    assert pictures.dtype == torch.float32
    assert pictures.abs().max() <= 1
    assert torch.equal(pictures, again)
    assert pictures.std(0).mean() > 0  # different latents, different pictures


@each
def test_phases_teach_their_learner_and_nobody_else(kind):
    family = kind(kind.presets["tiny"])
    side, channels = family.config.resolution, getattr(family.config, "channels", 3)
    batch = Batch(torch.rand(4, channels, side, side) * 2 - 1)
    phases = family.phases()
    assert any(phase.learner is family.generator for phase in phases)
    for phase in phases:
        family.requires_grad_(False)
        phase.learner.requires_grad_(True)
        outcome = phase.loss(batch)
        assert outcome.loss.ndim == 0
        assert torch.isfinite(outcome.loss)
        outcome.loss.backward()
        learned = {name for name, p in family.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
        prefix = next(name for name, module in family.named_modules() if module is phase.learner)
        assert learned
        assert all(name.startswith(prefix + ".") for name in learned)
        family.zero_grad(set_to_none=True)
        assert family.adam(phase.learner).lr > 0


@each
def test_trains_two_steps_and_resumes_bit_for_bit(kind, pictures, tmp_path):
    plan = Plan(kind.name, pictures, kimg=0.008, preset="tiny", batch=4)
    whole = train(plan, tmp_path / "whole", "cpu")
    train(replace(plan, kimg=0.004), tmp_path / "parts", "cpu")
    parts = train(plan, tmp_path / "parts", "cpu")
    assert whole.name == parts.name
    (first, _), (second, _) = snapshots.read(whole), snapshots.read(parts)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
