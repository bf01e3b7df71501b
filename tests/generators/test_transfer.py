"""Weights of one training start another; what became of each tensor is told, and nonsense is refused."""

from __future__ import annotations

import json
import re
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


def saved(family, path, average_only: bool = False, **more):
    """What a snapshot or an export of a family holds of its weights; `more`: is told in its header."""
    tensors = {f"family.{name}": t for name, t in family.state_dict().items()}
    if average_only:
        tensors = {name: t for name, t in tensors.items() if name.startswith("family.average.")}
    told = {"family": family.name, "preset": "tiny", "images_seen": 5, "step": 1, **more}
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


def embeddings(family) -> list[torch.Tensor]:
    """One vector a class, (K, W), of each network that knows classes, at the scale at which it is used."""
    networks = (family.generator.mapping, family.average.mapping, family.discriminator.mapping)
    return [network.embed.weight.T * network.embed.weight_gain for network in networks]


def test_classes_follow_their_names(tmp_path):
    config = replace(TINY, labels=2)
    theirs, family = made(config), made(config, 1)
    before = [each.clone() for each in embeddings(family)]
    file = saved(theirs, tmp_path / "w.safetensors", classes=["a", "b"])
    lines = transfer(file, family, tmp_path, ("b", "c"))
    for old, now, first in zip(embeddings(theirs), embeddings(family), before, strict=True):
        assert torch.equal(now[0], old[1])
        assert torch.equal(now[1], first[1])
    assert "  classes kept by name: b; new, at random: c; left behind: a" in lines
    assert fates(tmp_path)["generator.mapping.embed.weight"] == "resized"
    told = json.loads((tmp_path / "transfer.json").read_text())["classes"]
    assert told == {"by": "name", "kept": {"b": "b"}, "new": ["c"], "left": ["a"]}
    transfer(file, family, None, ("b", "c"))  # a second time changes nothing
    assert all(torch.equal(now[1], first[1]) for now, first in zip(embeddings(family), before, strict=True))


def test_more_classes_in_another_order(tmp_path):
    theirs, family = made(replace(TINY, labels=2)), made(replace(TINY, labels=3), 1)
    lines = transfer(saved(theirs, tmp_path / "w.safetensors", classes=["a", "b"]), family, tmp_path, "bxa")
    for old, now in zip(embeddings(theirs), embeddings(family), strict=True):
        torch.testing.assert_close(now[[2, 0]], old)
    assert "  classes kept by name: b, a; new, at random: x" in lines


def test_the_same_classes_match(tmp_path):
    theirs, family = made(replace(TINY, labels=2)), made(replace(TINY, labels=2), 1)
    transfer(saved(theirs, tmp_path / "w.safetensors", classes=["a", "b"]), family, tmp_path, ("b", "a"))
    assert fates(tmp_path)["generator.mapping.embed.weight"] == "matched"
    assert all(torch.equal(now, old[[1, 0]]) for now, old in zip(embeddings(family), embeddings(theirs), strict=True))


def test_unknown_classes_all_start_anew(tmp_path):
    theirs, family = made(replace(TINY, labels=2)), made(replace(TINY, labels=2), 1)
    before = [each.clone() for each in embeddings(family)]
    lines = transfer(saved(theirs, tmp_path / "w.safetensors", classes=["a", "b"]), family, tmp_path, ("c", "d"))
    assert all(torch.equal(now, first) for now, first in zip(embeddings(family), before, strict=True))
    assert fates(tmp_path)["discriminator.mapping.embed.weight"] == "skipped"
    assert "  classes new, at random: c, d; left behind: a, b" in lines


@pytest.mark.parametrize(("old", "new"), [(None, ["c", "a"]), (["a", "b"], ()), (["0", "1"], ["c", "d"])])
def test_classes_without_names_go_by_column_and_it_is_said(tmp_path, old, new):
    theirs, family = made(replace(TINY, labels=2)), made(replace(TINY, labels=2), 1)
    lines = transfer(saved(theirs, tmp_path / "w.safetensors", classes=old), family, tmp_path, new)
    assert all(torch.equal(now, was) for now, was in zip(embeddings(family), embeddings(theirs), strict=True))
    assert "kept BY COLUMN, for not both sides tell names" in lines[-1]
    assert json.loads((tmp_path / "transfer.json").read_text())["classes"]["by"] == "column"


def test_numbered_classes_are_themselves(tmp_path):
    theirs, family = made(replace(TINY, labels=2)), made(replace(TINY, labels=3), 1)
    lines = transfer(saved(theirs, tmp_path / "w.safetensors"), family, None, ("0", "1", "2"))
    assert "  classes kept by name: 0, 1; new, at random: 2" in lines


def test_tensors_that_do_not_fit_are_named(tmp_path):
    theirs, family = made(TINY), made(replace(TINY, channels=1), 1)
    said = "\n".join(transfer(saved(theirs, tmp_path / "w.safetensors"), family))
    assert "50 matched, 6 skipped" in said
    names = ", ".join(f"synthesis.b{side}.torgb.{what}" for side in (16, 4, 8) for what in ("bias", "weight"))
    assert f"    skipped (another shape; ours stays at random): {names}\n" in said
    assert "    skipped (another shape; ours stays at random): b16.fromrgb.weight" in said


def test_many_names_are_shortened(tmp_path):
    family = made(replace(TINY, resolution=32), 1)
    said = "\n".join(transfer(saved(made(TINY), tmp_path / "w.safetensors"), family))
    assert re.search(r"    fresh \(not in the file\): synthesis\.b32\.conv0\S+, .* and \d+ more\n", said)
    said = "\n".join(transfer(saved(family, tmp_path / "large.safetensors"), made(TINY)))
    assert "skipped (no such layer here): synthesis.b32.conv0" in said


def test_a_discriminator_must_fit_as_well_unless_there_is_none(tmp_path):
    theirs, narrow = made(TINY), made(replace(TINY, critic_base=16), 1)
    before = {name: t.clone() for name, t in narrow.state_dict().items()}
    with pytest.raises(
        Refusal, match=r"only \d+% of this discriminator's .*e\.g\. discriminator\..*forensics export"
    ):
        transfer(saved(theirs, tmp_path / "w.safetensors"), narrow, tmp_path)
    assert all(torch.equal(t, before[name]) for name, t in narrow.state_dict().items())
    lines = transfer(saved(theirs, tmp_path / "small.safetensors", average_only=True), narrow)
    assert "AVERAGED GENERATOR ONLY" in "".join(lines)
    assert any(line.startswith("  discriminator: 0.0%") for line in lines)


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
    with pytest.raises(Refusal, match="holds weights of stylegan2, not of dcgan"):
        transfer(file, made(DCGAN.presets["tiny"], 0, DCGAN))
    (tmp_path / "note.safetensors").write_text("no tensors")
    with pytest.raises(Refusal, match="cannot be read"):
        transfer(tmp_path / "note.safetensors", wide)
