from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forensics.refusal import Refusal
from generators import FAMILIES
from generators.changes import changed
from generators.families.autoencoder import AutoencoderConfig
from generators.families.gan import GANConfig
from generators.families.stylegan2_ada import StyleGAN2ADAConfig
from generators.plan import Plan, plan_of
from generators.training import built, settled, train


def test_each_kind_of_setting():
    config = StyleGAN2ADAConfig(resolution=64)
    found = changed(config, ("freeze_d=4", "gamma=0.5", "cap=none", "mirror=no", "start=4,3", "augment=bg"))
    assert (found.freeze_d, found.gamma, found.cap, found.mirror) == (4, 0.5, None, False)
    assert (found.start, found.augment) == ((4, 3), "bg")
    assert config.freeze_d == 0  # the preset itself stays
    assert changed(config, ()) == config
    deep = changed(AutoencoderConfig(), ("hidden=512,256", "architecture=dense"))
    assert deep.hidden == (512, 256)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("gama=1", "did you mean 'gamma'"),
        ("gamma", "must be NAME=VALUE"),
        ("gamma=strong", "must be a number"),
        ("freeze_d=1.5", "must be a whole number"),
        ("freeze_d=99", "must be 0 to"),
        ("start=4", "must be 2 values"),
        ("mirror=maybe", "must be yes or no"),
        ("critic_architecture=unet", "must be one of"),
        ("resolution=48", "power of two"),
        ("labels=3", "--cond"),
    ],
)
def test_a_wrong_one_is_refused_and_says_what_is_allowed(change, why):
    with pytest.raises(Refusal) as refused:
        changed(StyleGAN2ADAConfig(resolution=64), (change,))
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.name)
def test_no_number_builds_a_broken_network(kind):
    """A setting is refused, or the network is built, or that is refused in one line."""
    above = type(kind.presets["tiny"]).__base__  # another family's settings, tried there
    for name, value in asdict(kind.presets["tiny"]).items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or name == "labels" or hasattr(above, name):
            continue
        whole = ("7", "99") if isinstance(value, int) else ()  # any sound rate builds the same
        for word in ("0", "-1", "nan", "inf", "1e-3", *whole):
            try:
                config = changed(kind.presets["tiny"], (f"{name}={word}",))
                built(Plan(kind.name, Path(), kimg=1), config, torch.device("cpu"))
            except Refusal as refused:
                assert "\n" not in str(refused)
                assert name in str(refused) or "cannot be built" in str(refused)
                continue
            assert math.isfinite(float(word))
            assert float(word) >= 0


def test_a_network_that_fits_nowhere_is_refused():
    for change in ("resolution=100000", "hidden=1000000,1000000"):
        config = changed(GANConfig(), (change,))
        with pytest.raises(Refusal, match="weights; at most"):
            built(Plan("gan", Path(), kimg=1), config, torch.device("cpu"))


@given(st.text(max_size=30))
def test_no_word_is_a_traceback(word):
    for name in ("lr", "freeze_d", "start", "cap", "augment"):
        try:
            found = changed(StyleGAN2ADAConfig(resolution=64), (f"{name}={word}",))
        except Refusal:
            continue
        assert isinstance(found, StyleGAN2ADAConfig)


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.name)
def test_every_setting_of_every_family_can_be_said_in_words(kind):
    config = kind.presets["tiny"]
    for name in config.__dataclass_fields__:
        value = getattr(config, name)
        if name == "labels" or (isinstance(value, tuple) and any(isinstance(part, tuple) for part in value)):
            continue  # the photos' classes; a growth schedule is a preset's
        word = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        if word:
            assert changed(config, (f"{name}={word}",)) == config, name


def test_a_run_keeps_its_changes(pictures, tmp_path):
    out = tmp_path / "run"
    plan = Plan("stylegan2-ada", pictures, kimg=0.004, preset="tiny", batch=4, changes=("freeze_d=2",))
    train(plan, out, "cpu")
    config = json.loads((out / "config.json").read_text())
    assert config["config"]["freeze_d"] == 2
    again = plan_of(out, kimg=0.008)
    assert again.changes == ("freeze_d=2",)
    assert settled(again)[1].freeze_d == 2
    train(again, out, "cpu")  # goes on
    other = Plan("stylegan2-ada", pictures, kimg=0.008, preset="tiny", batch=4, changes=("freeze_d=1",))
    with pytest.raises(Refusal, match="other settings"):
        train(other, out, "cpu")
