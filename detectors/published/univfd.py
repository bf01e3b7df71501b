"""UnivFD: one linear layer on CLIP's features, which never saw a fake.

Ojha et al. 2023, "Towards Universal Fake Image Detectors that Generalize Across Generative Models", section 5
(linear classification; their nearest-neighbour variant needs their feature bank and is not here).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from detectors.published import checkpoint, clip
from detectors.published.detector import PublishedDetector
from detectors.published.manifest import Manifest
from detectors.published.views import CLIP, View, centre
from forensics.photo import Photo


class OnClip(PublishedDetector):
    """A head over CLIP: the middle 224 px of the photo in its own pixels → one logit.

    The authors pad smaller photos with black; here they are not judged.
    """

    config: ClassVar[clip.ClipConfig] = clip.ClipConfig()

    @classmethod
    def read(cls, path: Path, manifest: Manifest) -> nn.Module:
        if manifest is not clip.MANIFEST:
            return super().read(path, manifest)
        state = clip.to_our_names(checkpoint.read(path, manifest))
        with torch.device("meta"):
            encoder = clip.Clip(cls.config)
        return checkpoint.fill(encoder, state, path, manifest)

    def view(self, photo: Photo) -> View | str:
        if min(photo.width, photo.height) < clip.SIDE:
            return f"The photo is {photo.width}x{photo.height} px; {clip.SIDE} px a side are needed."
        return centre(photo, clip.SIDE)

    def output(self, pixels: np.ndarray) -> np.ndarray:
        return self.network(CLIP.normalised(pixels)).numpy()


class Network(nn.Module):
    """(N, 3, 224, 224) normalised float → (N,) logits. The head has 769 parameters."""

    def __init__(self, encoder: clip.Clip, head: nn.Linear):
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.encoder(images)).squeeze(-1)


class UnivFD(OnClip):
    """The middle 224 px of the photo → one logit: CLIP's features, a linear layer. Exhibit: the crop."""

    name: ClassVar[str] = "univfd"
    question: ClassVar[str] = "Do CLIP's features of the photo lie on the generators' side?"
    manifest: ClassVar[Manifest] = Manifest(
        title="UnivFD",
        paper="Ojha, Li & Lee 2023, Towards Universal Fake Image Detectors that Generalize Across Generative Models,"
        " CVPR",
        year=2023,
        licence="MIT",
        stem="univfd",
        published_as="fc_weights.pth in the GitHub repository WisconsinAIVision/UniversalFakeDetect,"
        " pretrained_weights",
        prepared=clip.MANIFEST.prepared,
        trained_on="ProGAN pictures of twenty LSUN classes",
        prefixes=("module.", "fc."),
        needs=(clip.MANIFEST,),
    )

    @classmethod
    def built(cls, state: dict[str, Tensor]) -> nn.Linear:
        return nn.Linear(cls.config.projected, 1)

    @classmethod
    def assembled(cls, networks: list[nn.Module]) -> Network:
        head, encoder = networks
        return Network(encoder, head)
