"""The classifier in the panel: what it shows is what it decided, and its weights are one safe file."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from detectors.classifier import network as networks
from detectors.classifier.backbone import Backbone
from detectors.classifier.detector import CELL, FULL, LIKE_CAMERA, LIKE_GENERATOR, Classifier, exhibit
from detectors.classifier.heads import PatchHead, score
from detectors.classifier.network import Network, NetworkConfig
from detectors.classifier.patches import Patches
from detectors.classifier.views import see, windows
from forensics.face import largest_face
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.tensors import to_tensor
from forensics.view import at_known_size

SMALL = NetworkConfig(size=64, depth=2, hidden=8, min_face=40)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(1)
    network = Network(SMALL).eval()
    for module in network.modules():  # untrained networks say almost the same everywhere
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=1.5 / module.weight[0].numel() ** 0.5)
    return Classifier(network, "0" * 64)


@pytest.fixture(scope="module")
def portrait(portrait_file) -> Photo:
    return Photo.open(portrait_file)


@pytest.fixture(scope="module")
def patches(classifier) -> Patches:
    network = Network(replace(SMALL, view="patch")).eval()
    network.load_state_dict(classifier.network.state_dict())
    return Patches(network, "0" * 64)


def test_the_cells_are_the_parts_of_the_score(classifier, portrait):
    assert at_known_size(portrait) is portrait
    seen = see(classifier.network, portrait.pixels, largest_face(portrait).frame(SMALL.scale))
    found = classifier.examine(portrait)
    assert seen.cells.shape == (16, 16)
    assert seen.cells.std() > 1e-3
    assert found.score == pytest.approx(seen.cells.mean(), abs=1e-6)
    assert f"{(seen.cells > 0).mean():.0%}" in found.finding


def test_patches_are_the_photo_s_own_pixels(patches, portrait):
    square = largest_face(portrait).frame(SMALL.scale)
    seen = see(patches.network, portrait.pixels, square)
    assert len(seen.places) == 9
    (y, x), middle = seen.places[4], float(seen.cells[4, 0])
    own = to_tensor([portrait.pixels[y : y + 64, x : x + 64]])
    with torch.inference_mode():
        assert float(patches.network(own).mean()) == pytest.approx(middle, abs=1e-4)
    for top, left in seen.places:
        assert 0 <= top <= portrait.height - 64
        assert 0 <= left <= portrait.width - 64
    found = patches.examine(portrait)
    assert found.score == pytest.approx(seen.cells.mean(), abs=1e-6)
    assert f"{(seen.cells > 0).sum()} of 9" in found.finding
    assert found.exhibit.shape[1] == 480


def test_patches_need_a_face_larger_than_they_are(portrait):
    square = np.array([(20, 20), (20, 60), (60, 60), (60, 20)], np.float32)
    assert windows((300, 300), square, 64) == []
    assert windows((90, 60), square * 2, 64) == []
    assert len(windows((300, 300), square * 3, 64)) == 9
    share = 44 / largest_face(portrait).height
    small = Photo.from_pixels(cv2.resize(portrait.pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA))
    large = Network(replace(SMALL, view="patch", size=96)).eval()
    found = Patches(large, None).examine(small)
    assert found.score is None
    assert "too small for patches of 96 px" in found.finding or "No face" in found.finding


def test_weights_of_one_view_are_not_taken_for_the_other(classifier, tmp_path):
    networks.save(classifier.network, tmp_path / "patches.safetensors", {})
    with pytest.raises(Refusal, match="sees whole, not patch"):
        Patches.load(tmp_path)


def test_a_mirrored_photo_gets_the_same_score(classifier, portrait):
    """Both sides are always seen, so only rounding remains."""
    square = largest_face(portrait).frame(SMALL.scale)
    turned = square.copy()
    turned[:, 0] = portrait.width - turned[:, 0]
    one = see(classifier.network, portrait.pixels, square).cells
    other = see(classifier.network, portrait.pixels[:, ::-1], turned[[3, 2, 1, 0]]).cells
    assert other.mean() == pytest.approx(one.mean(), abs=0.05 * float(one.std()) + 1e-3)


def test_a_face_at_the_border_is_marked_inside_the_photo(classifier, portrait):
    left, top, right, bottom = largest_face(portrait).box
    tight = Photo.from_pixels(
        np.ascontiguousarray(portrait.pixels[top + 10 : bottom - 5, max(0, left) + 6 : right - 6])
    )
    found = classifier.examine(tight)
    assert found.score is not None
    (mark,) = found.marks
    assert mark.left >= 0
    assert mark.top >= 0
    assert mark.left + mark.width <= tight.width
    assert mark.top + mark.height <= tight.height


def test_it_is_silent_with_a_reason(classifier, portrait, scene_file):
    blank = Photo.from_pixels(np.full((200, 200, 3), 127, np.uint8))
    assert classifier.examine(blank).score is None
    assert "No face" in classifier.examine(blank).finding
    share = 32 / largest_face(portrait).height
    small = Photo.from_pixels(cv2.resize(portrait.pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA))
    found = classifier.examine(small)
    assert found.score is None
    assert "40 px are needed" in found.finding or "No face" in found.finding


def test_the_exhibit_shows_each_cell_in_its_colour():
    view = np.full((80, 80, 3), 128, np.uint8)
    shown = exhibit(view, np.array([[FULL, -FULL], [0.0, 2 * FULL]], np.float32), 1.0)
    assert shown.shape == (80 + CELL - 4, 80, 3)
    top_left, top_right, bottom_left, bottom_right = (shown[y, x].astype(int) for y in (20, 60) for x in (20, 60))
    assert np.abs(top_left - (0.4 * 128 + 0.6 * np.array(LIKE_GENERATOR))).max() <= 1
    assert np.abs(top_right - (0.4 * 128 + 0.6 * np.array(LIKE_CAMERA))).max() <= 1
    assert (bottom_left == 128).all()
    assert (bottom_right == top_left).all()


def test_weights_come_back_as_they_were_saved(tmp_path, classifier, portrait):
    networks.save(classifier.network, tmp_path / "classifier.safetensors", {"note": "a test"})
    loaded = Classifier.load(tmp_path)
    assert loaded.network.config == SMALL
    assert len(loaded.weights) == 64
    assert (tmp_path / "classifier.safetensors").stat().st_size < 20 * 2**20
    before, after = classifier.examine(portrait).score, loaded.examine(portrait).score
    assert after == pytest.approx(before, rel=0.02, abs=0.02)  # float16 on disk


@pytest.mark.parametrize("content", [None, b"", b"not safetensors at all", b"\x80\x04K\x01."])
def test_missing_or_broken_weights_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "classifier.safetensors").write_bytes(content)
    with pytest.raises(Refusal, match=r"classifier\.safetensors"):
        Classifier.load(tmp_path)


def test_weights_of_something_else_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3)}, tmp_path / "classifier.safetensors", {"config": '{"depth": 2}'})
    with pytest.raises(Refusal, match="no weights of this classifier"):
        Classifier.load(tmp_path)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6, 7])
def test_the_backbone_says_what_it_gives(depth):
    backbone = Backbone(depth).eval()
    with torch.inference_mode():
        features = backbone(torch.zeros(1, 3, 64, 64))
    assert features.shape == (1, backbone.channels, 64 // backbone.stride, 64 // backbone.stride)


def test_a_cell_depends_on_its_own_features_only():
    head = PatchHead(4, 8).eval()
    features = torch.randn(1, 4, 3, 3, requires_grad=True)
    head(features)[0, 1, 2].backward()
    touched = features.grad[0].abs().sum(0) > 0
    assert touched[1, 2]
    assert touched.sum() == 1
    assert score(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])).tolist() == [3.0]


def test_the_backbone_starts_from_tensors_in_order_whatever_their_names(tmp_path):
    import timm
    from safetensors.torch import save_file

    whole = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    state = {f"_{i}.other": t.contiguous() for i, t in enumerate(whole.state_dict().values())}
    path = tmp_path / "imagenet.safetensors"
    save_file(state, path, {"order": json.dumps(list(state))})
    network = Network(replace(SMALL, depth=3))
    assert networks.start_from(network, path) == "ImageNet weights (imagenet.safetensors)"
    assert torch.equal(network.backbone.stem[0].weight, whole.conv_stem.weight)
    assert torch.equal(network.backbone.stages[2][1].conv_pw.weight, whole.blocks[2][1].conv_pw.weight)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(Refusal, match="1 tensors"):
        networks.start_from(network, path)
    with pytest.raises(Refusal, match="init"):
        networks.start_from(network, tmp_path / "absent.safetensors")


def test_timm_is_imported_where_torchvision_lacks_its_operators():
    import timm

    import detectors.torchvision_ops as ops

    ops.state_missing_schemas()  # again, which must not clash
    assert timm.__version__
    assert torch.ops.torchvision.nms
    assert torch.ops.torchvision.qnms


def test_operators_of_a_whole_torchvision_are_left_alone():
    """In a fresh process, where operators are defined before, as torchvision's own library does."""
    code = """
import sys, types, torch
package = types.ModuleType("detectors"); package.__path__ = ["detectors"]
sys.modules["detectors"] = package  # without the panel
library = torch.library.Library("torchvision", "FRAGMENT")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.impl("nms", lambda dets, scores, threshold: torch.arange(7), "CPU")
from detectors.torchvision_ops import state_missing_schemas
state_missing_schemas()
assert len(torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)) == 7
"""
    from forensics.places import HOUSE

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HOUSE, timeout=120)
    assert done.returncode == 0, done.stderr[-800:]


def test_configuration_is_frozen():
    with pytest.raises(AttributeError):
        replace(SMALL, size=32).size = 1
