"""LaDeDa: every 9×9 patch of a picture is judged for itself, and the picture by the mean of its patches.

Cavia et al. 2024, "Real-Time Deepfake Detection in the Real-World", section 3: a ResNet-50 whose convolutions are
1×1 but for the stem's and the first of stages one and two, without padding (after BagNet, Brendel & Bethge 2019).

Doubts. The residual belongs to a checkpoint but is not stored in it, so the file's name has to say it; NPR is the
default of the authors' scripts. They squeeze test pictures to 256 × 256, and so it is done here.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from detectors.published.detector import PublishedDetector
from detectors.published.heat import heat_map
from detectors.published.manifest import Manifest
from detectors.published.residuals import RESIDUALS
from detectors.published.resnet import Bottleneck
from detectors.published.views import IMAGENET, View, squeezed
from forensics.photo import Photo

SIDE = 256
LEAST = 64
STRIDE, FIELD = 8, 9  # px between patches, px a patch sees

AUTHORS = "Cavia, Horwitz, Reiss & Hoshen 2024, Real-Time Deepfake Detection in the Real-World"
LICENCE = "Yissum Software Research License (research use only)"
REPOSITORY = "GitHub repository barcavia/RealTime-DeepfakeDetection-in-the-RealWorld"
TRAINED_ON = "WildRF (pictures from Reddit) or ProGAN pictures, as its file's name says"


class Patch(Bottleneck):
    """(N, inside, H, W) → (N, 4·width, ...): 1×1, k×k without padding, 1×1, added to a way around it.

    Where the middle convolution loses rows and columns, the way around loses its last ones.
    """

    def __init__(self, inside: int, width: int, kernel: int, stride: int):
        super().__init__(inside, width, stride)
        self.conv2 = nn.Conv2d(width, width, kernel, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        around = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return F.relu(x + around[..., : x.shape[-2], : x.shape[-1]])


def stage(inside: int, width: int, blocks: int, kernel: int, stride: int) -> nn.Sequential:
    """`blocks` bottlenecks; the first has the kernel and the stride, the others 1×1."""
    first = Patch(inside, width, kernel, stride)
    return nn.Sequential(first, *(Patch(4 * width, width, 1, 1) for _ in range(blocks - 1)))


class Network(nn.Module):
    """(N, 3, H, W) residuals → (N, h, w) patch logits, 31 × 31 of 256 × 256. 13,641,793 parameters.

    Patch (i, j) sees the 9 × 9 px from (8i, 8j) on. The mean of patch logits is the logit of the mean features.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 64, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = stage(64, 64, 3, kernel=3, stride=2)
        self.layer2 = stage(256, 128, 4, kernel=3, stride=2)
        self.layer3 = stage(512, 256, 6, kernel=1, stride=2)
        self.layer4 = stage(1024, 512, 3, kernel=1, stride=1)
        self.fc = nn.Linear(2048, 1)

    def forward(self, residuals: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv2(self.conv1(residuals))))  # (N, 64, H-2, W-2)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, 2048, h, w)
        return self.fc(x.movedim(1, -1)).squeeze(-1)


class LaDeDa(PublishedDetector):
    """The whole photo at 256 × 256 → 31 × 31 patch logits; their mean is the score. Exhibit: the patches."""

    name: ClassVar[str] = "ladeda"
    question: ClassVar[str] = "Do 9×9 patches look like a generator's?"
    side: ClassVar[int] = SIDE
    manifest: ClassVar[Manifest] = Manifest(
        title="LaDeDa",
        paper=AUTHORS,
        year=2024,
        licence=LICENCE,
        stem="ladeda",
        published_as=f"WildRF_LaDeDa.pth or ForenSynth_LaDeDa.pth, named in the {REPOSITORY}, section Evaluation",
        prepared="whole photo at 256 x 256 (bilinear), ImageNet's mean and deviation taken off, then the residual",
        trained_on=TRAINED_ON,
        variants=tuple(RESIDUALS),
        variant_means="residual",
    )

    @classmethod
    def built(cls, state: dict[str, Tensor]) -> nn.Module:
        return Network()

    def view(self, photo: Photo) -> View | str:
        if min(photo.width, photo.height) < LEAST:
            return f"The photo is {photo.width}x{photo.height} px; {LEAST} px a side are needed."
        return squeezed(photo, self.side)

    def output(self, pixels: np.ndarray) -> np.ndarray:
        return self.network(RESIDUALS[self.variant](IMAGENET.normalised(pixels)))[0].numpy()

    def exhibit(self, view: View, logits: np.ndarray) -> np.ndarray:
        return heat_map(view.pixels, logits, STRIDE, FIELD)
