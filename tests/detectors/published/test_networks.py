"""The networks are the papers': published sizes, published numbers, and each layout by its own names."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from detectors.published import clip, ladeda, mesonet, npr, residuals, resnet, rine, tiny_ladeda
from tests.detectors.published.authors import SMALL, openai_layout, random_state, timm_layout


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("network", "published"),
    [
        (resnet.ResNet50, 23_510_081),
        (npr.Network, 1_437_761),
        (ladeda.Network, 13_641_793),
        (tiny_ladeda.Network, 1_297),
        (mesonet.Meso4Network, 27_977),
        (mesonet.MesoInception4Network, 28_615),
        (clip.Clip, 303_966_208),
        (lambda: rine.Head(24, 1024, 1024, 2), 6_323_201),
        (lambda: rine.Head(24, 1024, 128, 4), 283_009),
    ],
)
def test_networks_have_the_published_size(network, published):
    with torch.device("meta"):
        assert parameters(network()) == published


@pytest.fixture(scope="module")
def parity(shared) -> Path:
    folder = shared / "parity" / "published"
    if not (folder / "npr.json").exists():
        pytest.skip(f"the authors' numbers are not at {folder}: this check did NOT run")
    return folder


def by_formula(key: str, shape: list[int], dtype: str) -> torch.Tensor:
    """shared/parity/published/README.md says how; stored as float32, computed with in float64."""
    if dtype == "int64":
        return torch.zeros(shape, dtype=torch.int64)
    n = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    if key.endswith("running_var"):
        n = 1 + 0.1 * np.abs(n)
    elif len(shape) > 1:
        n = n * np.sqrt(2 / np.prod(shape[1:]))
    elif key.endswith("weight"):
        n = 1 + 0.1 * n
    else:
        n = 0.1 * n
    return torch.from_numpy(np.asarray(n)).float().double()


@pytest.mark.parametrize(("name", "network"), [("npr", npr.Network), ("cnndetection", resnet.ResNet50)])
def test_logits_are_those_of_the_authors_networks(parity, name, network):
    told, numbers = json.loads((parity / f"{name}.json").read_text()), np.load(parity / f"{name}.npz")
    with torch.device("meta"):
        built = network()
    assert list(built.state_dict()) == list(told["state"])
    assert parameters(built) == told["parameters"]
    state = {key: by_formula(key, *its) for key, its in told["state"].items()}
    built.load_state_dict(state, assign=True)
    with torch.inference_mode():
        found = built.eval()(torch.from_numpy(numbers["input"]).double()).numpy()
    assert found == pytest.approx(numbers["logits64"].ravel(), rel=1e-10)


def test_npr_is_the_papers_equation():
    images = torch.randn(2, 3, 8, 12)
    enlarged = F.interpolate(F.interpolate(images, scale_factor=0.5), scale_factor=2.0)  # nearest by default
    assert torch.equal(residuals.npr(images), images - enlarged)
    assert residuals.npr(enlarged).abs().max() == 0
    with pytest.raises(ValueError, match="even"):
        residuals.npr(images[..., :-1])


def test_gradients_point_where_their_names_say():
    rows, columns = torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="ij")
    inside = (0, 1, slice(1, -1), slice(1, -1))
    for name, ramp, steep in (
        ("x_grad", columns, 8),
        ("y_grad", rows, 8),
        ("right_diag", rows + columns, 12),
        ("left_diag", columns - rows, 12),
    ):
        images = torch.stack([torch.zeros(9, 9), ramp, ramp])[None]
        found = residuals.RESIDUALS[name](images)
        assert (found[inside] == steep).all(), name
        assert found[0, 0].abs().max() == 0, "colours are kept apart"
    flat = torch.ones(1, 3, 10, 10)
    assert all(residuals.RESIDUALS[n](flat)[inside].abs().max() == 0 for n in residuals.RESIDUALS if n != "raw")
    assert residuals.RESIDUALS["raw"](flat) is flat


@pytest.mark.parametrize(("module", "side"), [(ladeda, 7), (tiny_ladeda, 30)])
def test_a_patch_sees_its_own_pixels_only(module, side):
    network = module.Network().double().eval()
    network.load_state_dict(random_state(network))
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    logits = network(images)
    assert logits.shape == (1, side, side)
    logits[0, 3, 5].backward()
    rows, columns = torch.nonzero(images.grad[0].abs().sum(0), as_tuple=True)
    top, left = 3 * module.STRIDE, 5 * module.STRIDE
    assert (rows.min(), rows.max()) == (top, top + module.FIELD - 1)
    assert (columns.min(), columns.max()) == (left, left + module.FIELD - 1)


def test_dense_layers_after_keras_read_channels_last():
    judged = mesonet.Judged().eval()
    x = torch.randn(1, 16, 8, 8)
    expected = judged.fc2(
        F.leaky_relu(judged.fc1(torch.from_numpy(x.numpy().transpose(0, 2, 3, 1).reshape(1, -1))), 0.1)
    )
    assert torch.allclose(judged(x), expected[:, 0])


@pytest.fixture(scope="module")
def encoder() -> clip.Clip:
    encoder = clip.Clip(SMALL).eval()
    encoder.load_state_dict(random_state(encoder))
    return encoder


@pytest.mark.parametrize("layout", [openai_layout, timm_layout])
def test_clip_is_read_in_both_layouts(encoder, layout):
    renamed = clip.to_our_names(layout(encoder))
    assert set(renamed) == set(encoder.state_dict())
    for key, tensor in encoder.state_dict().items():
        assert torch.equal(renamed[key], tensor), key


def test_openais_layout_is_the_one_that_timm_knows(encoder):
    """timm converts OpenAI's files itself; its tower then gives our features."""
    import timm
    from timm.models.vision_transformer import checkpoint_filter_fn

    sizes = {"embed_dim": SMALL.width, "depth": SMALL.depth, "num_heads": SMALL.heads}
    theirs = timm.create_model(clip.ARCHITECTURE, pretrained=False, num_classes=SMALL.projected, **sizes).eval()
    theirs.load_state_dict(checkpoint_filter_fn(openai_layout(encoder), theirs))
    images = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        assert torch.allclose(encoder(images), theirs(images), atol=1e-5)


def test_stages_are_the_first_tokens_after_each_second_norm(encoder):
    images = torch.randn(2, 3, 224, 224)
    tower = encoder.tower
    with torch.inference_mode():
        found = encoder.stages(images)
        x = tower.norm_pre(tower._pos_embed(tower.patch_embed(images)))
        expected = []
        for block in tower.blocks:
            x = x + block.attn(block.norm1(x))
            expected.append(block.norm2(x)[:, 0])
            x = x + block.mlp(block.norm2(x))
    assert found.shape == (2, SMALL.depth, SMALL.width)
    assert torch.allclose(found, torch.stack(expected, 1), atol=1e-5)
    assert not any(block.norm2._forward_hooks for block in tower.blocks)


def test_rine_weighs_blocks_for_each_feature():
    head = rine.Head(3, 8, 4, 2).eval()
    head.load_state_dict(random_state(head))
    with torch.no_grad():
        head.alpha.zero_()
        head.alpha[0, 1] = 100.0  # the second block alone counts
    stages = torch.randn(2, 3, 8)
    other = stages.clone()
    other[:, (0, 2)] += 1
    with torch.inference_mode():
        assert torch.allclose(head(stages), head(other))
        assert not torch.allclose(head(stages), head(stages + 1))
