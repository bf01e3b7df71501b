"""From file to file and to pictures: what goes through other codes' files comes back bit for bit."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from app import cli
from forensics.refusal import Refusal
from generators import snapshots
from generators.families.stylegan2 import StyleGAN2
from generators.families.stylegan2_ada import StyleGAN2ADA
from generators.interop import named, reading
from generators.interop.conversion import convert
from generators.interop.networks import Painter
from generators.interop.options import CriticOptions, GeneratorOptions
from generators.interop.resuming import as_snapshot
from generators.trained import load
from generators.transfer import describe, transfer
from tests.generators.interop.layouts import nvidia, nvidia_generator, persistent, seeded, tf_network, tf_pickle
from tests.generators.interop.tf_reference import ProGAN, StyleGAN

ROOT = Path(__file__).resolve().parents[3]
PLAIN = GeneratorOptions(latent=8, labels=0, w=8, resolution=16, channels=3, base=64, most=8, mapping_layers=2)


@pytest.fixture
def snapshot(tmp_path) -> Path:
    """Of a run of ours, with a discriminator."""
    torch.manual_seed(0)
    family = StyleGAN2ADA(StyleGAN2ADA.presets["tiny"])
    tensors = {f"family.{name}": t for name, t in family.state_dict().items()}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not name.endswith("resample_filter"):
            tensor += 0.1 * torch.randn(tensor.shape)
    path = tmp_path / "run" / "snapshots" / "000000000005.safetensors"
    path.parent.mkdir(parents=True)
    told = {"family": family.name, "config": asdict(family.config), "images_seen": 5, "step": 1, "domain": "faces"}
    snapshots.save_at_once({name: t.contiguous() for name, t in tensors.items()}, path, told)
    return path


def forensics(monkeypatch, capfd, *words: object) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["forensics", *map(str, words)])
    code = 0
    try:
        cli.main()
    except SystemExit as exit_:
        code = exit_.code or 0
    return code, capfd.readouterr().err.strip()


def test_a_run_goes_through_both_codes_and_comes_back(snapshot, tmp_path):
    ours = snapshots.read(snapshot)[0]
    first, second = tmp_path / "a.pt", tmp_path / "b.pt"
    assert "left away" not in " ".join(convert(snapshot, first))
    parts = {}
    for network, place in (("G_ema", "average"), ("G", "generator"), ("D", "discriminator")):
        path = tmp_path / f"{network}.safetensors"
        convert(first, path, network)
        direct = tmp_path / f"direct-{network}.safetensors"
        convert(snapshot, direct, network)
        parts[network] = load_file(path)
        names = {n.removeprefix(f"family.{place}."): t for n, t in ours.items() if n.startswith(f"family.{place}.")}
        assert names.keys() == parts[network].keys()
        assert all(torch.equal(parts[network][n], t) for n, t in names.items())
        assert path.read_bytes() == direct.read_bytes()
    convert(tmp_path / "G_ema.safetensors", second, "G_ema")
    third = tmp_path / "c.safetensors"
    convert(second, third)
    assert third.read_bytes() == (tmp_path / "G_ema.safetensors").read_bytes()
    pictures = [load(path).picture(3, 0.7) for path in (snapshot, first, third)]
    assert all(np.array_equal(pictures[0], picture) for picture in pictures)
    assert load(first).told["domain"] == "faces"
    assert load(first).family.name == "stylegan2-ada"


def test_what_ships_is_forged_the_same_from_either_file(tmp_path):
    weights = [tmp_path / "a.safetensors", tmp_path / "a.pt"]
    for path in weights:
        convert("stylegan2", path)
    truth = load("stylegan2").picture(7)
    assert all(np.array_equal(load(path).picture(7), truth) for path in weights)


def test_names_and_header_are_nvidias(tmp_path):
    data, network = nvidia_generator(replace(PLAIN, labels=2, clamp=3.0, mapping_lr=0.1))
    (tmp_path / "a.pkl").write_bytes(data)
    convert(tmp_path / "a.pkl", tmp_path / "a.safetensors")
    network.load_state_dict(load_file(tmp_path / "a.safetensors"))
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        header = json.loads(file.metadata()["nvidia"])
    assert header["network"] == "G_ema"
    assert header["kwargs"]["z_dim"] == 8
    assert header["kwargs"]["mapping_kwargs"]["lr_multiplier"] == 0.1
    assert header["kwargs"]["synthesis_kwargs"]["conv_clamp"] == 3.0
    assert load(tmp_path / "a.safetensors").classes == ("0", "1")


def test_earlier_generators_become_exports_of_ours(tmp_path):
    p, s = ProGAN(), StyleGAN()
    old = tf_network(2, p.v, {}, {})
    parts = {"mapping": tf_network(3, s.mapping, {}, {}), "synthesis": tf_network(3, s.synthesis, {}, {})}
    newer = tf_network(3, s.main, {}, parts)
    for name, data in (
        ("progan", tf_pickle((old, None, old), "tfutil")),
        ("stylegan", tf_pickle((newer, None, newer))),
    ):
        path, out = tmp_path / f"{name}.pkl", tmp_path / f"{name}.safetensors"
        path.write_bytes(data)
        convert(path, out)
        assert load(out).family.name == name == load(path).family.name
        assert np.array_equal(load(out).picture(5), load(path).picture(5))
        with pytest.raises(Refusal, match=r"name a \.safetensors"):
            convert(path, tmp_path / "no.pt")


def test_the_command_line(shared, monkeypatch, capfd, tmp_path):
    """As a user would: convert, forge from each, and the same pictures."""
    given, out = shared / "interop" / "nvidia_tripwire.pkl", tmp_path / "a.safetensors"
    code, said = forensics(monkeypatch, capfd, "convert", given, out)
    assert code == 0
    assert "NVIDIA's PyTorch code" in said
    assert "G_ema: StyleGAN2 generator (skip), 32x32, 3 channels, 4 labels, z 64, w 64" in said
    assert "G, D: left away" in said
    code, said = forensics(monkeypatch, capfd, "convert", given, out)
    assert (code, "exists already" in said) == (2, True)
    pictures = []
    for number, weights in enumerate((given, out, shared / "interop" / "tf_sg2_tripwire.pkl")):
        code, said = forensics(
            monkeypatch, capfd, "forge", weights, "--seeds", "0-1", "--out", tmp_path / str(number)
        )
        assert code == 0, said
        pictures.append(load(weights).picture(1))
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])
    code, said = forensics(monkeypatch, capfd, "convert", given, tmp_path / "a.pt")
    assert (code, "labels 4" in said) == (2, True)
    code, _ = forensics(monkeypatch, capfd, "convert", given, tmp_path / "d.safetensors", "--network", "D")
    assert code == 0
    code, said = forensics(monkeypatch, capfd, "forge", tmp_path / "d.safetensors", "--out", tmp_path / "d")
    assert (code, "holds D only" in said) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("dcgan OUT.safetensors", "StyleGAN2's can be converted"),
        ("stylegan2 OUT.pkl", "must end in"),
        ("stylegan2 OUT.pt --network H", "must be one of G_ema, G, D"),
        ("stylegan2 OUT.pt --network D", "holds no D; it has G_ema"),
        ("nowhere.pkl OUT.pt", "no such run, weights file or family"),
    ],
)
def test_refusals(monkeypatch, capfd, tmp_path, words, said):
    code, told = forensics(monkeypatch, capfd, "convert", *words.replace("OUT", str(tmp_path / "out")).split())
    assert code == 2
    assert said in told
    assert len(told.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_another_shape_than_a_square_is_refused(tmp_path):
    config = replace(StyleGAN2.presets["tiny"], start=(4, 3))
    tensors = {f"family.{n}": t for n, t in StyleGAN2(config).state_dict().items()}
    told = {"family": "stylegan2", "config": asdict(config)}
    snapshots.save_at_once(tensors, tmp_path / "a.safetensors", told)
    with pytest.raises(Refusal, match="squares only"):
        convert(tmp_path / "a.safetensors", tmp_path / "b.pt")


def test_a_training_starts_from_somebody_elses_networks(tmp_path):
    critic = StyleGAN2(StyleGAN2.presets["tiny"]).discriminator
    network = seeded(PLAIN)
    told = CriticOptions(0, 16, 3, 64, 8).kwargs()
    both = {"G_ema": persistent(network, "Generator", PLAIN.kwargs(), {})}
    both["D"] = persistent(critic, "Discriminator", told, {})
    path = tmp_path / "a.pkl"
    path.write_bytes(nvidia(both))
    assert describe(path)["family"] == "stylegan2"
    family = StyleGAN2(StyleGAN2.presets["tiny"])
    lines = transfer(path, family)
    assert any("generator: 100.0%" in line for line in lines)
    assert any("discriminator: 100.0%" in line for line in lines)
    assert torch.equal(family.generator.synthesis.b16.conv1.weight, network.synthesis.b16.conv1.weight)
    assert torch.equal(family.discriminator.b16.conv0.weight, critic.b16.conv0.weight)
    odd = replace(PLAIN, activation="relu")
    path.write_bytes(nvidia_generator(odd)[0])
    with pytest.raises(Refusal, match="activation relu, which no training of ours has"):
        as_snapshot(path)


def test_a_damaged_header_is_refused(tmp_path):
    painter = Painter(PLAIN, seeded(PLAIN).state_dict())
    path = tmp_path / "a.safetensors"
    named.write(painter, "G_ema", {}, path)
    tensors = load_file(path)
    for header in ("{", "[]", json.dumps({"network": "X", "kwargs": {}}), "[" * 100_000):
        save_file(tensors, path, metadata={"nvidia": header})
        with pytest.raises(Refusal, match="damaged"):
            reading.read(path)
    save_file(tensors, path, metadata={"nvidia": json.dumps({"network": "D", "kwargs": PLAIN.kwargs()})})
    with pytest.raises(Refusal, match="z_dim"):
        reading.read(path).network("D")


def test_a_safetensors_file_may_begin_as_a_pickle_does(tmp_path):
    """Its first byte is the lowest of its header's length."""
    painter, path = Painter(PLAIN, seeded(PLAIN).state_dict()), tmp_path / "a.safetensors"
    named.write(painter, "G_ema", {"domain": ""}, path)
    named.write(painter, "G_ema", {"domain": "x" * ((0x80 - path.read_bytes()[0]) % 256)}, path)
    assert path.read_bytes()[0] == 0x80
    other = tmp_path / "a.weights"
    other.write_bytes(path.read_bytes())
    for there in (path, other):
        assert reading.is_theirs(there)
        assert reading.read(there).network("G_ema").options == PLAIN
