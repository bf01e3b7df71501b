"""From a photo to what a published network sees: a crop or a resizing, then numbers.

Nothing is shrunk unless the method's authors shrink: resizing removes most of what these networks look for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from forensics.evidence import Mark
from forensics.photo import Photo


@dataclass(frozen=True, eq=False)
class View:
    """pixels: (h, w, 3) uint8, what is shown to the network. box: left, top, width, height in the photo."""

    pixels: np.ndarray
    box: tuple[int, int, int, int]

    def mark(self, label: str, photo: Photo) -> tuple[Mark, ...]:
        """The box, where it is not the whole photo."""
        whole = (0, 0, photo.width, photo.height)
        return () if self.box == whole else (Mark(label, *self.box),)


@dataclass(frozen=True)
class Statistics:
    """Means and standard deviations of red, green and blue in [0, 1], taken off a picture."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def normalised(self, pixels: np.ndarray) -> Tensor:
        """(h, w, 3) uint8 → (1, 3, h, w) float32."""
        unit = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255
        return (unit - column(self.mean)) / column(self.std)


def column(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)


IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = Statistics((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))  # Radford et al. 2021
UNIT = Statistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def centre(photo: Photo, most: int, multiple: int = 1) -> View:
    """The middle of a photo in its own pixels: at most `most` a side, sides cut to a multiple of `multiple`."""
    width, height = (min(side, most) // multiple * multiple for side in (photo.width, photo.height))
    left, top = round((photo.width - width) / 2), round((photo.height - height) / 2)
    return View(photo.pixels[top : top + height, left : left + width], (left, top, width, height))


def squeezed(photo: Photo, side: int) -> View:
    """The whole photo at side × side, its proportions given up: bilinear with anti-aliasing, as Pillow does it."""
    small = Image.fromarray(photo.pixels).resize((side, side), Image.Resampling.BILINEAR)
    return View(np.asarray(small), (0, 0, photo.width, photo.height))
