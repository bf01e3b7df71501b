"""CNNDetection: a ResNet-50 that was taught to tell ProGAN's pictures from photos.

Wang et al. 2020, "CNN-generated images are surprisingly easy to spot... for now", section 4. What made it carry
over to other generators was blur and JPEG in training; hence two sets of weights, at probability 0.5 and 0.1.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor

from detectors.published.detector import PublishedDetector
from detectors.published.manifest import Manifest
from detectors.published.resnet import ResNet50
from detectors.published.views import IMAGENET, View, centre
from forensics.photo import Photo

CROP = 224
LEAST = 64


class CNNDetection(PublishedDetector):
    """The middle 224 px of the photo in its own pixels, or all of it where a side is shorter → one logit."""

    name: ClassVar[str] = "cnndetection"
    question: ClassVar[str] = "Does the photo look like a GAN's to Wang et al.'s ResNet-50?"
    manifest: ClassVar[Manifest] = Manifest(
        title="CNNDetection",
        paper="Wang, Wang, Zhang, Owens & Efros 2020, CNN-generated images are surprisingly easy to spot... for now,"
        " CVPR",
        year=2020,
        licence="CC BY-NC-SA 4.0",
        stem="cnndetection",
        published_as="blur_jpg_prob0.5.pth or blur_jpg_prob0.1.pth, named in the GitHub repository"
        " PeterWang512/CNNDetection, section Download model weights",
        prepared="native pixels, centre crop of 224, ImageNet's mean and deviation taken off",
        trained_on="ProGAN pictures of twenty LSUN classes, blurred and re-encoded at random",
    )

    @classmethod
    def built(cls, state: dict[str, Tensor]) -> ResNet50:
        return ResNet50()

    def view(self, photo: Photo) -> View | str:
        if min(photo.width, photo.height) < LEAST:
            return f"The photo is {photo.width}x{photo.height} px; {LEAST} px a side are needed."
        return centre(photo, CROP)

    def output(self, pixels: np.ndarray) -> np.ndarray:
        return self.network(IMAGENET.normalised(pixels)).numpy()
