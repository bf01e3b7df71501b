"""Upsampling: whether the noise of a photo repeats itself, as layers that double a picture's size make it.

Transposed and bilinear up-convolutions leave periodic patterns: peaks in the spectrum of a denoiser's
residual, and ripples in its autocorrelation (Corvi et al. 2023, "Intriguing Properties of Synthetic Images",
sections 3-4; they use a network as denoiser, here a local Wiener filter).

    blurred  = Gaussian(luminance, 1 px);  v = local variance of luminance − blurred
    residual = (luminance − blurred) · 4 / (v + 4)              edges and texture are held down, noise stays
    P        = mean over 64 px blocks of |FFT(Hann · residual)|² / its sum
    value    = autocorrelation at 1-7 px across and down, 1-4 px aslant; log2 of P at 1/2 and 1/4 cycles
               per pixel over the median of its 5×5 surroundings; the same of the highest peaks elsewhere

JPEG's own period of 8 px is no generator's: a lag of 8 px and multiples of 1/8 are left out; where
they meet (1/4, 1/2), what is expected of the photo's JPEG steps is taken off (`cue.py`).
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
import scipy.fft

from detectors.frequency.cue import Cue
from detectors.frequency.plot import Chart
from detectors.frequency.region import Region
from detectors.frequency.spectrum import BLOCK, FLOOR, WINDOW, blocks

NOISE = 4.0  # grey levels squared: the variance that the filter takes for noise
LAGS = 7  # px, across and down
ASLANT = 4  # px
HALF, QUARTER = BLOCK // 2, BLOCK // 4
PLACES = (  # (down, across) cycles a block of the peaks that doublings leave
    (0, HALF), (HALF, 0), (HALF, HALF), (0, QUARTER), (QUARTER, 0), (QUARTER, QUARTER),
    (QUARTER, HALF), (HALF, QUARTER),
)  # fmt: skip
HIGHEST = 8  # peaks that are averaged
LOW = 6  # cycles a block: lower frequencies belong to the picture


def _elsewhere() -> np.ndarray:
    """(64, 64) bool: frequencies that are not low, nor within one of JPEG's multiples of 1/8 (Hann spreads peaks)."""
    cycles = np.abs(np.fft.fftfreq(BLOCK)) * BLOCK
    near = (cycles + 1) % (BLOCK // 8) <= 2
    return ~(near[:, None] & near[None]) & ((cycles[:, None] >= LOW) | (cycles[None] >= LOW))


ELSEWHERE = _elsewhere()


def denoised_away(luminance: np.ndarray) -> np.ndarray:
    """(H, W) uint8 → float32 residual of a local Wiener filter, in grey levels."""
    levels = luminance.astype(np.float32)
    rest = levels - cv2.GaussianBlur(levels, (0, 0), 1.0)
    return rest * NOISE / (cv2.GaussianBlur(rest * rest, (0, 0), 2.0) + NOISE)


def power(residual: np.ndarray) -> np.ndarray | None:
    """(H, W) → (64, 64): mean power spectrum of its blocks, each block of sum 4096; None where all are blank."""
    cut = blocks(residual)
    cut = (cut - cut.mean((1, 2), keepdims=True)) * WINDOW
    spectra = np.abs(scipy.fft.fft2(cut)) ** 2
    total = spectra.sum((1, 2))
    told = total > BLOCK**2 * (WINDOW**2).sum() * FLOOR  # Parseval: FLOOR is a variance
    return (spectra[told] / total[told, None, None]).mean(0) * BLOCK**2 if told.any() else None


def autocorrelation(spectrum: np.ndarray) -> np.ndarray:
    """(64, 64) power → (30,): 1-7 px across, 1-7 px down, then 1-4 by 1-4 px aslant, both slants averaged."""
    all_lags = scipy.fft.ifft2(spectrum).real
    all_lags = all_lags / all_lags[0, 0]
    aslant = (all_lags[1 : ASLANT + 1, 1 : ASLANT + 1] + all_lags[1 : ASLANT + 1, -1 : -ASLANT - 1 : -1]) / 2
    return np.concatenate([all_lags[0, 1 : LAGS + 1], all_lags[1 : LAGS + 1, 0], aslant.ravel()])


def peaks(spectrum: np.ndarray) -> np.ndarray:
    """(64, 64) power → (11,) log2 over surroundings: 8 `PLACES`; elsewhere the highest, the 8 highest, the spread."""
    level = np.log2(spectrum + 1e-3).astype(np.float32)
    around = cv2.medianBlur(np.pad(level, 2, mode="wrap"), 5)[2:-2, 2:-2]
    above = level - around
    named = [np.mean([above[a, b] for a in {y, -y} for b in {x, -x}]) for y, x in PLACES]
    others = np.sort(above[ELSEWHERE])
    return np.array([*named, others[-1], others[-HIGHEST:].mean(), others.std()])


class Upsampling(Cue):
    """Compares the periods in a face's noise with those of camera photos and generated ones."""

    name: ClassVar[str] = "upsampling"
    question: ClassVar[str] = "Does the noise repeat itself as upsampling makes it?"
    size: ClassVar[int] = 2 * LAGS + ASLANT**2 + len(PLACES) + 3
    method: ClassVar[str] = (
        "30 autocorrelations and 11 spectral peaks of what a Wiener filter takes from the luminance, without JPEG's "
        "period of 8 px"
    )
    chart: ClassVar[Chart] = Chart(
        "How the noise resembles itself a few pixels away, JPEG steps allowed for",
        "distance in px: across (→), down (↓)",
        "correlation",
        np.arange(2 * LAGS),
        np.arange(2 * LAGS),
        tuple(f"{lag}{arrow}" for arrow in "→↓" for lag in range(1, LAGS + 1)),
        (LAGS,),
    )

    @staticmethod
    def values(region: Region) -> np.ndarray | None:
        spectrum = power(denoised_away(region.luminance))
        return None if spectrum is None else np.concatenate([autocorrelation(spectrum), peaks(spectrum)])

    def finding(self, levels: np.ndarray, where: str) -> str:
        """The lag of 2 px, where doublings show first, across and down averaged."""
        two = np.array([1, LAGS + 1])
        lines = (levels, self.model.real_low, self.model.real_high)
        own, low, high = (round(float(line[two].mean()), 2) + 0.0 for line in lines)  # + 0.0: never "-0.00"
        return (
            f"Noise of {where} is correlated {own:+.2f} with noise 2 px away; in 8 of 10 camera photos of its JPEG "
            f"quality {low:+.2f} to {high:+.2f}."
        )
