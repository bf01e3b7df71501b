"""MesoNet: two small networks for swapped and reenacted faces, between noise and meaning.

Afchar et al. 2018, "MesoNet: a Compact Facial Video Forgery Detection Network", section 3: Meso-4 (figure 4) and
MesoInception-4 (figures 5 and 6). They judge frames of manipulated video; wholly generated faces came later.

Weights: the authors' Keras files (.h5, with h5py), or the same tensors as .safetensors or .pth under the names
of the modules here, convolutions as (out, in, kh, kw), dense layers as (out, in), the first dense layer's inputs
in the order row, column, channel.

Doubts. The authors' two classes are folders "df" and "real", counted 0 and 1 in alphabetical order: high means
real. How wide they cut around a face is not said; here it is brow to chin and a little around. In a file of
MesoInception-4 the branches are told apart by the numbers of the layers' names, and some have equal shapes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detectors.published import checkpoint, keras
from detectors.published.detector import PublishedDetector
from detectors.published.manifest import Manifest
from detectors.published.views import UNIT, View
from forensics.face import cut, largest_face
from forensics.photo import Photo
from forensics.refusal import Refusal

SIDE = 256
SCALE = 0.75  # of the FFHQ square
LEAST = 64  # px of face


def normal(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)  # Keras' default


class Judged(nn.Module):
    """(N, 16, 8, 8) → (N,) logits of "real": two dense layers."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(1024, 16)
        self.fc2 = nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.movedim(1, -1).flatten(1)  # Keras keeps channels last
        return self.fc2(F.leaky_relu(self.fc1(x), 0.1)).squeeze(-1)


class Meso4Network(nn.Module):
    """(N, 3, 256, 256) in [0, 1] → (N,) logits of "real". 27,977 parameters."""

    def __init__(self):
        super().__init__()
        self.conv = nn.ModuleList(
            [
                nn.Conv2d(3, 8, 3, padding=1),
                nn.Conv2d(8, 8, 5, padding=2),
                nn.Conv2d(8, 16, 5, padding=2),
                nn.Conv2d(16, 16, 5, padding=2),
            ]
        )
        self.bn = nn.ModuleList([normal(8), normal(8), normal(16), normal(16)])
        self.dense = Judged()

    def forward(self, x: Tensor) -> Tensor:
        for conv, bn, pool in zip(self.conv, self.bn, (2, 2, 2, 4), strict=True):
            x = F.max_pool2d(bn(F.relu(conv(x))), pool)
        return self.dense(x)


class Inception(nn.Module):
    """(N, inside, H, W) → (N, a + b + c + d, H, W): 1×1 beside 1×1 and 3×3 at dilations 1, 2 and 3 (figure 5)."""

    def __init__(self, inside: int, a: int, b: int, c: int, d: int):
        super().__init__()
        self.conv = nn.ModuleList([nn.Conv2d(inside, a, 1)])
        for dilation, width in ((1, b), (2, c), (3, d)):
            self.conv.append(nn.Conv2d(inside, width, 1))
            self.conv.append(nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation))

    def forward(self, x: Tensor) -> Tensor:
        narrow = [F.relu(self.conv[0](x))]
        wide = [F.relu(self.conv[k + 1](F.relu(self.conv[k](x)))) for k in (1, 3, 5)]
        return torch.cat(narrow + wide, 1)


class MesoInception4Network(nn.Module):
    """(N, 3, 256, 256) in [0, 1] → (N,) logits of "real". 28,615 parameters."""

    def __init__(self):
        super().__init__()
        self.inception = nn.ModuleList([Inception(3, 1, 4, 4, 2), Inception(11, 2, 4, 4, 2)])
        self.conv = nn.ModuleList([nn.Conv2d(12, 16, 5, padding=2), nn.Conv2d(16, 16, 5, padding=2)])
        self.bn = nn.ModuleList([normal(11), normal(12), normal(16), normal(16)])
        self.dense = Judged()

    def forward(self, x: Tensor) -> Tensor:
        for layer, bn, pool in zip((*self.inception, *self.conv), self.bn, (2, 2, 2, 4), strict=True):
            x = layer(x) if isinstance(layer, Inception) else F.relu(layer(x))
            x = F.max_pool2d(bn(x), pool)
        return self.dense(x)


