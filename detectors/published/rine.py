"""RINE: CLIP's first token after every block, weighed, projected and judged.

Koutlis & Papadopoulos 2024, "Leveraging Representations from Intermediate Encoder-blocks for Synthetic Image
Detection", section 3: K of the n blocks; Q1, a softmax over blocks for each feature (the trainable importance
estimator), Q2, and a head of three layers. The "block output" is the second layer norm's, as in their network.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from detectors.published import clip
from detectors.published.manifest import Manifest
from detectors.published.univfd import OnClip

MOST_LAYERS, WIDEST = 8, 4096  # of a projection; the published have 2 or 4 layers, 128 or 1024 wide


def projection(inside: int, width: int, layers: int) -> nn.Sequential:
    """`layers` times linear, ReLU, dropout, after a dropout (whose places in the sequence the names count)."""
    parts: list[nn.Module] = [nn.Dropout()]
    for number in range(layers):
        parts += [nn.Linear(width if number else inside, width), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*parts)


class Head(nn.Module):
    """(N, blocks, inside) → (N,) logits. 6,323,201 parameters with two layers of 1024 on ViT-L/14."""

    def __init__(self, blocks: int, inside: int, width: int, layers: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.empty(1, blocks, width))
        self.proj1 = projection(inside, width, layers)
        self.proj2 = projection(width, width, layers)
        middle = (nn.Linear(width, width), nn.ReLU(), nn.Dropout())
        again = (nn.Linear(width, width), nn.ReLU(), nn.Dropout())
        self.head = nn.Sequential(*middle, *again, nn.Linear(width, 1))

    def forward(self, stages: Tensor) -> Tensor:
        weighed = torch.softmax(self.alpha, 1) * self.proj1(stages)  # (N, blocks, width)
        return self.head(self.proj2(weighed.sum(1))).squeeze(-1)


class Network(nn.Module):
    """(N, 3, 224, 224) normalised float → (N,) logits."""

    def __init__(self, encoder: clip.Clip, head: Head):
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.encoder.stages(images))


class RINE(OnClip):
    """The middle 224 px of the photo → one logit: CLIP's blocks, weighed. Exhibit: the crop."""

    name: ClassVar[str] = "rine"
    question: ClassVar[str] = "Do the stages of CLIP's encoder tell the photo from generated ones?"
    manifest: ClassVar[Manifest] = Manifest(
        title="RINE",
        paper="Koutlis & Papadopoulos 2024, Leveraging Representations from Intermediate Encoder-blocks for"
        " Synthetic Image Detection, ECCV",
        year=2024,
        licence="see LICENSE in its authors' repository (not checked here)",
        stem="rine",
        published_as="model_1class_trainable.pth, model_2class_trainable.pth, model_4class_trainable.pth or"
        " model_ldm_trainable.pth in the GitHub repository mever-team/rine, ckpt",
        prepared=clip.MANIFEST.prepared,
        trained_on="ProGAN pictures of one, two or four LSUN classes, or latent diffusion, as its file's name says",
        needs=(clip.MANIFEST,),
    )

    @classmethod
    def built(cls, state: dict[str, Tensor]) -> Head:
        """Width and layers are read off the checkpoint, within bounds; `fill` then refuses what does not fit."""
        alpha = state.get("alpha")
        width = alpha.shape[-1] if alpha is not None and alpha.ndim == 3 else 1024
        layers = sum(key.startswith("proj1.") and key.endswith(".weight") for key in state)
        return Head(cls.config.depth, cls.config.width, min(width, WIDEST), min(max(layers, 1), MOST_LAYERS))

    @classmethod
    def assembled(cls, networks: list[nn.Module]) -> Network:
        head, encoder = networks
        return Network(encoder, head)
