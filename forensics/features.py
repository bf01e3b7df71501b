"""A named space in which pictures are compared: what a small ImageNet network sees in them.

Scores in it are "FID-like", never FID: that word belongs to InceptionV3 (Heusel et al. 2017), whose weights do
not ship. `EffNetLite0` needs no download: the first eleven blocks of EfficientNet-Lite0 (Tan & Le 2019), ImageNet
weights with batch norm folded in, read from forensics/models. It is written out here, without timm, so that a
training loop can have it for nothing. Another space is any `FeatureSpace`; its name goes beside every score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from forensics.pinned import pinned
from forensics.places import MODELS
from forensics.refusal import Refusal

FILE = MODELS / "features.safetensors"
SIDE = 128  # px: pictures of any size are resized to this square first
# (in, out, kernel, stride, expansion) of each inverted bottleneck; Tan & Le 2019, table 1, Lite: no squeeze, ReLU6
BLOCKS = (
    (32, 16, 3, 1, 1),
    (16, 24, 3, 2, 6),
    (24, 24, 3, 1, 6),
    (24, 40, 5, 2, 6),
    (40, 40, 5, 1, 6),
    (40, 80, 3, 2, 6),
    (80, 80, 3, 1, 6),
    (80, 80, 3, 1, 6),
    (80, 112, 5, 1, 6),
    (112, 112, 5, 1, 6),
    (112, 112, 5, 1, 6),
)
EPS = 1e-3  # of its batch norms


class FeatureSpace(Protocol):
    """Pictures → points. Swappable: whatever measures a distance takes one and prints its name."""

    name: str  # network, layer, input size: what must be the same for two scores to compare
    dims: int

    def __call__(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float in [-1, 1] → (N, dims) float32, on the same device; each picture for itself."""
        ...


class Conv(nn.Conv2d):
    """A convolution padded as TensorFlow pads an even size: output = size / stride, the odd pixel at the end."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(inside, outside, kernel, stride, groups=groups)
        before = (kernel - stride) // 2 if kernel > 1 else 0
        self.edges = (before, kernel - stride - before if kernel > 1 else 0) * 2

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.edges) if any(self.edges) else x)


class Block(nn.Module):
    """Widen, filter each channel, narrow; added to its input where the shapes allow (Sandler et al. 2018, fig. 4)."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = inside * expansion
        self.expand = Conv(inside, wide, 1) if expansion > 1 else None
        self.depthwise = Conv(wide, wide, kernel, stride, groups=wide)
        self.project = Conv(wide, outside, 1)
        self.adds = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))  # (N, 6 C, h, w)
        y = self.project(F.relu6(self.depthwise(y)))  # (N, C', h / stride, w / stride)
        return x + y if self.adds else y


class FirstStages(nn.Module):
    """(N, 3, R, R) in [-1, 1], R a multiple of 16 → (N, 112, R/16, R/16)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, 32, 3, 2)
        self.blocks = nn.Sequential(*(Block(*row) for row in BLOCKS))

    def forward(self, images: Tensor) -> Tensor:
        return self.blocks(F.relu6(self.stem(images)))


class EffNetLite0:
    """Each channel's mean over the 8x8 grid at stride 16. A `FeatureSpace`.

    Means alone: standard deviations beside them double the dimensions and with them the bias of a distance
    between samples, and tell faces from blurred, noisy or forged ones less well for it (measured, n = 1,500).
    """

    name = f"effnet-lite0-s16-{SIDE}px"
    dims = BLOCKS[-1][1]

    def __init__(self, file: Path = FILE, device: torch.device | str = "cpu"):
        """Raises Refusal when the weights are missing or not these."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            state = load(pinned(file.name) if file == FILE else file.read_bytes())
            with torch.device("meta"):
                network = FirstStages()
            network.load_state_dict({key: t.float() for key, t in state.items()}, assign=True)
        except (OSError, SafetensorError, RuntimeError) as error:
            why = str(error).splitlines()[0]
            raise Refusal(f"{file}: not the weights of {self.name} ({why}); run `make weights`") from None
        network = network.to(device, memory_format=torch.channels_last)  # 1.6 times as fast on a CPU
        self.network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        square = as_square(images, SIDE).contiguous(memory_format=torch.channels_last)
        return self.network(square).mean((2, 3))  # (N, 112)


@cache
def shipped(device: str = "cpu") -> FeatureSpace:
    """The space that comes with us, read once."""
    return EffNetLite0(device=device)


def as_square(images: Tensor, side: int) -> Tensor:
    """(N, C, H, W) → (N, 3, side, side) float32: bilinear, antialiased.

    Grey becomes RGB, a fourth channel is left out. Raises Refusal for two channels.
    """
    if images.shape[1] == 2:
        raise Refusal("pictures of 2 channels cannot be seen by a network for colour; give 1, 3 or 4")
    images = images.float()
    images = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images[:, :3]
    if images.shape[2:] == (side, side):
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)


def features_of(batches: Iterable[Tensor], space: FeatureSpace) -> np.ndarray:
    """All pictures of all batches → (N, dims) float32."""
    rows = [space(images).cpu().numpy() for images in batches]
    return np.concatenate(rows) if rows else np.empty((0, space.dims), np.float32)


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of `FirstStages`, float16, from a whole EfficientNet-Lite0 under its first PyTorch port's names.

    A convolution and the batch norm after it become one convolution with a bias.
    """
    parts = {"stem": ("_conv_stem", "_bn0")}
    for i, (*_, expansion) in enumerate(BLOCKS):
        at = f"_blocks.{i}."
        if expansion > 1:
            parts[f"blocks.{i}.expand"] = (f"{at}_expand_conv", f"{at}_bn0")
        parts[f"blocks.{i}.depthwise"] = (f"{at}_depthwise_conv", f"{at}_bn1")
        parts[f"blocks.{i}.project"] = (f"{at}_project_conv", f"{at}_bn2")
    tensors = {}
    for name, (conv, norm) in parts.items():
        gain = state[f"{norm}.weight"].double() / (state[f"{norm}.running_var"].double() + EPS).sqrt()
        tensors[f"{name}.weight"] = (state[f"{conv}.weight"].double() * gain[:, None, None, None]).half()
        bias = state[f"{norm}.bias"].double() - state[f"{norm}.running_mean"].double() * gain
        tensors[f"{name}.bias"] = bias.half()
    return tensors
