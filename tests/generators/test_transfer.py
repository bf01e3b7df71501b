"""Weights of one training start another; what became of each tensor is told, and nonsense is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from forensics.refusal import Refusal
from generators import snapshots
from generators.families.dcgan import DCGAN
from generators.families.stylegan2 import StyleGAN2
from generators.families.stylegan2_ada import StyleGAN2ADA
from generators.plan import Plan, plan_of
from generators.trained import export
from generators.training import train
from generators.transfer import transfer

TINY = StyleGAN2.presets["tiny"]


def saved(family, path, average_only: bool = False):
    """What a snapshot or an export of a family holds of its weights."""
    tensors = {f"family.{name}": t for name, t in family.state_dict().items()}
    if average_only:
        tensors = {name: t for name, t in tensors.items() if name.startswith("family.average.")}
    told = {"family": family.name, "preset": "tiny", "images_seen": 5, "step": 1}
    snapshots.save_at_once({name: t.clone() for name, t in tensors.items()}, path, told)
    return path


def made(config, seed: int = 0, kind=StyleGAN2):
    torch.manual_seed(seed)
    return kind(config)


def fates(out) -> dict[str, str]:
    return {row["name"]: row["fate"] for row in json.loads((out / "transfer.json").read_text())["tensors"]}


def test_a_new_run_starts_from_a_snapshot_and_goes_on_exactly(pictures, tmp_path, capsys):
    first = train(Plan("dcgan", pictures, kimg=0.012, preset="tiny", batch=4), tmp_path / "first", "cpu")
    plan = Plan("dcgan", pictures, kimg=0.016, preset="tiny", batch=4, seed=7, start=first, snap=0.008)
    whole = train(plan, tmp_path / "whole", "cpu")
    assert f"starting from {first}" in capsys.readouterr().err
    before, after = snapshots.read(first)[0], snapshots.read(whole)[0]
    name = "family.discriminator.judge.weight"
    moved = (after[name] - before[name]).abs().max()
    assert 0 < moved < 0.01  # a few steps of Adam from there
    assert (made(DCGAN.presets["tiny"], 7, DCGAN).discriminator.judge.weight - before[name]).abs().max() > 0.02
    assert set(fates(tmp_path / "whole").values()) == {"matched"}
    train(replace(plan, kimg=0.008), tmp_path / "parts", "cpu")
    parts = train(plan_of(tmp_path / "parts", 0.016), tmp_path / "parts", "cpu")
    resumed = snapshots.read(parts)[0]
    assert all(torch.equal(after[name], resumed[name]) for name in after)
    with pytest.raises(Refusal, match="start was"):
        train(replace(plan, start=None), tmp_path / "parts", "cpu")


def test_an_export_gives_generator_and_average_and_says_that_the_rest_is_fresh(pictures, tmp_path):
    train(Plan("dcgan", pictures, kimg=0.008, preset="tiny", batch=4), tmp_path / "run", "cpu")
    file = export(tmp_path / "run", tmp_path / "small.safetensors")
    family = made(DCGAN.presets["tiny"], 3, DCGAN)
    fresh = family.discriminator.judge.weight.clone()
    said = "\n".join(transfer(file, family, tmp_path))
    assert "AVERAGED GENERATOR ONLY" in said
    average = snapshots.read(file)[0]["family.average.project.weight"].float()
    assert torch.equal(family.generator.project.weight, average)
    assert torch.equal(family.average.project.weight, average)
    assert torch.equal(family.discriminator.judge.weight, fresh)
    assert fates(tmp_path)["discriminator.judge.weight"] == "fresh"


def test_state_of_the_training_stays_behind(tmp_path):
    theirs = made(TINY)
    theirs.pl_mean.fill_(3.0)
    family = made(TINY, 1)
    transfer(saved(theirs, tmp_path / "w.safetensors"), family, tmp_path)
    assert family.pl_mean == 0
    assert fates(tmp_path)["pl_mean"] == "skipped"
    assert torch.equal(family.generator.mapping.fc0.weight, theirs.generator.mapping.fc0.weight)


def test_labels_may_be_added_and_the_pictures_stay(tmp_path):
    theirs, family = made(TINY), made(replace(TINY, labels=3), 1)
    transfer(saved(theirs, tmp_path / "w.safetensors"), family, tmp_path)
    found = fates(tmp_path)
    assert found["generator.mapping.fc0.weight"] == "resized"
    assert found["generator.mapping.embed.weight"] == "fresh"
    z, labels = torch.randn(2, TINY.latent), torch.eye(3)[:2]
    with torch.no_grad():
        assert torch.allclose(theirs.sample(z), family.sample(z, labels), atol=1e-5)


def test_a_network_may_grow(tmp_path):
    theirs, family = made(TINY), made(replace(TINY, resolution=32), 1)
    transfer(saved(theirs, tmp_path / "w.safetensors"), family, tmp_path)
    found = fates(tmp_path)
    assert found["generator.synthesis.b16.conv0.weight"] == "matched"
    assert found["generator.synthesis.b32.conv0.weight"] == "fresh"
    assert torch.equal(family.average.synthesis.b16.conv1.weight, theirs.average.synthesis.b16.conv1.weight)


def test_stylegan2_and_ada_are_one_network(tmp_path):
    config = StyleGAN2ADA.presets["tiny"]
    theirs, family = made(config, 0, StyleGAN2ADA), made(config, 1, StyleGAN2ADA)
    lines = transfer(saved(made(TINY), tmp_path / "w.safetensors"), family)
    assert lines[1].startswith("  generator: 100.0%")
    transfer(saved(theirs, tmp_path / "ada.safetensors"), family)
    assert torch.equal(family.discriminator.b4.fc.weight, theirs.discriminator.b4.fc.weight)


def test_wrong_configurations_are_refused_and_change_nothing(pictures, tmp_path):
    file = saved(made(TINY), tmp_path / "w.safetensors")
    wide = made(replace(TINY, base=128, most=16), 1)
    before = {name: t.clone() for name, t in wide.state_dict().items()}
    with pytest.raises(Refusal, match=r"only \d+% of this generator's parameters fit .* choose the preset .*tiny"):
        transfer(file, wide, tmp_path)
    assert all(torch.equal(t, before[name]) for name, t in wide.state_dict().items())
    assert not (tmp_path / "transfer.json").exists()
    with pytest.raises(Refusal, match="holds a stylegan2, not a dcgan"):
        transfer(file, made(DCGAN.presets["tiny"], 0, DCGAN))
    (tmp_path / "note.safetensors").write_text("no tensors")
    with pytest.raises(Refusal, match="cannot be read"):
        transfer(tmp_path / "note.safetensors", wide)
