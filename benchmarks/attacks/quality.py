"""What an attack costs a picture, before anything else happens to it: PSNR, SSIM, and how far it moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from forensics.features import shipped
from forensics.tensors import to_tensor

SIGMA = 1.5  # px, of the window of Wang et al.
K1, K2, LEVELS = 0.01, 0.03, 255


@dataclass(frozen=True)
class Loss:
    """Of one attacked picture against the one that it was made from."""

    psnr: float  # dB; infinite where nothing changed
    ssim: float  # at most 1, and 1 where nothing changed
    moved: float  # distance in the shipped feature space (forensics.features); 0 where nothing changed

    @classmethod
    def of(cls, before: np.ndarray, after: np.ndarray) -> Loss:
        """Both (H, W, 3) uint8."""
        apart = float(np.linalg.norm(features(before) - features(after)))
        return cls(round(psnr(before, after), 3), round(ssim(before, after), 5), round(apart, 5))


def psnr(before: np.ndarray, after: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over all channels of uint8 pictures; higher is nearer, inf for equal ones."""
    error = float(((before.astype(np.float64) - after) ** 2).mean())
    return 10 * math.log10(LEVELS**2 / error) if error else math.inf


def ssim(before: np.ndarray, after: np.ndarray) -> float:
    """Mean structural similarity of the luminance of two (H, W, 3) uint8 pictures (Wang et al. 2004, eq. 13).

    Gaussian window of 1.5 px; 1 for equal pictures, about 0 for unrelated ones.
    """
    x, y = (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64) for pixels in (before, after))
    mean_x, mean_y = around(x), around(y)
    var_x, var_y = around(x * x) - mean_x**2, around(y * y) - mean_y**2
    both = around(x * y) - mean_x * mean_y
    c1, c2 = (K1 * LEVELS) ** 2, (K2 * LEVELS) ** 2
    alike = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    return float((alike / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


def around(values: np.ndarray) -> np.ndarray:
    """The mean around each pixel, in the window."""
    return cv2.GaussianBlur(values, (11, 11), SIGMA)


def features(pixels: np.ndarray) -> np.ndarray:
    """(dims,) float32 of a picture (H, W, 3) uint8."""
    return shipped()(to_tensor([pixels]))[0].numpy()
