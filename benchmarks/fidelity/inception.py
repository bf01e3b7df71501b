"""InceptionV3 as FID knows it: a `FeatureSpace` of 2,048 dimensions, from a file that the user has.

Szegedy et al. 2016, table 1, as published on 2015-12-05 and used by Heusel et al. 2017. Two kinds of file fit, by
their number of classes. Both are named like torchvision's `inception_v3`, `.pth` or `.safetensors`:

- 1,008: "pt_inception-2015-12-05", that network's weights. Its average pools do not count the border, its last
  pool (Mixed_7c) takes the maximum, it sees (pixel - 128) / 128, and pictures are resized as TensorFlow 1 did
  (pixel i of 299 lies at i · size / 299, bilinear, not antialiased). Scores in it are FID and KID, by name.
- 1,000: torchvision's own. Other weights, its own pools; pictures are antialiased. Scores are "FID-like".

Checked: torchvision's network gives the same (tests, random weights); the resizing and both pools against their
definitions. Not checked: published activations or scores, for no such weights are here. NVIDIA's own file is a
program (TorchScript) and is not opened.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from forensics.corpus import file_sha256
from forensics.features import as_square
from forensics.refusal import Refusal

SIDE, DIMS = 299, 2048
PUBLISHED = "6726825d"  # SHA-256 of pt_inception-2015-12-05-6726825d.pth begins so
EPS = 1e-3  # of batch norms
WIDTHS = (128, 160, 160, 192)  # of Mixed_6b to 6e
Step = tuple  # (name, maps, kernel) or (name, maps, kernel, stride), or two of them side by side


def mixed_5(pooled: int) -> tuple[list[Step], ...]:
    """35x35: after figure 5."""
    return (
        [("branch1x1", 64, 1)],
        [("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)],
        [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)],
        [("branch_pool", pooled, 1)],
    )


def mixed_6(narrow: int) -> tuple[list[Step], ...]:
    """17x17: figure 6, n = 7."""
    names = [f"branch7x7dbl_{i}" for i in range(1, 6)]
    double = zip(names, (narrow,) * 4 + (192,), (1, (7, 1), (1, 7), (7, 1), (1, 7)), strict=True)
    return (
        [("branch1x1", 192, 1)],
        [("branch7x7_1", narrow, 1), ("branch7x7_2", narrow, (1, 7)), ("branch7x7_3", 192, (7, 1))],
        list(double),
        [("branch_pool", 192, 1)],
    )


def mixed_7() -> tuple[list[Step], ...]:
    """8x8: figure 7."""

    def fork(name: str) -> Step:
        return (f"{name}a", 384, (1, 3)), (f"{name}b", 384, (3, 1))

    return (
        [("branch1x1", 320, 1)],
        [("branch3x3_1", 384, 1), fork("branch3x3_2")],
        [("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3), fork("branch3x3dbl_3")],
        [("branch_pool", 192, 1)],
    )


TO_17: tuple[list[Step], ...] = (  # figure 10; the last branch is a pool alone
    [("branch3x3", 384, 3, 2)],
    [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3, 2)],
    [],
)
TO_8: tuple[list[Step], ...] = (
    [("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3, 2)],
    [
        ("branch7x7x3_1", 192, 1),
        ("branch7x7x3_2", 192, (1, 7)),
        ("branch7x7x3_3", 192, (7, 1)),
        ("branch7x7x3_4", 192, 3, 2),
    ],
    [],
)


class Conv(nn.Module):
    """Convolution without bias, batch norm, ReLU. Of stride 1 it keeps the size unless `padded` is False."""

    def __init__(
        self, inside: int, outside: int, kernel: int | tuple[int, int], stride: int = 1, padded: bool = True
    ):
        super().__init__()
        high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        edge = (high // 2, wide // 2) if stride == 1 and padded else 0
        self.conv = nn.Conv2d(inside, outside, (high, wide), stride, edge, bias=False)
        self.bn = nn.BatchNorm2d(outside, EPS)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches of convolutions, side by side in channels. The last starts with the pool: (N, C, h, w) → itself."""

    def __init__(self, inside: int, branches: tuple[list[Step], ...], pool: nn.Module):
        super().__init__()
        self.pool, self.branches, self.outside = pool, branches, 0
        for branch in branches:
            width = inside
            for step in branch:
                forks = step if isinstance(step[0], tuple) else (step,)
                for name, maps, kernel, *stride in forks:
                    self.add_module(name, Conv(width, maps, kernel, *stride))
                width = sum(maps for _, maps, *_ in forks)
            self.outside += width

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for number, branch in enumerate(self.branches):
            y = self.pool(x) if number == len(self.branches) - 1 else x
            for step in branch:
                forks = step if isinstance(step[0], tuple) else (step,)
                y = torch.cat([getattr(self, name)(y) for name, *_ in forks], 1)
            found.append(y)
        return torch.cat(found, 1)


