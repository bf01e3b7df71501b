"""Authors' files are read by their names, and whatever else a file holds is refused in one line."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from detectors.published import PUBLISHED, clip, mesonet, npr
from detectors.published.detector import PublishedDetector
from detectors.published.mesonet import Meso4, MesoInception4
from detectors.published.npr import NPR
from detectors.published.tiny_ladeda import TinyLaDeDa
from forensics.photo import Photo
from forensics.refusal import Refusal
from tests.detectors.published.authors import (
    SMALL,
    SmallLaDeDa,
    SmallRINE,
    SmallUnivFD,
    openai_layout,
    random_state,
    timm_layout,
)


@pytest.fixture(scope="module")
def photo() -> Photo:
    return Photo.from_pixels(np.random.default_rng(0).integers(0, 255, (240, 260, 3), np.uint8))


def loaded(detector: type[PublishedDetector], folder: Path, photo: Photo) -> float:
    return detector.load(folder).examine(photo).score


@pytest.mark.parametrize("wrap", ["bare", "model", "state_dict", "module.", "safetensors", "no counters"])
def test_a_checkpoint_is_read_however_it_is_wrapped(tmp_path, photo, wrap):
    network = npr.Network().eval()
    state = random_state(network)
    network.load_state_dict(state)
    expected = NPR(network).examine(photo).score
    kept = {
        "bare": state,
        "model": {"model": state, "optimizer": {"state": {}, "param_groups": []}, "total_steps": 7},
        "state_dict": {"state_dict": state, "epoch": 3},
        "module.": {"model": {f"module.{key}": tensor for key, tensor in state.items()}},
        "safetensors": state,
        "no counters": {key: tensor for key, tensor in state.items() if "num_batches" not in key},
    }[wrap]
    if wrap == "safetensors":
        save_file(kept, tmp_path / "npr.safetensors")
    else:
        torch.save(kept, tmp_path / "npr.pth")
    detector = NPR.load(tmp_path)
    assert len(detector.weights) == 64
    assert detector.examine(photo).score == pytest.approx(expected, rel=1e-5)
    assert not detector.network.training


def test_half_precision_is_read_as_float32(tmp_path):
    state = {key: t.half() if t.is_floating_point() else t for key, t in random_state(npr.Network()).items()}
    torch.save(state, tmp_path / "npr.pth")
    assert NPR.load(tmp_path).network.conv1.weight.dtype == torch.float32


@pytest.mark.parametrize("layout", [openai_layout, timm_layout])
@pytest.mark.parametrize("prefix", ["", "fc."])
def test_univfd_is_its_head_over_clip(tmp_path, photo, layout, prefix):
    encoder = clip.Clip(SMALL).eval()
    encoder.load_state_dict(random_state(encoder))
    torch.save({f"{prefix}weight": torch.randn(1, 24), f"{prefix}bias": torch.ones(1)}, tmp_path / "univfd.pth")
    with pytest.raises(Refusal, match="CLIP ViT-L/14: no weights"):
        SmallUnivFD.load(tmp_path)
    save_file({k: t.clone() for k, t in layout(encoder).items()}, tmp_path / "clip_vitl14.safetensors")
    detector = SmallUnivFD.load(tmp_path)
    first = detector.examine(photo)
    view = detector.view(photo)
    assert view.pixels.shape == (224, 224, 3)
    assert np.isfinite(first.score)
    with torch.no_grad():
        detector.network.head.bias += 1.0
    assert detector.examine(photo).score == pytest.approx(first.score + 1, abs=1e-4)
    torch.save({"weight": torch.zeros(1, 24), "bias": torch.full((1,), 2.5)}, tmp_path / "univfd.pth")
    other = SmallUnivFD.load(tmp_path)
    assert other.weights != detector.weights
    assert other.examine(photo).score == 2.5


@pytest.mark.parametrize(("width", "layers"), [(16, 4), (24, 2)])
def test_rine_reads_its_width_and_depth_off_the_file(tmp_path, photo, width, layers):
    encoder = clip.Clip(SMALL)
    state = {"alpha": torch.randn(1, SMALL.depth, width)}
    for part, inside in (("proj1", SMALL.width), ("proj2", width)):
        for number in range(layers):
            state[f"{part}.{1 + 3 * number}.weight"] = torch.randn(width, width if number else inside) / 4
            state[f"{part}.{1 + 3 * number}.bias"] = torch.zeros(width)
    for place, outside in ((0, width), (3, width), (6, 1)):
        state[f"head.{place}.weight"], state[f"head.{place}.bias"] = torch.randn(outside, width), torch.ones(outside)
    torch.save(state, tmp_path / "rine.pth")
    encoder.load_state_dict(random_state(encoder))
    torch.save(openai_layout(encoder), tmp_path / "clip_vitl14.pth")
    detector = SmallRINE.load(tmp_path)
    assert detector.network.head.alpha.shape == (1, SMALL.depth, width)
    assert np.isfinite(detector.examine(photo).score)
    del state["head.3.bias"]
    torch.save(state, tmp_path / "rine.pth")
    with pytest.raises(Refusal, match=r"not RINE .*'head.3.bias'"):
        SmallRINE.load(tmp_path)


def test_ladedas_checkpoint_is_read(tmp_path, photo):
    network = SmallLaDeDa.built({}).eval()
    state = random_state(network)
    network.load_state_dict(state)
    torch.save(state, tmp_path / "ladeda.NPR.pth")
    expected = SmallLaDeDa(network, variant="NPR").examine(photo).score
    assert loaded(SmallLaDeDa, tmp_path, photo) == pytest.approx(expected, rel=1e-5)


def test_the_residual_must_be_named(tmp_path, photo):
    detector = TinyLaDeDa
    stem, state = detector.manifest.stem, random_state(detector.built({}))
    torch.save(state, tmp_path / f"{stem}.pth")
    with pytest.raises(Refusal, match=rf"{stem}\.RESIDUAL\.pth, RESIDUAL being one of NPR, raw, x_grad"):
        detector.load(tmp_path)
    (tmp_path / f"{stem}.pth").rename(tmp_path / f"{stem}.NPR.pth")
    npr_score = loaded(detector, tmp_path, photo)
    (tmp_path / f"{stem}.NPR.pth").rename(tmp_path / f"{stem}.right_diag.pth")
    assert loaded(detector, tmp_path, photo) != pytest.approx(npr_score, rel=1e-3)
    torch.save(state, tmp_path / f"{stem}.raw.pth")
    with pytest.raises(Refusal, match="keep one of them"):
        detector.load(tmp_path)


class Command:
    """What a hostile pickle does when it is opened."""

    def __init__(self, told: Path):
        self.told = told

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.told}",)


@pytest.mark.parametrize("how", ["torch", "pickle", "inside a state dict"])
def test_a_hostile_checkpoint_is_refused_and_not_run(tmp_path, how):
    told, path = tmp_path / "it-ran", tmp_path / "npr.pth"
    if how == "pickle":
        path.write_bytes(pickle.dumps(Command(told)))
    elif how == "torch":
        torch.save(Command(told), path)
    else:
        torch.save({"model": {**random_state(npr.Network()), "conv1.weight": Command(told)}}, path)
    with pytest.raises(Refusal) as refused:
        NPR.load(tmp_path)
    assert not told.exists()
    assert "\n" not in str(refused.value)
    assert "nothing is run" in str(refused.value)
    assert "expected: NPR.pth" in str(refused.value)
    assert "weights_only" not in str(refused.value), "torch's hint says how to run it"


def test_a_programme_is_no_checkpoint(tmp_path):
    """As OpenAI's own ViT-L-14.pt is."""
    torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2)).save(str(tmp_path / "npr.pth"))
    with pytest.raises(Refusal, match="nothing is run"):
        NPR.load(tmp_path)


