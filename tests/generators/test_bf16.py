"""`--precision bf16`: every phase of every family stays finite, also with large weights; few digits go."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from generators import FAMILIES
from generators.descent import learner_name, optimisers_of
from generators.family import Batch
from generators.ops.styled_conv import styled_conv2d
from generators.trained import load

each = pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.name)


@each
@pytest.mark.parametrize("scale", [1.0, 4.0], ids="weights x {:g}".format)
def test_learns_without_nan(kind, scale):
    """Six steps, from weights as drawn and from large ones."""
    torch.manual_seed(0)
    config = kind.presets["tiny"]
    family = kind(replace(config, p=0.5) if hasattr(config, "p") else config)  # augmentations too
    family.advance(10**9)
    with torch.no_grad():
        for parameter in family.parameters():
            parameter.mul_(scale if parameter.ndim > 1 else 1)
    side, channels = family.config.resolution, getattr(family.config, "channels", 3)
    phases = family.phases()
    optimisers = optimisers_of(family, phases, "bf16")
    for step in range(6):
        images = torch.rand(4, channels, side, side) * 2 - 1
        for phase in phases:
            if step % phase.every:
                continue
            family.requires_grad_(False)
            phase.learner.requires_grad_(True)
            optimiser = optimisers[learner_name(family, phase.learner)]
            outcome = optimiser.learn(phase, Batch(images))
            assert math.isfinite(outcome.loss), (phase.name, step)
            for name, parameter in phase.learner.named_parameters():
                assert parameter.grad is None or parameter.grad.isfinite().all(), (phase.name, step, name)
            optimiser.descend()
    assert all(tensor.isfinite().all() for tensor in family.state_dict().values())


def test_bf16_needs_no_normalisation():
    """Products of 1e12, which float16 has to be kept from: demodulation alone brings them back."""
    torch.manual_seed(0)
    x, weight, styles = torch.randn(2, 8, 6, 6) * 1e4, torch.randn(4, 8, 3, 3) * 1e4, torch.randn(2, 8) * 1e4
    plain = styled_conv2d(x, weight, styles, None, torch.zeros(4))
    with torch.autocast("cpu", torch.bfloat16):
        few = styled_conv2d(x, weight, styles, None, torch.zeros(4))
    assert few.isfinite().all()
    assert (few - plain).norm() / plain.norm() < 1e-2


@pytest.mark.parametrize("name", ["dcgan", "progan", "stylegan", "stylegan2", "stylegan2-ada"])
def test_pictures_are_within_a_hundredth(name):
    """What ships, its pictures in bf16 and in float32: |difference| / |picture|, seen 0.004 to 0.009."""
    family = load(name).family
    z = family.draw(16, torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = family.sample(z)
        with torch.autocast("cpu", torch.bfloat16):
            few = family.sample(z).float()
    assert 0 < (few - whole).norm() / whole.norm() < 1e-2
