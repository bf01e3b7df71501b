"""TensorFlow's pickles: the tripwire is the fixture's network; ProGAN and StyleGAN paint what plain numpy paints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from forensics.refusal import Refusal
from generators.interop import reading
from generators.interop.networks import built
from generators.interop.options import CriticOptions, GeneratorOptions
from generators.interop.painting import painter
from generators.styled import Styled, nearer
from tests.generators.interop.layouts import seeded, tf_network, tf_pickle
from tests.generators.interop.tf_reference import ProGAN, StyleGAN

NEAR = 3e-6  # scales are applied in float32


def write(tmp_path, data: bytes):
    path = tmp_path / "network.pkl"
    path.write_bytes(data)
    return path


def painted(path, z: np.ndarray, truncation: float = 1.0) -> np.ndarray:
    family, _ = painter(path)
    network, latents = family.average.double().eval(), torch.from_numpy(z)
    with torch.no_grad():
        if not isinstance(family, Styled):
            return network(latents).numpy()
        return family.paint(nearer(family.to_w(latents), family.mean_w, truncation, family.reach)).numpy()


def off(ours: np.ndarray, truth: np.ndarray) -> float:
    assert ours.shape == truth.shape
    return float(np.linalg.norm(ours - truth) / np.linalg.norm(truth))


def progan(reference: ProGAN, **options) -> bytes:
    told = {"num_channels": 3, "resolution": reference.resolution, "label_size": 0, "fmap_base": 32, **options}
    if not reference.wscale:
        told["use_wscale"] = False
    network = tf_network(2, reference.v, told, {})
    network.state.pop("components")  # ProGAN's have none
    return tf_pickle((network, None, network), "tfutil", 4)


def stylegan(reference: StyleGAN, **options) -> bytes:
    told = {"num_channels": 3, "resolution": reference.resolution, "label_size": 0, "fmap_base": 32, **options}
    told |= {} if reference.wscale else {"use_wscale": False}
    told |= {} if reference.fused == "auto" else {"fused_scale": reference.fused}
    told |= {} if reference.lrmul == 0.01 else {"mapping_lrmul": reference.lrmul}
    parts = {"mapping": reference.mapping, "synthesis": reference.synthesis}
    components = {name: tf_network(3, variables, {}, {}) for name, variables in parts.items()}
    network = tf_network(3, reference.main, told, components)
    return tf_pickle((network, None, network))


@pytest.fixture
def z() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, 6))


@pytest.mark.parametrize("lod", [0.0, 1.0, 0.25], ids="whole half fading".split())
@pytest.mark.parametrize("wscale", [True, False], ids="run-time scale,scaled".split(","))
@pytest.mark.parametrize("fused", [True, False], ids="fused apart".split())
def test_a_progan_paints_what_numpy_does(tmp_path, z, fused, wscale, lod):
    reference = ProGAN(fused=fused, wscale=wscale, lod=lod)
    path = write(tmp_path, progan(reference))
    truth = reference.pictures(z)
    ours = painted(path, z)
    assert off(ours.repeat(16 // ours.shape[2], 2).repeat(16 // ours.shape[3], 3), truth) < NEAR


@pytest.mark.parametrize(
    "reference",
    [
        StyleGAN(),
        StyleGAN(fused=True),
        StyleGAN(wscale=False),
        StyleGAN(lrmul=0.1),
        StyleGAN(lod=1.0),
        StyleGAN(lod=0.75),
        StyleGAN(resolution=128, widths=(8, 8, 8, 4, 2, 1)),
    ],
    ids="apart,fused,scaled,multiplier,half,fading,128 px".split(","),
)
def test_a_stylegan_paints_what_numpy_does(tmp_path, z, reference):
    path = write(tmp_path, stylegan(reference))
    family, _ = painter(path)
    mapped = family.average.double().mapping(torch.from_numpy(z)).detach().numpy()
    assert off(mapped, reference.w(z)) < NEAR
    for psi, cutoff in ((1.0, 8), (0.5, 3)):
        cut = write(tmp_path, stylegan(reference, truncation_cutoff=cutoff))
        ours, truth = painted(cut, z, psi), reference.pictures(z, psi, cutoff)
        whole = truth.shape[2] // ours.shape[2]
        assert off(ours.repeat(whole, 2).repeat(whole, 3), truth) < NEAR


def test_what_our_families_cannot_be_is_refused_by_name(tmp_path):
    for data, said in (
        (progan(ProGAN(), label_size=3), "label_size 3: must be 0"),
        (progan(ProGAN(), use_pixelnorm=False), "use_pixelnorm False"),
        (progan(ProGAN(), sharper=1), "sharper, which no network here has"),
        (stylegan(StyleGAN(), label_size=3), "label_size 3"),
        (stylegan(StyleGAN(), blur_filter=[1, 3, 3, 1]), "blur_filter"),
        (stylegan(StyleGAN(lod=7.0)), "level 7.0"),
    ):
        with pytest.raises(Refusal, match=said):
            reading.read(write(tmp_path, data)).network("G_ema")
    reference = StyleGAN()
    reference.mapping["Dense8/weight"] = reference.mapping["Dense7/weight"]
    reference.mapping["Dense8/bias"] = reference.mapping["Dense7/bias"]
    with pytest.raises(Refusal, match="not 8 layers"):
        reading.read(write(tmp_path, stylegan(reference))).network("G_ema")
    reference = ProGAN()
    reference.v["16x16/Conv2/weight"] = reference.v["16x16/Conv1/weight"]
    with pytest.raises(Refusal, match="16x16/Conv2/weight"):
        reading.read(write(tmp_path, progan(reference))).network("G_ema")


def test_the_tripwire_is_the_published_network(shared, tmp_path):
    path = shared / "interop" / "tf_sg2_tripwire.pkl"
    checkpoint = reading.read(path)
    for name, stem in (("G_ema", "sg2_G_skip_cond4"), ("D", "sg2_D_resnet_cond4")):
        found = checkpoint.network(name)
        with np.load(shared / "parity" / f"{stem}.npz", allow_pickle=False) as published:
            truth = {n.removeprefix("state/"): published[n] for n in published.files if n.startswith("state/")}
        assert truth.keys() == found.tensors.keys()
        assert all(np.array_equal(found.tensors[n].numpy(), truth[n]) for n in truth)
    assert checkpoint.network("G").options == checkpoint.network("G_ema").options


def tf_stylegan2(options: GeneratorOptions) -> tuple[bytes, dict[str, torch.Tensor]]:
    """A generator of StyleGAN2, laid out as TensorFlow has it."""
    state = seeded(options).state_dict()
    main, parts = {"lod": np.zeros((), np.float32)}, {"synthesis": {}, "mapping": {}}
    for name, tensor in state.items():
        value, words = tensor.numpy(), name.split(".")
        if name == "mapping.w_avg":
            main["dlatent_avg"] = value
        elif words[0] == "mapping":
            layer = "LabelEmbed" if words[1] == "embed" else words[1].replace("fc", "Dense")
            parts["mapping"][f"{layer}/{words[2]}"] = value.T
        elif words[2] == "const":
            parts["synthesis"]["4x4/Const/const"] = value[None]
        elif not name.endswith("resample_filter"):
            side, layer, part = int(words[1][1:]), words[2], ".".join(words[3:])
            theirs = {"conv0": "Conv0_up", "conv1": "Conv1" if side > 4 else "Conv", "torgb": "ToRGB", "skip": "Skip"}
            at, level = f"{side}x{side}/{theirs[layer]}", side.bit_length() - 1
            if part == "noise_const":
                parts["synthesis"][f"noise{2 * level - (5 if layer == 'conv0' else 4)}"] = value[None, None]
            elif part == "weight":
                value = value[:, :, ::-1, ::-1] if layer in ("conv0", "skip") else value
                parts["synthesis"][f"{at}/weight"] = value.transpose(2, 3, 1, 0)
            elif part == "affine.weight":
                parts["synthesis"][f"{at}/mod_weight"] = value.T
            elif part == "affine.bias":
                parts["synthesis"][f"{at}/mod_bias"] = value - np.float32(1)
            else:
                parts["synthesis"][f"{at}/{part}"] = value
    told = {
        "resolution": options.resolution,
        "architecture": options.architecture,
        "fmap_base": options.base // 2,
        "mapping_nonlinearity": options.mapping_activation,
        "mapping_lrmul": options.mapping_lr,
        "nonlinearity": options.activation,
        "resample_kernel": list(options.filter),
        "conv_clamp": options.clamp,
    }
    made = {name: tf_network(4, v, {}, {}) for name, v in parts.items()}
    network = tf_network(4, main, told, made)
    return tf_pickle((network, None, network)), state


SMALL = GeneratorOptions(latent=8, labels=0, w=8, resolution=16, channels=3, base=64, most=8)


@pytest.mark.parametrize(
    "options",
    [
        SMALL,
        replace(SMALL, architecture="resnet", mapping_layers=2, mapping_lr=0.1),
        replace(SMALL, architecture="orig", labels=3, channels=1, activation="relu", mapping_activation="swish"),
        replace(SMALL, filter=(1.0, 2.0, 1.0), clamp=1.5, latent=6),
        replace(SMALL, labels=2, mapping_width=5, mapping_embed=3),
    ],
    ids="skip resnet orig filter mapping".split(),
)
def test_a_stylegan2_of_any_kind_arrives(tmp_path, options):
    data, state = tf_stylegan2(options)
    found = reading.read(write(tmp_path, data)).network("G_ema")
    assert found.options == replace(options, base=found.options.base, most=found.options.most)
    assert state.keys() == found.tensors.keys()
    for name, tensor in state.items():
        assert torch.allclose(found.tensors[name], tensor, rtol=0, atol=1e-6), name  # a style's 1 is taken and given


def test_labels_from_before_ada_are_refused(tmp_path):
    data, _ = tf_stylegan2(replace(SMALL, labels=3))
    for name in (b"weight", b"bias"):
        data = data.replace(b"LabelEmbed/" + name, b"LabelOther/" + name)
    with pytest.raises(Refusal, match=r"variables that no network here has: mapping/LabelOther"):
        reading.read(write(tmp_path, data)).network("G_ema")
    data = data.replace(b"\x11\0\0\0LabelOther/weight", b"\x12\0\0\0LabelConcat/weight")
    with pytest.raises(Refusal, match=r"labels as StyleGAN2 had them before ADA"):
        reading.read(write(tmp_path, data)).network("G_ema")


def test_a_network_that_is_none_is_refused(tmp_path):
    network = tf_network(9, {}, {}, {})
    with pytest.raises(Refusal, match="version 9; versions 2 to 5"):
        reading.read(write(tmp_path, tf_pickle((network, network, network)))).network("G")
    network = tf_network(4, {"x": np.array(["a"])}, {}, {})
    with pytest.raises(Refusal, match="plain numbers"):
        reading.read(write(tmp_path, tf_pickle((network, network, network)))).network("G")
    network = tf_network(3, {"x": np.zeros(3)}, {}, {})
    checkpoint = reading.read(write(tmp_path, tf_pickle((network, network, network))))
    with pytest.raises(Refusal, match="no generator of ProGAN, StyleGAN or StyleGAN2"):
        checkpoint.network("G")
    with pytest.raises(Refusal, match="discriminator of ProGAN or StyleGAN"):
        checkpoint.network("D")


def test_the_tripwires_critic_is_told_whole(shared):
    found = reading.read(shared / "interop" / "tf_sg2_tripwire.pkl").network("D")
    assert found.options == CriticOptions(4, 32, 3, 512, 32, projected=32)
    built(found.options, "a test", "cpu").load_state_dict(dict(found.tensors))