class InceptionV3(nn.Module):
    """(N, 3, 299, 299) → (N, 2048), the mean over the last 8x8 maps. `published`: pools as in 2015-12-05."""

    def __init__(self, published: bool):
        super().__init__()
        shrink = nn.MaxPool2d(3, 2)
        mean = nn.AvgPool2d(3, 1, 1, count_include_pad=not published)
        last = nn.MaxPool2d(3, 1, 1) if published else mean
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3, padded=False)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3)
        self.shrink = shrink
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3, padded=False)
        rows = {
            **{f"Mixed_5{at}": (mixed_5(pooled), mean) for at, pooled in zip("bcd", (32, 64, 64), strict=True)},
            "Mixed_6a": (TO_17, shrink),
            **{f"Mixed_6{at}": (mixed_6(width), mean) for at, width in zip("bcde", WIDTHS, strict=True)},
            "Mixed_7a": (TO_8, shrink),
            "Mixed_7b": (mixed_7(), mean),
            "Mixed_7c": (mixed_7(), last),
        }
        width = 192
        for name, (branches, pool) in rows.items():
            block = Mixed(width, branches, pool)
            self.add_module(name, block)
            width = block.outside
        self.blocks = tuple(rows)

    def forward(self, x: Tensor) -> Tensor:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (N, 64, 147, 147)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.shrink(x)))  # (N, 192, 71, 71)
        x = self.shrink(x)  # (N, 192, 35, 35)
        for name in self.blocks:
            x = getattr(self, name)(x)
        return x.mean((2, 3))  # (N, 2048)


class Inception:
    """InceptionV3's last pool. A `FeatureSpace`; `sha256` is its file's."""

    dims = DIMS

    def __init__(self, file: Path, device: torch.device | str = "cpu"):
        """Raises Refusal for a file that holds no such weights; nothing in it is executed."""
        tensors = state_of(file)
        classes = len(tensors["fc.weight"]) if "fc.weight" in tensors else 0
        if classes not in (1000, 1008):
            raise Refusal(f"{file}: no InceptionV3 of 1,008 (FID's) or 1,000 classes under torchvision's names")
        self.sha256, self.as_published = file_sha256(file), classes == 1008
        self.verified = self.as_published and self.sha256.startswith(PUBLISHED)
        self.name = f"inception-{'2015-12-05' if self.as_published else 'torchvision'}-pool3-{SIDE}px"
        with torch.device("meta"):
            network = InceptionV3(self.as_published)
        wanted = network.state_dict()
        missing = [key for key, t in wanted.items() if key not in tensors or tensors[key].shape != t.shape]
        missing = [key for key in missing if not key.endswith("num_batches_tracked")]
        if missing:
            raise Refusal(f"{file}: not InceptionV3's weights; {missing[0]} is missing or of another shape")
        counted = {key: torch.zeros((), dtype=torch.long) for key in wanted if key.endswith("num_batches_tracked")}
        kept = {key: tensors[key].float() for key in wanted if key not in counted}
        network.load_state_dict(kept | counted, assign=True)
        self.network = network.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        x = as_tensorflow(images, SIDE) if self.as_published else as_square(images, SIDE)
        return self.network(x.contiguous(memory_format=torch.channels_last))


def state_of(file: Path) -> Mapping[str, Tensor]:
    """Tensors by name. Raises Refusal for whatever is no plain state dict."""
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with warnings.catch_warnings(action="ignore"):  # of pickles that torch did not write
            found = torch.load(file, map_location="cpu", weights_only=True)
    except (Exception, MemoryError) as error:  # readers of archives raise whatever they like
        why = getattr(error, "strerror", None) or type(error).__name__
        raise Refusal(f"{file}: cannot be read as weights ({why}); give a .pth state dict or .safetensors") from None
    if not isinstance(found, Mapping) or not all(isinstance(t, Tensor) for t in found.values()):
        raise Refusal(f"{file}: holds no plain state dict; give one, as .pth or .safetensors")
    return found


def as_tensorflow(images: Tensor, side: int) -> Tensor:
    """(N, C, H, W) in [-1, 1] → (N, 3, side, side) as that graph saw it: pixels, resized, (p - 128) / 128.

    Grey becomes RGB, a fourth channel is left out. Raises Refusal for two channels.
    """
    if images.shape[1] == 2:
        raise Refusal("pictures of 2 channels cannot be seen by a network for colour; give 1, 3 or 4")
    images = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images[:, :3]
    pixels = (images.float() + 1) * 127.5
    return resized(resized(pixels, side, 2), side, 3).sub(128).div(128)


def resized(x: Tensor, size: int, axis: int) -> Tensor:
    """TensorFlow 1's ResizeBilinear along an axis: place i of `size` is read at i · length / size."""
    length = x.shape[axis]
    at = torch.arange(size, device=x.device, dtype=torch.float32) * (length / size)
    low = at.floor().long()
    share = (at - low).view([-1 if d == axis else 1 for d in range(x.ndim)])
    return torch.lerp(x.index_select(axis, low), x.index_select(axis, (low + 1).clamp(max=length - 1)), share)
