"""Tiny-LaDeDa: LaDeDa's opinion of patches, taught to four convolutions with 1,297 parameters.

Cavia et al. 2024, "Real-Time Deepfake Detection in the Real-World", section 4 (distillation), on gradients.
Doubts as in `ladeda.py`; "right_diag" is the default residual of the authors' scripts. A unit sees 5×5 px of
the residual, which is what the layers in the authors' network add up to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from detectors.published.heat import heat_map
from detectors.published.ladeda import REPOSITORY, LaDeDa
from detectors.published.manifest import Manifest
from detectors.published.views import View

STRIDE, FIELD = 2, 5
WIDTH = 8


class Block(nn.Module):
    """(N, 8, H, W) → (N, 8, (H - 1) // 2, (W - 1) // 2): 1×1, then 3×3 in steps of two, without padding."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(WIDTH, WIDTH, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 3, 2, bias=False)
        self.bn2 = nn.BatchNorm2d(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)))


class Network(nn.Module):
    """(N, 3, H, W) residuals → (N, h, w) patch logits, 126 × 126 of 256 × 256. 1,297 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 1, bias=False)
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        self.layer1 = nn.Sequential(Block())
        self.fc = nn.Linear(WIDTH, 1)

    def forward(self, residuals: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv2(self.conv1(residuals))))  # (N, 8, H-2, W-2)
        return self.fc(self.layer1(x).movedim(1, -1)).squeeze(-1)


class TinyLaDeDa(LaDeDa):
    """The whole photo at 256 × 256 → 126 × 126 patch logits; their mean is the score. Exhibit: the patches."""

    name: ClassVar[str] = "tiny_ladeda"
    question: ClassVar[str] = "Do gradients in small patches look like a generator's?"
    manifest: ClassVar[Manifest] = replace(
        LaDeDa.manifest,
        title="Tiny-LaDeDa",
        stem="tiny_ladeda",
        published_as=f"WildRF_Tiny_LaDeDa.pth or ForenSynth_Tiny_LaDeDa.pth in the {REPOSITORY}, weights/Tiny_LaDeDa",
    )

    @classmethod
    def built(cls, state: dict[str, Tensor]) -> nn.Module:
        return Network()

    def exhibit(self, view: View, logits: np.ndarray) -> np.ndarray:
        return heat_map(view.pixels, logits, STRIDE, FIELD)
