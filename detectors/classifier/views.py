"""The two views of a face: the whole of it at the network's size, and patches at the photo's own pixels.

The whole shows shape and what is left after shrinking; patches keep the finest traces, which any
resampling would smear. One network sees both; a photo's score is the mean of the two views' means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from detectors.classifier.network import Network
from forensics.face import cut
from forensics.tensors import to_tensor

AROUND = 1.25  # of the square: where patches are taken


@dataclass(frozen=True)
class Seen:
    """What the network said of one face. Logits are natural log-odds; `whole` is (h, w) over the square."""

    whole: np.ndarray
    patches: tuple[float, ...]  # mean logit of each patch; none where the face is smaller than one

    @property
    def score(self) -> float:
        whole = float(self.whole.mean())
        return (whole + float(np.mean(self.patches))) / 2 if self.patches else whole


def windows(shape: tuple[int, ...], square: np.ndarray, size: int) -> list[tuple[int, int]]:
    """(top, left) of up to five `size` px patches around the square (4, 2): the corners and the middle."""
    centre, reach = square.mean(0), np.abs(square - square.mean(0)).max() * AROUND
    (left, top), (right, bottom) = centre - reach, centre + reach
    top, left = max(0, int(top)), max(0, int(left))
    bottom, right = min(shape[0], int(np.ceil(bottom))), min(shape[1], int(np.ceil(right)))
    if bottom - top < size or right - left < size:
        return []
    down, across = bottom - size, right - size
    found = [(top, left), (top, across), (down, left), (down, across), ((top + down) // 2, (left + across) // 2)]
    return list(dict.fromkeys(found))


def see(network: Network, pixels: np.ndarray, square: np.ndarray) -> Seen:
    """Both views of the face in a picture (H, W, 3), the whole also mirrored."""
    size = network.config.size
    whole = cut(pixels, square, size)
    views = [whole, np.ascontiguousarray(whole[:, ::-1])]
    places = windows(pixels.shape, square, size) if network.config.patches else []
    views += [np.ascontiguousarray(pixels[y : y + size, x : x + size]) for y, x in places]
    images = to_tensor(views).to(next(network.parameters()).device, memory_format=torch.channels_last)
    with torch.inference_mode():
        logits = network(images).float().cpu()
    straight, mirrored, *patches = logits
    return Seen(((straight + mirrored.flip(-1)) / 2).numpy(), tuple(float(one.mean()) for one in patches))
