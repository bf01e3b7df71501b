"""Probe: a network that is trained on. The first stages of `forensics.features`, then a logit for each patch.

Early stages only, as in the panel's classifier: texture rather than scene (Chai et al. 2020, "What makes fake
images detectable?"). Its batch norms are folded into its convolutions, so that a batch of one class and a picture
alone are seen alike.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from detectors.probes.probe import Lesson, Scorer
from forensics.features import BLOCKS, FirstStages, shipped
from forensics.tensors import to_tensor

DEPTH = 5  # inverted bottlenecks: 40 channels at an eighth of the size
STEPS, BATCH = 300, 64
RATE = 1e-3  # Adam's at its highest; warmed up over a tenth of the steps, then down a cosine
AT_ONCE = 256


class Patches(nn.Module):
    """(N, 3, S, S) in [-1, 1] → (N,): the mean of one logit for each patch. Differentiable in the pictures."""

    def __init__(self, stages: FirstStages):
        super().__init__()
        self.stem = copy.deepcopy(stages.stem)
        self.blocks = copy.deepcopy(stages.blocks[:DEPTH])
        self.head = nn.Conv2d(BLOCKS[DEPTH - 1][1], 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        features = self.blocks(F.relu6(self.stem(images)))  # (N, 40, S/8, S/8)
        return self.head(features).mean((1, 2, 3))  # (N,)


def fit(lesson: Lesson, seed: int = 0) -> Scorer:
    """Trained from ImageNet weights; the same seed gives the same network on the same machine."""
    return scorer(trained(lesson, seed))


def trained(lesson: Lesson, seed: int = 0, steps: int = STEPS, start: Patches | None = None) -> Patches:
    """Binary cross-entropy on half real, half fake; pictures are mirrored at random. start: to go on from."""
    network = copy.deepcopy(start) if start else Patches(shipped().network)
    network = network.to(memory_format=torch.channels_last).train().requires_grad_(True)
    descent = torch.optim.AdamW(network.parameters(), RATE, betas=(0.9, 0.99), weight_decay=1e-4)
    pace = torch.optim.lr_scheduler.OneCycleLR(descent, RATE, total_steps=steps, pct_start=0.1)
    rng = np.random.default_rng(seed)
    target = (torch.arange(BATCH) >= BATCH // 2).float()
    for _ in range(steps):
        taken = lesson.pixels[lesson.drawn(BATCH, rng)]
        mirrored = rng.random(BATCH) < 0.5
        taken[mirrored] = taken[mirrored, :, ::-1]
        images = to_tensor(taken).contiguous(memory_format=torch.channels_last)
        loss = F.binary_cross_entropy_with_logits(network(images), target)
        descent.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        descent.step()
        pace.step()
    return network.eval().requires_grad_(False)


def scorer(network: Patches) -> Scorer:
    @torch.no_grad()
    def score(pixels: np.ndarray) -> np.ndarray:
        parts = [network(to_tensor(pixels[i : i + AT_ONCE])) for i in range(0, len(pixels), AT_ONCE)]
        return torch.cat(parts).double().numpy()

    return score
