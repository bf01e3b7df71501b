"""NPR: neighbouring pixel relationships, seen by the first stages of a ResNet-50.

Tan et al. 2024, "Rethinking the Up-Sampling Operations in CNN-based Generative Network for Generalizable Deepfake
Detection", section 3: the picture less its own nearest-neighbour enlargement (`residuals.npr`).

The authors squeeze most of their test sets to 256 × 256 so that batches fit, and leave others native. Here
pixels stay native, up to the middle 1024, since squeezing averages away the ties between neighbours.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from detectors.published.detector import PublishedDetector
from detectors.published.manifest import Manifest
from detectors.published.residuals import npr
from detectors.published.resnet import stage
from detectors.published.views import IMAGENET, View, centre
from forensics.photo import Photo

MOST = 1024
LEAST = 64
GAIN = 4  # of the residual in the exhibit


class Network(nn.Module):
    """(N, 3, H, W) normalised float, H and W even and at least 32 → (N,) logits. 1,437,761 parameters.

    A ResNet-50 up to its second stage, beginning with 3×3 instead of 7×7.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = stage(64, 64, 3, 1)
        self.layer2 = stage(256, 128, 4, 2)
        self.fc1 = nn.Linear(512, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = npr(images) * 2 / 3  # the factor is the authors', found in their network
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)  # (N, 64, H/4, W/4)
        x = self.layer2(self.layer1(x))  # (N, 512, H/8, W/8)
        return self.fc1(x.mean((-2, -1))).squeeze(-1)


class NPR(PublishedDetector):
    """The middle of the photo, up to 1024 px, sides even, in its own pixels → one logit. Exhibit: the residual."""

    name: ClassVar[str] = "npr"
    question: ClassVar[str] = "Are neighbouring pixels tied as up-sampling ties them?"
    manifest: ClassVar[Manifest] = Manifest(
        title="NPR",
        paper="Tan, Liu, Zhao, Wei, Gu, Liu & Wei 2024, Rethinking the Up-Sampling Operations in CNN-based"
        " Generative Network for Generalizable Deepfake Detection, CVPR",
        year=2024,
        licence="not stated by its authors",
        stem="npr",
        published_as="NPR.pth in the GitHub repository chuangchuangtan/NPR-DeepfakeDetection",
        prepared="native pixels, middle 1024 with even sides, ImageNet's mean and deviation taken off, the residual",
        trained_on="ProGAN pictures of cars, cats, chairs and horses",
    )

    @classmethod
    def built(cls, state: dict[str, Tensor]) -> Network:
        return Network()

    def view(self, photo: Photo) -> View | str:
        if min(photo.width, photo.height) < LEAST:
            return f"The photo is {photo.width}x{photo.height} px; {LEAST} px a side are needed."
        return centre(photo, MOST, multiple=2)

    def output(self, pixels: np.ndarray) -> np.ndarray:
        return self.network(IMAGENET.normalised(pixels)).numpy()

    def exhibit(self, view: View, logits: np.ndarray) -> np.ndarray:
        """The residual of the view, four times as strong, on mid-grey."""
        pixels = view.pixels.astype(np.int16)
        kept = pixels[::2, ::2].repeat(2, 0).repeat(2, 1)
        return np.clip(128 + GAIN * (pixels - kept), 0, 255).astype(np.uint8)
