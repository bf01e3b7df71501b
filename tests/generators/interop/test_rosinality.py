"""rosinality's `.pt`: names as published, numbers as published, and there and back bit for bit."""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from forensics.refusal import Refusal
from generators.interop import reading, rosinality
from generators.interop.networks import Critic, Earlier, Painter, built
from generators.interop.options import CriticOptions, GeneratorOptions
from generators.interop.rosinality_names import critic_blurs, critic_rules, generator_blurs, generator_rules
from tests.generators.interop.layouts import seeded

PLAIN = GeneratorOptions(latent=8, labels=0, w=8, resolution=16, channels=3, base=64, most=8, mapping_layers=3)
CRITIC = CriticOptions(labels=0, resolution=16, channels=3, base=64, most=8)


def test_the_rules_are_the_published_map(shared):
    told = json.loads((shared / "parity" / "keymap_rosinality.json").read_text(encoding="utf-8"))
    for part, rules, blurs in (
        ("generator", generator_rules(32, 8), generator_blurs(32)),
        ("discriminator", critic_rules(32), critic_blurs(32)),
    ):
        published = {(theirs, ours) for theirs, ours, _ in told[part]}
        mine = list(rules)
        assert {(rule.theirs, rule.ours) for rule in mine} == published
        assert blurs.keys() == set(told[f"unmapped_{part}"])
        ops = {theirs: op for theirs, _, op in told[part]}
        for rule in mine:
            axes = {"same": (0, 0), "unsqueeze0": (1, 0), "reshape[1]": (1, 0)}
            axes |= {"reshape[1,1,H,W]": (2, 0), "reshape[1,C,1,1]": (1, 2)}
            assert (rule.front, rule.behind) == axes[ops[rule.theirs]], rule.theirs
    kernel = torch.outer(*[torch.tensor([1.0, 3, 3, 1])] * 2) / 64
    assert all(torch.equal(each, kernel * 4) for each in generator_blurs(32).values())
    assert all(torch.equal(each, kernel) for each in critic_blurs(32).values())


def theirs(options: GeneratorOptions, seed: int = 0) -> dict[str, torch.Tensor]:
    """A generator as their training writes it."""
    state = seeded(options, seed).state_dict()
    rules = generator_rules(options.resolution, options.mapping_layers)
    return {rule.theirs: rule.write(state[rule.ours]) for rule in rules} | generator_blurs(options.resolution)


@torch.no_grad()
def test_a_published_generator_paints_the_published_pictures(shared, tmp_path):
    with np.load(shared / "parity" / "sg2_G_skip_uncond.npz", allow_pickle=False) as file:
        truth = {name: torch.from_numpy(np.array(file[name])) for name in file.files}
    told = json.loads((shared / "parity" / "keymap_rosinality.json").read_text(encoding="utf-8"))
    content = {}
    for name, ours, op in told["generator"]:
        tensor = truth[f"state/{ours}"]
        shapes = {"same": tensor.shape, "unsqueeze0": (1, *tensor.shape), "reshape[1]": (1,)}
        shapes |= {"reshape[1,1,H,W]": (1, 1, *tensor.shape), "reshape[1,C,1,1]": (1, -1, 1, 1)}
        content[name] = tensor.reshape(shapes[op])
    path = tmp_path / "published.pt"
    torch.save({"g_ema": content, "latent_avg": truth["state/mapping.w_avg"]}, path)
    found = reading.read(path).network("G_ema")
    network = built(found.options, "a test", "cpu").double().eval()
    network.load_state_dict(dict(found.tensors))
    ours = network.synthesis(network.mapping(truth["in/z"].double()), "const")
    assert float((ours - truth["out64/img_const"]).norm() / truth["out64/img_const"].norm()) < 1e-10


def test_there_and_back_bit_for_bit(tmp_path):
    critic = replace(CRITIC, clamp=256.0, half=4)
    networks = {
        "G_ema": Painter(replace(PLAIN, clamp=256.0, half=4, w_beta=0.99), seeded(PLAIN, 1).state_dict()),
        "G": Painter(PLAIN, seeded(PLAIN, 2).state_dict()),
        "D": Critic(critic, seeded(critic, 3).state_dict()),
    }
    path = tmp_path / "a.pt"
    rosinality.write(networks, {"domain": "faces"}, "a test", path)
    checkpoint = reading.read(path)
    assert checkpoint.told == {"domain": "faces"}
    for name, network in networks.items():
        found = checkpoint.network(name)
        assert found.options == network.options
        assert found.tensors.keys() == network.tensors.keys()
        assert all(torch.equal(found.tensors[n], t) for n, t in network.tensors.items())


