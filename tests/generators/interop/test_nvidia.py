"""NVIDIA's PyTorch pickles: the tripwire loads and paints the published pictures; every variant arrives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from forensics.refusal import Refusal
from generators.interop import reading
from generators.interop.networks import built
from generators.interop.options import CriticOptions, GeneratorOptions
from tests.generators.interop.layouts import EasyDict, nvidia, nvidia_generator, persistent, seeded

PLAIN = GeneratorOptions(latent=8, labels=0, w=8, resolution=16, channels=3, base=64, most=8)
CRITIC = CriticOptions(labels=0, resolution=16, channels=3, base=64, most=8)


def write(tmp_path, data: bytes):
    path = tmp_path / "network.pkl"
    path.write_bytes(data)
    return path


def published(shared, stem: str) -> dict[str, torch.Tensor]:
    with np.load(shared / "parity" / f"{stem}.npz", allow_pickle=False) as file:
        return {name: torch.from_numpy(np.array(file[name])) for name in file.files}


def off(ours: torch.Tensor, truth: torch.Tensor) -> float:
    return float((ours - truth).norm() / truth.norm())


@torch.no_grad()
def test_the_tripwire_paints_the_published_pictures(shared):
    checkpoint = reading.read(shared / "interop" / "nvidia_tripwire.pkl")
    assert tuple(checkpoint.makers) == ("G_ema", "G", "D")
    found = checkpoint.network("G_ema")
    network = built(found.options, "a test", "cpu").double().eval()
    network.load_state_dict(dict(found.tensors))
    truth = published(shared, "sg2_G_skip_cond4")
    z, labels = truth["in/z"].double(), truth["in/c"].double()
    ws = network.mapping(z, labels)
    assert off(ws, truth["out64/w"]) < 1e-10
    assert off(network.mapping(z, labels, 0.5, 4), truth["out/w_psi0.5_cutoff4"]) < 1e-5
    assert off(network.synthesis(ws, "const"), truth["out64/img_const"]) < 1e-10
    assert off(network(z, labels, 0.7), truth["out/img_psi0.7_const"]) < 1e-5


@torch.no_grad()
def test_the_tripwires_discriminator_judges_as_published(shared):
    found = reading.read(shared / "interop" / "nvidia_tripwire.pkl").network("D")
    network = built(found.options, "a test", "cpu").double().eval()
    network.load_state_dict(dict(found.tensors))
    truth = published(shared, "sg2_D_resnet_cond4")
    logits = network(truth["in/img"].double(), truth["in/c"].double())
    assert off(logits, truth["out64/logits"].squeeze()) < 1e-10


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "options",
    [
        PLAIN,
        replace(PLAIN, architecture="resnet", labels=3, mapping_layers=2),
        replace(PLAIN, architecture="orig", channels=1, clamp=1.5, noise=False),
        replace(PLAIN, activation="relu", filter=(1.0, 2.0, 1.0), half=2, latent=6, channels=4),
        replace(PLAIN, labels=2, mapping_width=5, mapping_embed=3, mapping_activation="swish", mapping_lr=0.1),
    ],
    ids="skip resnet orig filter mapping".split(),
)
def test_every_kind_of_generator_arrives(tmp_path, options, protocol):
    data, network = nvidia_generator(options, protocol=protocol)
    found = reading.read(write(tmp_path, data)).network("G_ema")
    assert found.options == options
    state = network.state_dict()
    assert state.keys() == found.tensors.keys()
    assert all(torch.equal(state[name], found.tensors[name]) for name in state)


@pytest.mark.parametrize(
    "options",
    [
        CRITIC,
        replace(CRITIC, architecture="skip", channels=1, clamp=2.0, group=2, statistics=2),
        replace(CRITIC, architecture="orig", labels=3, projected=6, mapping_layers=2, mapping_width=5, statistics=0),
        replace(CRITIC, group=None, activation="relu"),
    ],
    ids="resnet skip orig batch".split(),
)
def test_every_kind_of_discriminator_arrives(tmp_path, options):
    network = seeded(options)
    data = nvidia({"D": persistent(network, "Discriminator", options.kwargs(), {})})
    checkpoint = reading.read(write(tmp_path, data))
    found = checkpoint.network("D")
    assert found.options == options
    assert all(torch.equal(tensor, found.tensors[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(Refusal, match="holds no G_ema; it has D"):
        checkpoint.network("G_ema")


def test_the_code_of_stylegan3_tells_flat_and_leaves_its_own_defaults_to_the_layers(tmp_path):
    options = replace(PLAIN, clamp=256.0, half=1, labels=2)
    network = seeded(options)
    kwargs = EasyDict(
        z_dim=8,
        c_dim=2,
        w_dim=8,
        img_resolution=16,
        img_channels=3,
        mapping_kwargs=EasyDict(),
        channel_base=64,
        channel_max=8,
        fused_modconv_default="inference_only",
    )
    layers = {
        "synthesis.b4": {"architecture": "skip", "use_fp16": False},
        "synthesis.b16": {"architecture": "skip", "use_fp16": True},
        "synthesis.b4.conv1": {"activation": "lrelu", "conv_clamp": 256, "use_noise": True},
        "mapping": {"num_layers": 8, "w_avg_beta": 0.998},
        "mapping.fc0": {"activation": "lrelu", "bias_gain": np.float32(0.01)},
    }
    pickled = persistent(network, "Generator", kwargs, layers)
    found = reading.read(write(tmp_path, nvidia({"G_ema": pickled}))).network("G_ema")
    assert found.options == replace(options, w_beta=0.998, mapping_lr=float(np.float32(0.01)))


def test_frozen_layers_lie_among_the_buffers(tmp_path):
    network = seeded(CRITIC)
    weight = network.b16.conv0.weight.detach()
    del network.b16.conv0.weight
    network.b16.conv0.register_buffer("weight", weight)
    kwargs = CRITIC.kwargs()
    kwargs["block_kwargs"]["freeze_layers"] = 3
    data = nvidia({"D": persistent(network, "Discriminator", kwargs, {})})
    assert torch.equal(reading.read(write(tmp_path, data)).network("D").tensors["b16.conv0.weight"], weight)


def changed(kwargs: dict, **others) -> dict:
    return {**kwargs, **others}


def test_what_is_no_stylegan2_is_refused(tmp_path):
    network, kwargs = seeded(PLAIN), PLAIN.kwargs()
    for kind, told, said in (
        ("Encoder", kwargs, "is a Encoder; Generator and Discriminator"),
        ("Discriminator", kwargs, "no layer at 4x4"),
        ("Generator", changed(kwargs, z_dim=-1), "z_dim -1: must be a whole number"),
        ("Generator", changed(kwargs, z_dim=[8]), "z_dim a list: must be"),
        ("Generator", changed(kwargs, w_dim=9), r"affine.weight is \(8, 8\), not \(8, 9\)"),
        ("Generator", changed(kwargs, img_resolution=24), "img_resolution 24: must be a power of two"),
        ("Generator", changed(kwargs, img_resolution=32), r"\d+ of its \d+ tensors are missing, synthesis.b32"),
        ("Generator", changed(kwargs, gain=2), "gain, which no network here has"),
        ("Generator", changed(kwargs, mapping_kwargs=3), "does not tell its options by name"),
        ("Generator", changed(kwargs, mapping_kwargs={"activation": "exec"}), "activation 'exec': must be one of"),
    ):
        data = nvidia({"G_ema": persistent(network, kind, told, {})})
        with pytest.raises(Refusal, match=said) as refused:
            reading.read(write(tmp_path, data)).network("G_ema")
        assert "\n" not in str(refused.value)
    for content, said in (({"G_ema": 3}, "holds none of"), ([1], "holds none of"), ({}, "holds none of")):
        with pytest.raises(Refusal, match=said):
            reading.read(write(tmp_path, nvidia(content)))


def test_a_weight_that_is_no_number_is_refused(tmp_path):
    network = seeded(PLAIN)
    with torch.no_grad():
        network.mapping.fc3.weight[0, 0] = float("nan")
    data = nvidia({"G_ema": persistent(network, "Generator", PLAIN.kwargs(), {})})
    with pytest.raises(Refusal, match=r"mapping\.fc3\.weight is not finite"):
        reading.read(write(tmp_path, data)).network("G_ema")


def test_stylegan3s_own_networks_are_refused_by_name(tmp_path):
    network = seeded(PLAIN)
    network.synthesis = torch.nn.ModuleDict({"input": torch.nn.Identity(), "L0_36_512": torch.nn.Identity()})
    data = nvidia({"G_ema": persistent(network, "Generator", PLAIN.kwargs(), {})})
    with pytest.raises(Refusal, match="generator of StyleGAN3"):
        reading.read(write(tmp_path, data)).network("G_ema")
