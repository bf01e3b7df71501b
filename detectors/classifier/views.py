"""The two views of a face, each with a network of its own.

The whole of it at the network's size shows shape and what is left after shrinking. Patches at the photo's own
pixels keep the finest traces, which any resampling would smear; they need a face larger than a patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from detectors.classifier.network import Network
from forensics.face import cut
from forensics.tensors import to_tensor

AROUND = 1.25  # of the square: where patches are taken
GRID = 3  # patches along and across


@dataclass(frozen=True)
class Seen:
    """What a network said of one face: natural log-odds, a cell (h, w) each; their mean is the score."""

    cells: np.ndarray
    places: tuple[tuple[int, int], ...] = ()  # (top, left) of the patches; `cells` are one patch each then

    @property
    def score(self) -> float:
        return float(self.cells.mean())


def windows(shape: tuple[int, ...], square: np.ndarray, size: int) -> list[tuple[int, int]]:
    """(top, left) of up to nine `size` px patches that cover the face square (4, 2) and a little around it."""
    centre, reach = square.mean(0), np.abs(square - square.mean(0)).max() * AROUND
    (left, top), (right, bottom) = centre - reach, centre + reach
    top, left = max(0, int(top)), max(0, int(left))
    bottom, right = min(shape[0], int(np.ceil(bottom))), min(shape[1], int(np.ceil(right)))
    if bottom - top < size or right - left < size:
        return []
    rows, columns = (np.linspace(a, b - size, GRID).astype(int) for a, b in ((top, bottom), (left, right)))
    return list(dict.fromkeys((int(y), int(x)) for y in rows for x in columns))


def see(network: Network, pixels: np.ndarray, square: np.ndarray) -> Seen | None:
    """The network's view of the face in a picture (H, W, 3); None where the face is too small for patches."""
    size = network.config.size
    if network.config.view == "whole":
        view = cut(pixels, square, size)
        straight, mirrored = logits(network, [view, np.ascontiguousarray(view[:, ::-1])])
        return Seen(((straight + mirrored.flip(-1)) / 2).numpy())
    places = windows(pixels.shape, square, size)
    if not places:
        return None
    found = logits(network, [np.ascontiguousarray(pixels[y : y + size, x : x + size]) for y, x in places])
    return Seen(found.mean((1, 2))[:, None].numpy(), tuple(places))


@torch.inference_mode()
def logits(network: Network, views: list[np.ndarray]) -> torch.Tensor:
    """(N, h, w) float32, on the CPU."""
    device = next(network.parameters()).device
    return network(to_tensor(views).to(device, memory_format=torch.channels_last)).float().cpu()