@pytest.mark.parametrize("modern", [True, False], ids=["zip", "legacy"])
def test_what_their_training_writes_is_read(tmp_path, modern):
    """With optimisers and the command line, without the mean of w, which is measured."""
    optimiser = {"state": {0: {"step": 3, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.002, "params": [0]}]}
    arguments = argparse.Namespace(size=16, batch=4, path="/data", r1=10.0, device="cuda")
    content = {"g": theirs(PLAIN, 1), "g_ema": theirs(PLAIN, 2), "d_optim": optimiser, "args": arguments}
    state = seeded(CRITIC).state_dict()
    content["d"] = {r.theirs: r.write(state[r.ours]) for r in critic_rules(16)} | critic_blurs(16)
    content["ada_aug_p"] = 0.1
    path = tmp_path / "000100.pt"
    torch.save(content, path, _use_new_zipfile_serialization=modern)
    checkpoint = reading.read(path)
    assert checkpoint.network("G_ema").options == PLAIN
    assert checkpoint.network("D").options == CRITIC
    found = checkpoint.network("G").tensors
    network = seeded(PLAIN, 1)
    assert torch.equal(found["synthesis.b16.conv0.weight"], network.synthesis.b16.conv0.weight)
    with torch.no_grad():
        mean = network.mapping(torch.randn(20_000, 8))[:, 0].mean(0)
    assert (found["mapping.w_avg"] - mean).norm() < 0.1 * mean.norm() + 0.1


def test_what_is_no_such_file_is_refused(tmp_path):
    sound = theirs(PLAIN)

    def refused(content, said: str) -> None:
        path = tmp_path / "odd.pt"
        torch.save(content, path)
        with pytest.raises(Refusal, match=said) as refusal:
            reading.read(path).network("G_ema")
        assert "\n" not in str(refusal.value)

    refused({"state_dict": {}}, "holds none of g_ema, g, d")
    refused({"g": sound}, "holds no G_ema; it has G")
    refused({"g_ema": {}}, "no style.1.weight")
    refused({"g_ema": {**sound, "style.1.weight": "x"}}, "no tensor")
    refused({"g_ema": {**sound, "extra": torch.zeros(2)}}, "has a extra")
    refused({"g_ema": {n: t for n, t in sound.items() if n != "noises.noise_2"}}, "has no noises.noise_2")
    refused({"g_ema": {**sound, "to_rgb1.bias": torch.zeros(1, 3, 2, 1)}}, "to_rgb1.bias is")
    refused({"g_ema": {**sound, "conv1.noise.weight": torch.zeros(2)}}, "conv1.noise.weight is")
    refused({"g_ema": {**sound, "conv1.activate.bias": torch.zeros(8).long()}}, "not of real numbers")
    refused({"g_ema": {**sound, "conv1.activate.bias": torch.full((8,), torch.inf)}}, "not finite")
    refused({"g_ema": {**sound, "convs.0.conv.blur.kernel": torch.ones(4, 4)}}, r"another .* than \[1, 3, 3, 1\]")
    refused({"g_ema": {**sound, "convs.0.activate.bias": torch.zeros(3)}}, "features; halves")
    refused({"g_ema": sound, "latent_avg": "x"}, "latent_avg that is no tensor")
    refused({"g_ema": sound, "forensics": "{"}, "'forensics' is damaged")
    huge = torch.zeros(1, 1).expand(2**30, 2**30)
    refused({"g_ema": {**sound, "style.1.weight": huge}}, "cannot be|must be|not hold")


def test_what_their_code_cannot_be_is_not_written(tmp_path):
    out = tmp_path / "out.pt"
    for options, said in (
        (replace(PLAIN, labels=3), "labels 3"),
        (replace(PLAIN, architecture="resnet"), "architecture resnet"),
        (replace(PLAIN, clamp=1.5), "clamp 1.5"),
        (replace(PLAIN, latent=6), "latent 6"),
        (replace(PLAIN, filter=(1.0, 2.0, 1.0)), "filter"),
        (replace(PLAIN, mapping_lr=0.1), "mapping_lr 0.1"),
        (replace(CRITIC, group=2), "group 2"),
        (replace(CRITIC, statistics=0), "statistics 0"),
    ):
        kind, name = (Painter, "G_ema") if isinstance(options, GeneratorOptions) else (Critic, "D")
        with pytest.raises(Refusal, match=said):
            rosinality.write({name: kind(options, seeded(options).state_dict())}, {}, "a test", out)
    from generators.families.progan import ProGAN

    with pytest.raises(Refusal, match="progan generator"):
        rosinality.write({"G_ema": Earlier("progan", ProGAN.presets["tiny"], {})}, {}, "a test", out)
    assert not out.exists()


def test_the_same_networks_give_the_same_file(tmp_path):
    painter = Painter(PLAIN, seeded(PLAIN).state_dict())
    for name in ("a.pt", "b.pt"):
        rosinality.write({"G_ema": painter}, {}, "a test", tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    content = torch.load(io.BytesIO((tmp_path / "a.pt").read_bytes()), weights_only=True)
    assert {"g_ema", "latent_avg", "forensics"} == set(content)
