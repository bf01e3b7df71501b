"""Spectrum: how power falls with frequency in what remains of a photo when its picture is taken away.

Generators build pictures by upsampling, and most leave more or less power at high frequencies than
a lens, a sensor and a camera's software do (Durall et al. 2020, "Watch your Up-Convolution", section 3).
Measured at native pixels: a photo that is resized first has the spectrum of the resizing.

    residual = luminance − its 3×3 median          noise and texture; edges mostly go
    P(f)     = |FFT(Hann · residual)|², on 64 px blocks, averaged over all directions (eq. 4-5 there)
    level(f) = mean over blocks of 10·log10 P(f)   in dB, 32 frequencies, 1/64 … 1/2 cycles per pixel
    z        = (level − mean) / scale, within ±4
    score    = w · z + v · z² + bias                a logistic regression, fitted by `fitting.py`
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import scipy.fft

from detectors.frequency.plot import Plot
from forensics.evidence import Evidence, Mark, silent
from forensics.face import largest_face
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.view import at_known_size

BLOCK = 64  # px: the side of a block, and the least that is examined
MOST = 16  # blocks along a side; large areas are sampled evenly, so the cost is bounded
BINS = BLOCK // 2
FREQUENCIES = np.arange(1, BINS + 1) / BLOCK  # cycles per pixel
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
FLOOR = 1e-2  # grey levels squared; rounding to 8 bits alone leaves 1/12, so this is nothing (−20 dB)
LIMIT = 4.0  # standard deviations: beyond it a photo is unlike all that was fitted, and says no more
HIGH = FREQUENCIES >= 0.35  # the band that the finding speaks of

WINDOW = np.outer(np.hanning(BLOCK + 1)[:-1], np.hanning(BLOCK + 1)[:-1]).astype(np.float32)
_RADIUS = np.hypot(np.fft.fftfreq(BLOCK)[:, None], np.fft.rfftfreq(BLOCK)[None]) * BLOCK  # (64, 33)
_RING = np.round(_RADIUS).astype(int)  # which bin; 0 (the mean) and corners past 0.5 are left out
_TWICE = np.full((BLOCK, BINS + 1), 2.0)  # rfft2 holds half the plane: inner columns stand for two
_TWICE[:, (0, -1)] = 1.0
# (64·33, 32): from the power of one block to the mean power of each ring.
RINGS = np.stack([((k == _RING) * _TWICE).ravel() / ((k == _RING) * _TWICE).sum() for k in range(1, BINS + 1)], 1)
RINGS = (RINGS / (WINDOW**2).sum()).astype(np.float32)

CAVEATS = (
    "Resizing, sharpening and JPEG change the spectrum of any picture; the fit saw such histories, not yours.",
    "Small differences between resolutions of the same camera can be as large as those between camera and generator.",
)


def blocks(area: np.ndarray) -> np.ndarray:
    """Cut (H, W, ...) into (N, 64, 64, ...): half overlapping, at most 16 × 16, evenly spread.

    Raises ValueError when a side is under 64.
    """
    if min(area.shape[:2]) < BLOCK:
        raise ValueError(f"an area of {area.shape[1]}x{area.shape[0]} holds no block of {BLOCK} px")
    rows, columns = (starts(n) for n in area.shape[:2])
    return np.stack([area[y : y + BLOCK, x : x + BLOCK] for y in rows for x in columns])


def starts(length: int) -> np.ndarray:
    """Where blocks begin along a side of `length` px."""
    count = min(MOST, 1 + -(-(length - BLOCK) // (BLOCK // 2)))
    return np.linspace(0, length - BLOCK, count).round().astype(int)


def residual(luminance: np.ndarray) -> np.ndarray:
    """Blocks (N, 64, 64) float32 minus their 3×3 median: noise and fine texture, in grey levels."""
    return np.stack([block - cv2.medianBlur(block, 3) for block in luminance])


def block_levels(cut: np.ndarray) -> np.ndarray:
    """Radial power of each block: (N, 64, 64) float → (N, 32) dB, as in `radial_spectrum`."""
    centred = cut - cut.mean((1, 2), keepdims=True)
    power = np.abs(scipy.fft.rfft2(centred.astype(np.float32) * WINDOW)) ** 2  # (N, 64, 33)
    return 10 * np.log10(power.reshape(len(cut), -1) @ RINGS + FLOOR)


def radial_spectrum(luminance: np.ndarray) -> np.ndarray:
    """Azimuthally averaged power spectrum of (H, W), sides of at least 64 → (32,) dB.

    Welch's method: 64 px blocks with a Hann window, so that the picture's size does not matter.
    Bin k is the mean power within half a bin of k/64 cycles per pixel, averaged over blocks in dB.
    Scaled so that white noise of variance v is flat at 10·log10(v), less 1 to 2 dB in the very lowest
    bins, where few frequencies are averaged before the logarithm. Raises ValueError when too small.
    """
    return block_levels(blocks(np.asarray(luminance, dtype=np.float32))).mean(0)


def measured_area(photo: Photo) -> tuple[int, int, int, int] | None:
    """left, top, right, bottom of the largest face, clipped and at least 64 px a side; None = whole photo.

    On a face, because skin and hair are alike in all photos, backgrounds are not; the photo must
    be at least 64 px a side.
    """
    face = largest_face(photo)
    if face is None:
        return None
    left, top, right, bottom = face.box
    left, right = widened(left, right, photo.width)
    top, bottom = widened(top, bottom, photo.height)
    return left, top, right, bottom


def widened(low: int, high: int, length: int) -> tuple[int, int]:
    """[low, high) clipped to [0, length) and widened around its middle to at least one block."""
    low, high = min(max(low, 0), length), max(min(high, length), 0)
    if high - low < BLOCK:
        low = min(max((low + high) // 2 - BLOCK // 2, 0), length - BLOCK)
        high = low + BLOCK
    return low, high


def measure(photo: Photo) -> tuple[np.ndarray | None, tuple[int, int, int, int] | None]:
    """Levels (32,) dB of a photo's residual, and the area it was measured on (None = whole photo).

    The levels are None where there is nothing to measure: each block is blank.
    """
    area = measured_area(photo)
    left, top, right, bottom = area or (0, 0, photo.width, photo.height)
    noise = residual(blocks(photo.pixels[top:bottom, left:right]) @ LUMA)
    noise = noise[noise.var((1, 2)) > FLOOR]  # clipped sky and painted backgrounds say nothing
    return (block_levels(noise).mean(0) if len(noise) else None), area


@dataclass(frozen=True)
class Model:
    """What was fitted. Each (32,) float32: squares of `z` have weights of their own; bands in dB."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    square_weights: np.ndarray
    bias: np.ndarray  # (1,)
    real_mean: np.ndarray
    real_low: np.ndarray  # a tenth of the real training photos lie under it
    real_high: np.ndarray
    fake_mean: np.ndarray
    fake_low: np.ndarray
    fake_high: np.ndarray

    def score(self, levels: np.ndarray) -> float:
        z = np.clip((levels - self.mean) / self.scale, -LIMIT, LIMIT)
        return float(z @ self.weights + z**2 @ self.square_weights + self.bias[0])


