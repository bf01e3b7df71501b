"""How the classifier's weights move: AdamW at a pace, and their running average, which is what is kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from detectors.classifier.network import Network

if TYPE_CHECKING:
    from detectors.classifier.training import TrainingConfig


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