def from_keras(network: nn.Module, path: Path, manifest: Manifest) -> dict[str, Tensor]:
    """The tensors of a Keras file under the names of `network`, whose layers are made in the same order.

    Raises Refusal when the numbers of layers differ.
    """
    layers = keras.read_layers(path, manifest)
    kinds = {"conv2d": nn.Conv2d, "batch_normalization": nn.BatchNorm2d, "dense": nn.Linear}
    state: dict[str, Tensor] = {}
    for kind, module in kinds.items():
        own = [name for name, its in network.named_modules() if type(its) is module]
        if len(own) != len(layers[kind]):
            raise Refusal(
                f"{path} is not {manifest.title} ({len(layers[kind])} {kind} layers, not {len(own)});"
                f" {checkpoint.expected(manifest)}"
            )
        for name, parts in zip(own, layers[kind], strict=True):
            state |= {f"{name}.{part}": tensor for part, tensor in parts.items()}
    return state


class Meso4(PublishedDetector):
    """The largest face at 256 × 256 → one logit, its sign turned. Exhibit: the cut."""

    name: ClassVar[str] = "meso4"
    question: ClassVar[str] = "Does the face look swapped or reenacted to Meso-4?"
    marked: ClassVar[str] = "face"
    manifest: ClassVar[Manifest] = Manifest(
        title="Meso-4",
        paper="Afchar, Nozick, Yamagishi & Echizen 2018, MesoNet: a Compact Facial Video Forgery Detection Network,"
        " WIFS",
        year=2018,
        licence="see LICENSE in its authors' repository (not checked here)",
        stem="meso4",
        published_as="Meso4_DF.h5 or Meso4_F2F.h5 in the GitHub repository DariusAf/MesoNet, weights",
        prepared="the largest face cut out at 256 x 256, values from 0 to 1",
        trained_on="frames of Deepfakes or Face2Face videos, as its file's name says",
        suffixes=(".h5", ".safetensors", ".pth"),
        high_means="real",
    )

    @classmethod
    def built(cls, state: dict[str, Tensor]) -> nn.Module:
        return Meso4Network()

    @classmethod
    def read(cls, path: Path, manifest: Manifest) -> nn.Module:
        if path.suffix != ".h5":
            return super().read(path, manifest)
        with torch.device("meta"):
            network = cls.built({})
        return checkpoint.fill(network, from_keras(network, path, manifest), path, manifest)

    def view(self, photo: Photo) -> View | str:
        face = largest_face(photo)
        if face is None:
            return "No face was found, and only faces are examined."
        if face.height < LEAST:
            return f"The largest face is {face.height} px high; {LEAST} px are needed."
        left, top, right, bottom = face.box
        left, top = max(0, left), max(0, top)
        right, bottom = min(right, photo.width), min(bottom, photo.height)
        if right <= left or bottom <= top:
            return "The largest face lies outside the photo."
        return View(cut(photo.pixels, face.frame(SCALE), SIDE), (left, top, right - left, bottom - top))

    def output(self, pixels: np.ndarray) -> np.ndarray:
        return self.network(UNIT.normalised(pixels)).numpy()


class MesoInception4(Meso4):
    """As `Meso4`, with inception modules for the first two layers."""

    name: ClassVar[str] = "mesoinception4"
    question: ClassVar[str] = "Does the face look swapped or reenacted to MesoInception-4?"
    manifest: ClassVar[Manifest] = replace(
        Meso4.manifest,
        title="MesoInception-4",
        stem="mesoinception4",
        published_as="MesoInception_DF.h5 or MesoInception_F2F.h5 in the GitHub repository DariusAf/MesoNet, weights",
    )

    @classmethod
    def built(cls, state: dict[str, Tensor]) -> nn.Module:
        return MesoInception4Network()
