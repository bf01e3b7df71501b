"""StyleGAN2 in float16 against the published float64, no further off than the published float16 was.

Published: the two highest resolutions in float16, activations clamped at 256.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generators.critic import Discriminator
from generators.mapping import Mapping
from generators.synthesis import Synthesis

HALF = {16, 32}
SLACK = 1.5  # sums in another order


def converting(dtype: torch.dtype):
    """A hook that hands a block its features, and the discriminator's its picture, in `dtype`."""

    def convert(_: nn.Module, given: tuple) -> tuple:
        x, picture, *rest = given
        return (None if x is None else x.to(dtype), picture if x is not None else picture.to(dtype), *rest)

    return convert


def state_of(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("state/"): t for name, t in arrays.items() if name.startswith("state/")}


@pytest.fixture
def generator(published) -> tuple[Mapping, Synthesis, dict[str, Tensor]]:
    arrays = published.arrays("sg2_G_skip_cond4")
    mapping, synthesis = Mapping(64, 4, 64, 8), Synthesis(64, 32, base=512, most=32, clamp=256.0)
    nn.ModuleDict({"mapping": mapping, "synthesis": synthesis}).load_state_dict(state_of(arrays))
    return mapping.eval(), synthesis.eval(), arrays


@pytest.fixture
def discriminator(published) -> tuple[Discriminator, dict[str, Tensor]]:
    arrays = published.arrays("sg2_D_resnet_cond4")
    network = Discriminator(32, 3, 4, 512, 32, clamp=256.0)
    network.load_state_dict(state_of(arrays))
    return network, arrays


@torch.no_grad()
@pytest.mark.parametrize(("way", "key"), [("literal", "fused1"), ("scaled", "fused0")])
def test_generator_with_its_upper_blocks_in_float16(published, ledger, generator, way, key):
    mapping, synthesis, arrays = generator
    for side, block in zip(synthesis.resolutions, synthesis.blocks(), strict=True):
        if side in HALF:
            block.register_forward_pre_hook(lambda _, given: (given[0].half(), *given[1:]))
            block.conv1.register_forward_hook(lambda _, __, out: dtypes.append(out.dtype))
    dtypes: list[torch.dtype] = []
    images = synthesis(mapping(arrays["in/z"], arrays["in/c"]), "const", way)
    theirs = published.told("sg2_fp16")[f"G_{key}_vs_fp64"]
    ledger.same(way, images, arrays["out64/img_const"], SLACK * theirs["rel_l2"])
    assert dtypes == [torch.float16] * 2
    assert images.dtype == torch.float32
    assert ledger.errors[way] > 1e-5  # it was float16


@torch.no_grad()
def test_discriminator_with_its_upper_blocks_in_float16(published, ledger, discriminator):
    network, arrays = discriminator
    for side, block in zip(network.resolutions, network.blocks(), strict=True):
        block.register_forward_pre_hook(converting(torch.float16 if side in HALF else torch.float32))
        block.register_forward_hook(lambda _, __, out: dtypes.append(out[0].dtype))
    dtypes: list[torch.dtype] = []
    logits = network(arrays["in/img"], arrays["in/c"])[:, None]
    theirs = published.told("sg2_fp16")["D_vs_fp64"]
    ledger.same("D", logits, arrays["out64/logits"], SLACK * theirs["rel_l2"])
    assert dtypes == [torch.float16, torch.float16, torch.float32]
    assert ledger.errors["D"] > 1e-5


@torch.no_grad()
def test_whole_networks_under_autocast(ledger, generator, discriminator):
    """What `--precision fp16` does: convolutions of all resolutions in float16, so a little further off."""
    mapping, synthesis, arrays = generator
    with torch.autocast("cpu", torch.float16):
        images = synthesis(mapping(arrays["in/z"], arrays["in/c"]), "const")
    ledger.same("G", images, arrays["out64/img_const"], 2e-3)
    network, arrays = discriminator
    with torch.autocast("cpu", torch.float16):
        logits = network(arrays["in/img"], arrays["in/c"])[:, None]
    ledger.same("D", logits, arrays["out64/logits"], 5e-3)
    assert min(ledger.errors.values()) > 1e-5
