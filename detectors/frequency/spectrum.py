"""Spectrum: how power falls with frequency in what remains of a photo when its picture is taken away.

Generators build pictures by upsampling, and most leave more or less power at high frequencies than
a lens, a sensor and a camera's software do (Durall et al. 2020, "Watch your Up-Convolution", section 3).
Measured at native pixels: a photo that is resized first has the spectrum of the resizing.

    residual = luminance − its 3×3 median          noise and texture; edges mostly go
    P(f)     = |FFT(Hann · residual)|², on 64 px blocks, averaged over all directions (eq. 4-5 there)
    value(f) = mean over blocks of 10·log10 P(f)   in dB, 32 frequencies, 1/64 … 1/2 cycles per pixel
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.fft

from detectors.frequency.cue import Cue
from detectors.frequency.plot import Chart
from detectors.frequency.region import LEAST, Region

BLOCK = 64  # px: the side of a block, and the least that is examined
MOST = 16  # blocks along a side; large areas are sampled evenly, so the cost is bounded
BINS = BLOCK // 2
FREQUENCIES = np.arange(1, BINS + 1) / BLOCK  # cycles per pixel
FLOOR = 1e-2  # grey levels squared; rounding to 8 bits alone leaves 1/12, so this is nothing (−20 dB)
HIGH = FREQUENCIES >= 0.35  # the band that the finding speaks of
assert BLOCK == LEAST

WINDOW = np.outer(np.hanning(BLOCK + 1)[:-1], np.hanning(BLOCK + 1)[:-1]).astype(np.float32)
_RADIUS = np.hypot(np.fft.fftfreq(BLOCK)[:, None], np.fft.rfftfreq(BLOCK)[None]) * BLOCK  # (64, 33)
_RING = np.round(_RADIUS).astype(int)  # which bin; 0 (the mean) and corners past 0.5 are left out
_TWICE = np.full((BLOCK, BINS + 1), 2.0)  # rfft2 holds half the plane: inner columns stand for two
_TWICE[:, (0, -1)] = 1.0
# (64·33, 32): from the power of one block to the mean power of each ring.
RINGS = np.stack([((k == _RING) * _TWICE).ravel() / ((k == _RING) * _TWICE).sum() for k in range(1, BINS + 1)], 1)
RINGS = (RINGS / (WINDOW**2).sum()).astype(np.float32)


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


class Spectrum(Cue):
    """Compares a photo's radial power spectrum with those of camera photos and generated ones."""

    name: ClassVar[str] = "spectrum"
    question: ClassVar[str] = "Does the picture's spectrum fall off as a camera's does?"
    size: ClassVar[int] = BINS
    method: ClassVar[str] = "32 levels (dB) of the radial power spectrum of what a 3×3 median leaves of the luminance"
    chart: ClassVar[Chart] = Chart(
        "Power of noise and fine texture, by frequency",
        "frequency, cycles per pixel (0.5 = finest)",
        "power, dB",
        FREQUENCIES,
        np.arange(BINS),
    )

    @staticmethod
    def values(region: Region) -> np.ndarray | None:
        """(32,) dB; None where each block is blank: clipped sky and painted backgrounds say nothing."""
        noise = blocks(region.residual)
        noise = noise[noise.var((1, 2)) > FLOOR]
        return block_levels(noise).mean(0) if len(noise) else None

    def finding(self, levels: np.ndarray, where: str) -> str:
        """The high band against camera photos, as the plot shows it."""
        usual = float(self.model.real_mean[HIGH].mean())
        above = float(levels[HIGH].mean()) - usual
        low, high = (float(line[HIGH].mean()) - usual for line in (self.model.real_low, self.model.real_high))
        alike = "" if self.model.slopes is None else " of its JPEG quality"
        return (
            f"High frequencies (0.35–0.5 cycles/px) of {where} hold"
            f" {abs(above):.1f} dB {'more' if above > 0 else 'less'} power than in the average camera photo{alike}"
            f" (8 of 10 lie between {low:+.0f} and {high:+.0f} dB)."
        )