def damaged(**changes) -> dict[str, torch.Tensor]:
    return random_state(npr.Network()) | changes


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([torch.zeros(3)], "holds a list"),
        ({"epoch": 3}, "no tensors by name"),
        ({"fc.weight": torch.zeros(1, 2048)}, r"146 of 146 tensors are missing, 'conv1.weight'|tensors are missing"),
        (damaged(extra=torch.zeros(1)), "1 are unknown, 'extra' first"),
        (
            damaged(**{"conv1.weight": torch.zeros(64, 3, 7, 7)}),
            r"'conv1.weight' is \(64, 3, 7, 7\), not \(64, 3, 3, 3\)",
        ),
        (damaged(**{"fc1.bias": torch.tensor([float("nan")])}), "no numbers"),
        (damaged(**{"fc1.weight": torch.zeros(1, 512).to_sparse()}), "'fc1.weight' first"),
        (damaged(**{"conv1.weight": torch.zeros(1).expand(10**6, 10**6)}), "not NPR"),
    ],
)
def test_a_wrong_file_is_refused_with_what_was_expected(tmp_path, content, complaint):
    torch.save(content, tmp_path / "npr.pth")
    with pytest.raises(Refusal, match=complaint) as refused:
        NPR.load(tmp_path)
    assert "\n" not in str(refused.value)
    assert "npr.pth" in str(refused.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x80", b"PK\x03\x04 cut short", b"hello", bytes(1000)])
def test_rubbish_is_refused_in_one_line(tmp_path, content, suffix):
    (tmp_path / f"npr{suffix}").write_bytes(content)
    with pytest.raises(Refusal, match=r"expected: NPR\.pth") as refused:
        NPR.load(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("detector", PUBLISHED, ids=lambda d: d.name)
def test_missing_weights_say_what_to_put_where(tmp_path, detector):
    with pytest.raises(Refusal) as refused:
        detector.load(tmp_path)
    text = str(refused.value)
    assert "\n" not in text
    assert str(tmp_path) in text
    assert detector.manifest.file in text
    assert detector.manifest.published_as in text
    assert "http" not in text


def test_two_files_are_one_too_many(tmp_path):
    for suffix in (".pth", ".safetensors"):
        (tmp_path / f"npr{suffix}").touch()
    with pytest.raises(Refusal, match=r"npr\.pth and npr\.safetensors"):
        NPR.load(tmp_path)


def keras_file(path: Path, network: torch.nn.Module, state: dict[str, torch.Tensor], inside: str) -> None:
    """As Keras writes it, layers numbered from 5 on: past 9, order by letters is not order by numbers."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: reading Keras' files was NOT checked")
    kinds = {torch.nn.Conv2d: "conv2d", torch.nn.BatchNorm2d: "batch_normalization", torch.nn.Linear: "dense"}
    words = {"running_mean": "moving_mean", "running_var": "moving_variance", "bias": "beta", "weight": "gamma"}
    counts = dict.fromkeys(kinds.values(), 5)
    with h5py.File(path, "w") as file:
        for name, module in network.named_modules():
            if type(module) not in kinds:
                continue
            kind = kinds[type(module)]
            layer = f"{inside}{kind}_{counts[kind]}/{kind}_{counts[kind]}"
            counts[kind] += 1
            for part in ("weight", "bias", "running_mean", "running_var"):
                if f"{name}.{part}" not in state:
                    continue
                values = state[f"{name}.{part}"].numpy()
                word = words[part] if kind == "batch_normalization" else {"weight": "kernel", "bias": "bias"}[part]
                if word == "kernel":
                    values = values.transpose(2, 3, 1, 0) if values.ndim == 4 else values.T
                file[f"{layer}/{word}:0"] = values


@pytest.mark.parametrize("detector", [Meso4, MesoInception4])
@pytest.mark.parametrize("inside", ["", "model_weights/"])
def test_keras_files_are_read(tmp_path, detector, inside):
    network = detector.built({})
    state = random_state(network)
    keras_file(tmp_path / f"{detector.manifest.stem}.h5", network, state, inside)
    read = detector.load(tmp_path).network.state_dict()
    for key, tensor in state.items():
        assert torch.equal(read[key], tensor), key


def test_a_keras_file_of_the_other_network_is_refused(tmp_path):
    other = mesonet.MesoInception4Network()
    keras_file(tmp_path / "meso4.h5", other, random_state(other), "")
    with pytest.raises(Refusal, match="16 conv2d layers, not 4"):
        Meso4.load(tmp_path)
    (tmp_path / "meso4.h5").write_bytes(b"no such thing")
    with pytest.raises(Refusal, match="no Keras file"):
        Meso4.load(tmp_path)


def test_without_h5py_a_keras_file_says_what_to_do(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "meso4.h5").touch()
    with pytest.raises(Refusal, match=r"pip install h5py.*\.safetensors"):
        Meso4.load(tmp_path)


@pytest.mark.parametrize("detector", [Meso4, MesoInception4])
def test_mesonets_are_read_as_safetensors_too(tmp_path, detector):
    state = random_state(detector.built({}))
    save_file(state, tmp_path / f"{detector.manifest.stem}.safetensors")
    read = detector.load(tmp_path).network.state_dict()
    assert all(torch.equal(read[key], tensor) for key, tensor in state.items())
