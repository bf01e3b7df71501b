"""How far apart two pictures are, for a network and for the pixels: what a projection descends.

Perceptual part (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features", equation 1, with all
channels of the same weight): at four depths of the network of `forensics.features`, each place's features are
scaled to length 1, and squared differences are summed over channels and averaged over places and depths. In
[0, 4]. It is not LPIPS: that word belongs to their networks and fitted weights, which do not ship.
Pixel part: the mean squared difference of pictures in [-1, 1], times a weight.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from forensics.features import as_square, shipped

DEPTHS = (0, 2, 4, 10)  # blocks after which features are taken: strides 2, 4, 8 and 16
LEAST, MOST = 32, 256  # px: the network looks at twice the pictures' side, within these
NAME = "effnet-lite0-blocks-0-2-4-10"


class Distance:
    """From one picture, (1, 3, S, S) float in [-1, 1], to others. Differentiable; the network stays as it is."""

    def __init__(self, target: Tensor, pixel_weight: float = 1.0):
        self.target, self.pixel_weight = target.detach(), pixel_weight
        self.side = min(max(2 * target.shape[-1] // 16 * 16, LEAST), MOST)
        self.network = shipped(str(target.device)).network
        with torch.no_grad():
            self.wanted = self.features(self.target)

    def features(self, images: Tensor) -> list[Tensor]:
        """(N, 3, S, S) → for each depth (N, C, h, w), of length 1 along C."""
        x, found = F.relu6(self.network.stem(as_square(images, self.side))), []
        for number, block in enumerate(self.network.blocks):
            x = block(x)
            if number in DEPTHS:
                found.append(x / (x.square().sum(1, keepdim=True) + 1e-8).sqrt())
        return found

    def __call__(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) → (N,)."""
        pairs = zip(self.features(images), self.wanted, strict=True)
        perceptual = sum((seen - wanted).square().sum(1).mean((1, 2)) for seen, wanted in pairs) / len(DEPTHS)
        return perceptual + self.pixel_weight * (images - self.target).square().mean((1, 2, 3))
