"""How long and how hard the classifier learns: AdamW at a pace, and a running average, which is what is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from detectors.classifier.network import Network, NetworkConfig
from detectors.classifier.sampling import SamplingConfig


@dataclass(frozen=True)
class TrainingConfig:
    """How long and how hard. Saved with every run."""

    steps: int = 1100
    batch: int = 64  # half of it real, half fake
    rate: float = 1e-3  # peak learning rate of the head; the backbone gets `backbone` times as much
    backbone: float = 0.5
    decay: float = 0.05  # AdamW's weight decay
    warmup: int = 100  # steps
    average: float = 0.998  # decay of the weights' moving average, which is what is kept
    smoothing: float = 0.03  # of labels
    reweigh: int = 50  # steps between looks at which source is learnt badly
    validate: int = 400  # steps between validations and checkpoints
    shown: int = 40  # validation photos a source
    hold_out: tuple[str, ...] = ()  # makers that are validated on only
    seed: int = 0
    network: NetworkConfig = field(default_factory=NetworkConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


PATCHES = TrainingConfig(  # the network that sees patches at the photo's own pixels
    steps=1800,
    network=NetworkConfig(view="patch", size=112),
    sampling=SamplingConfig(smallest=96),
)
TINY = TrainingConfig(  # for tests of the whole loop; learns next to nothing
    steps=6,
    batch=8,
    warmup=2,
    validate=3,
    shown=8,
    network=NetworkConfig(size=64, min_face=16, depth=2, hidden=8),
    sampling=SamplingConfig(smallest=12, largest=64, least=2),
)
TINY_PATCHES = replace(TINY, network=replace(TINY.network, view="patch", size=32))


def optimizer(network: Network, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; norms and biases are not decayed, the pretrained backbone moves more slowly than the head."""
    groups = []
    for module, factor in ((network.backbone, config.backbone), (network.head, 1.0)):
        for decayed in (True, False):
            params = [p for p in module.parameters() if (p.ndim > 1) == decayed]
            groups.append(
                {"params": params, "peak": config.rate * factor, "weight_decay": config.decay if decayed else 0.0}
            )
    return torch.optim.AdamW(groups, lr=config.rate)


def pace(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, then a cosine down to 1 %."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@torch.no_grad()
def follow(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of all floating-point state, batch statistics included."""
    for kept, now in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(now, 1 - decay)
        else:
            kept.copy_(now)
