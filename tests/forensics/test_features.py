"""The feature space is the network that it names, sees each picture for itself, and refuses other weights."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from forensics import features
from forensics.features import BLOCKS, FILE, SIDE, EffNetLite0, FirstStages, as_square, features_of, folded, shipped
from forensics.refusal import Refusal


def pictures(n: int, channels: int = 3, side: int = 24) -> torch.Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope="module")
def space():
    return shipped()


def test_rows_are_pictures(space):
    images = pictures(5)
    seen = space(images)
    assert seen.shape == (5, space.dims)
    assert seen.dtype == torch.float32
    torch.testing.assert_close(seen[3:4], space(images[3:4]), rtol=1e-4, atol=1e-5)
    assert (seen.std(0) > 0).all()
    whole = features_of([images[:2], images[2:]], space)
    torch.testing.assert_close(torch.from_numpy(whole), seen, rtol=1e-4, atol=1e-5)
    assert features_of([], space).shape == (0, space.dims)


def test_any_size_and_colour(space):
    grey = pictures(2, 1, 32)
    assert torch.equal(space(grey), space(grey.expand(-1, 3, -1, -1)))
    assert torch.equal(space(pictures(2, 4, 32)), space(pictures(2, 4, 32)[:, :3]))
    assert space(pictures(1, 3, 40)[..., :30]).shape == (1, space.dims)
    assert as_square(pictures(1, 3, SIDE), SIDE).shape == (1, 3, SIDE, SIDE)
    with pytest.raises(Refusal, match="2 channels"):
        space(pictures(1, 2))


def test_shrinking_is_antialiased():
    """A checkerboard of single pixels becomes grey, not a moiré."""
    board = torch.ones(1, 3, 4 * SIDE, 4 * SIDE)
    board[..., ::2, ::2] = board[..., 1::2, 1::2] = -1
    assert as_square(board, SIDE)[..., 2:-2, 2:-2].abs().max() < 1e-5


def test_folding_keeps_the_network():
    """Against timm's network, layer by layer the same: random weights, random running statistics, float64."""
    import detectors.torchvision_ops  # noqa: F401  (before timm)

    import timm  # isort: skip

    torch.manual_seed(0)
    theirs = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    for norm in (m for m in theirs.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, 0, 0.2)
    state = {}  # under the names of the first port
    layers = {"_conv_stem": theirs.conv_stem, "_bn0": theirs.bn1}
    for i, block in enumerate([b for stage in theirs.blocks[:5] for b in stage]):
        if BLOCKS[i][-1] == 1:
            parts = {
                "_depthwise_conv": block.conv_dw,
                "_bn1": block.bn1,
                "_project_conv": block.conv_pw,
                "_bn2": block.bn2,
            }
        else:
            parts = {"_expand_conv": block.conv_pw, "_bn0": block.bn1, "_depthwise_conv": block.conv_dw}
            parts |= {"_bn1": block.bn2, "_project_conv": block.conv_pwl, "_bn2": block.bn3}
        layers |= {f"_blocks.{i}.{name}": layer for name, layer in parts.items()}
    for name, layer in layers.items():
        state |= {f"{name}.{key}": tensor for key, tensor in layer.state_dict().items()}
    ours = FirstStages()
    ours.load_state_dict({key: t.float() for key, t in folded(state).items()})
    images = pictures(2, 3, 64)
    with torch.no_grad():
        expected = theirs.blocks[:5](theirs.bn1(theirs.conv_stem(images)))
        error = (ours(images) - expected).norm() / expected.norm()
    assert error < 5e-3  # float16 weights: 3e-3
    assert expected.shape == (2, 112, 4, 4)


def test_the_file_is_small_and_half():
    tensors = load_file(FILE)
    assert FILE.stat().st_size < 2e6
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    assert tensors.keys() == FirstStages().state_dict().keys()


def test_other_weights_are_refused(tmp_path):
    with pytest.raises(Refusal, match="make weights"):
        EffNetLite0(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(Refusal, match="not the weights of effnet-lite0-s16"):
        EffNetLite0(tmp_path / "other.safetensors")


def test_the_name_says_the_size():
    assert features.EffNetLite0.name == "effnet-lite0-s16-128px"
