"""Weights that Keras saved (.h5), layer by layer. Needs h5py, which is no dependency of ours; nothing is executed.

A file holds one group a layer ("conv2d_3"), in it kernel and bias, or gamma, beta, moving_mean, moving_variance.
Keras numbers the layers of a kind as they were made, which is also the order in the paper's figures.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from detectors.published.manifest import Manifest
from forensics.refusal import Refusal

KINDS = ("conv2d", "batch_normalization", "dense")
PARTS = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
LAYER = re.compile(rf"({'|'.join(KINDS)})(?:_(\d+))?")
MOST = 2**22  # values in a file; MesoNets hold 28 thousand


def read_layers(path: Path, manifest: Manifest) -> dict[str, list[dict[str, Tensor]]]:
    """Per kind, the layers in the order of their numbers: torch's names for their parts, torch's order of axes.

    Raises Refusal without h5py, and for a file that is no such thing.
    """
    try:
        import h5py
    except ImportError:
        raise Refusal(f"{path}: reading .h5 needs h5py; run `pip install h5py`, or save it as .safetensors") from None
    found: dict[str, dict[int, dict[str, Tensor]]] = {kind: {} for kind in KINDS}
    left = MOST
    try:
        with h5py.File(path, "r") as file:
            datasets: list[tuple[str, h5py.Dataset]] = []
            file.visititems(lambda name, item: datasets.append((name, item)) if hasattr(item, "shape") else None)
            for name, item in datasets:
                *groups, part = name.split("/")
                part = part.split(":")[0]
                match = next((m for g in groups if (m := LAYER.fullmatch(g))), None)
                if match is None or part not in PARTS:
                    continue
                left -= int(item.size)
                if left < 0 or item.is_virtual or item.external:
                    raise ValueError("it is far too large, or points into other files")
                values = torch.from_numpy(item[()]).float()
                layer = found[match[1]].setdefault(int(match[2] or 0), {})
                layer[PARTS[part]] = turned(values) if part == "kernel" else values
    except Exception as error:
        raise Refusal(f"{path} is no Keras file ({first_words(error)}); expected: {manifest.published_as}") from None
    return {kind: [layers[number] for number in sorted(layers)] for kind, layers in found.items()}


def turned(kernel: Tensor) -> Tensor:
    """(kh, kw, in, out) → (out, in, kh, kw), (in, out) → (out, in)."""
    return (kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T).contiguous()


def first_words(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