class Spectrum:
    """Compares a photo's radial power spectrum with those of camera photos and generated ones."""

    name: ClassVar[str] = "spectrum"
    question: ClassVar[str] = "Does the picture's spectrum fall off as a camera's does?"
    scores: ClassVar[bool] = True

    def __init__(self, model: Model, weights: str | None = None):
        self.model = model
        self.weights = weights

    @classmethod
    def load(cls, weights: Path) -> Spectrum:
        """Read `spectrum.safetensors` in a folder. Raises Refusal when it is missing or not ours."""
        from safetensors.numpy import load

        path = Path(weights) / "spectrum.safetensors"
        if not path.exists():
            raise Refusal(f"{path} is missing; run `make weights` or name a folder that holds it")
        data = path.read_bytes()
        try:
            model = Model(**load(data))
        except Exception as error:
            raise Refusal(f"{path} is no spectrum model ({error}); run `make weights`") from None
        return cls(model, hashlib.sha256(data).hexdigest())

    def examine(self, photo: Photo) -> Evidence:
        if min(photo.width, photo.height) < BLOCK:
            size = f"{photo.width}x{photo.height}"
            return silent(self.name, f"The photo is {size} px; the spectrum needs {BLOCK} px a side.")
        levels, _ = measure(at_known_size(photo))
        if levels is None:
            return silent(self.name, "The picture is blank: there is no noise or texture to measure.")
        marks, area = (), measured_area(photo)
        if area:
            left, top, right, bottom = area
            marks = (Mark("spectrum of this area", left, top, right - left, bottom - top),)
        score = self.model.score(levels)
        return Evidence(
            self.name, score, self.finding(levels, area is not None), marks, self.plot.draw(levels), caveats=CAVEATS
        )

    def finding(self, levels: np.ndarray, on_face: bool) -> str:
        """The high band against camera photos, as the plot shows it."""
        usual = float(self.model.real_mean[HIGH].mean())
        above = float(levels[HIGH].mean()) - usual
        low, high = (float(line[HIGH].mean()) - usual for line in (self.model.real_low, self.model.real_high))
        return (
            f"High frequencies (0.35–0.5 cycles/px) of {'the face' if on_face else 'the picture'} hold"
            f" {abs(above):.1f} dB {'more' if above > 0 else 'less'} power than in the average camera photo"
            f" (8 of 10 lie between {low:+.0f} and {high:+.0f} dB)."
        )

    @cached_property
    def plot(self) -> Plot:
        model = self.model
        return Plot(
            FREQUENCIES,
            (model.real_mean, model.real_low, model.real_high),
            (model.fake_mean, model.fake_low, model.fake_high),
        )
