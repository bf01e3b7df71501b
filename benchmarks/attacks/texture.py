"""Attacks that need no detector: a picture's fine structure is moved to that of real photos of about its size.

What real photos are like is measured on photos that no result is measured on (measure.py: the calibration split).

    spectrum   the amplitude of each frequency is scaled until the radial power spectrum of each colour channel falls
               off as real photos' does. Durall et al. 2020 ("Watch your Up-Convolution") found it to give generators
               away; Dong et al. 2022 ("Think Twice Before Detecting GAN-generated Fake Images from their Spectral
               Domain Imprints") that it can be corrected afterwards
    regrain    a median takes the generator's own noise away, and a sensor's is put in its place, as strong as in
               real photos
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft

from forensics import laundering

SIDES = (128, 192, 256, 384, 512, 768, 1024)  # px of the shorter side: the sizes that are told apart
NEARLY = 0.85  # of a size: from here on a photo counts as of that size; larger ones are shrunk to it
LEAST = 10  # photos, from which their average stands for real photos of a size
BINS = 64  # rings of a spectrum, from 0 to 1/2 cycles per pixel; the corners beyond count to the last
CENTRES = (np.arange(BINS) + 0.5) / (2 * BINS)
COARSE, FINE = 1 / 32, 1 / 8  # cycles per pixel: what is coarser is content and stays; full correction from FINE on
CONTENT = (CENTRES >= COARSE) & (CENTRES < FINE)  # rings by which pictures of other contrast are made comparable
MOST = 4.0  # times: the largest change of an amplitude
EDGE = 32  # px mirrored around a picture, so that its left edge does not meet its right
BLOCK = 8  # px a side, in which grain is measured
SOFT = 0.6  # px: sigma of the blur that demosaicing leaves on a sensor's noise
TRIAL = 4.0  # grey levels: strength at which it is measured how much grain the noise makes
FLOOR = 1e-3  # added to powers, squared grey levels: rounding to 8 bits alone leaves 1/12


@dataclass(frozen=True)
class Texture:
    """Fine structure of one photo, or of real photos of one size on average."""

    side: int  # px of the shorter side
    falloff: np.ndarray  # (3, BINS) log10 power of each channel, less its mean over CONTENT
    grain: float  # grey levels of noise
    n: int = 1  # photos behind it


def textures(photos: Iterable[Sequence[Texture]]) -> tuple[Texture, ...]:
    """Averages by size of what `measured` gives of each photo; sizes of fewer than `LEAST` photos are left out."""
    by_side: dict[int, list[Texture]] = {}
    for texture in (its for photo in photos for its in photo):
        by_side.setdefault(texture.side, []).append(texture)
    return tuple(
        Texture(
            side,
            np.mean([t.falloff for t in its], 0).round(6),
            round(float(np.mean([t.grain for t in its])), 6),
            len(its),
        )
        for side, its in sorted(by_side.items())
        if len(its) >= LEAST
    )


def measured(pixels: np.ndarray) -> list[Texture]:
    """Of a real photo (H, W, 3) uint8, at each size up to its own."""
    shorter, found = min(pixels.shape[:2]), []
    for side in SIDES:
        if shorter >= NEARLY * side:
            at_size = laundering.resize(pixels, min(1.0, side / shorter))
            found.append(Texture(side, falloff(at_size), grain(at_size)))
    return found


def nearest(reals: Sequence[Texture], pixels: np.ndarray) -> Texture:
    """Real photos of about the size of `pixels`; ValueError where there are none at all."""
    shorter = min(pixels.shape[:2])
    return min(reals, key=lambda texture: abs(np.log(texture.side / shorter)))


def falloff(pixels: np.ndarray) -> np.ndarray:
    """(3, BINS): log10 of the mean power in each ring of each channel's spectrum (Hann window), less that of CONTENT.

    So scaled, it does not depend on the picture's size or contrast, only on how power falls off with frequency.
    """
    height, width = pixels.shape[:2]
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    centred = pixels - pixels.mean((0, 1))
    spectrum = scipy.fft.rfft2(centred * window[..., None], axes=(0, 1))
    power = np.abs(spectrum) ** 2 / (window**2).sum()
    ring = np.minimum((radius(height, width) * 2 * BINS).astype(int), BINS - 1).ravel()
    count = np.maximum(np.bincount(ring, minlength=BINS), 1)
    levels = np.stack([np.bincount(ring, power[..., c].ravel(), minlength=BINS) / count for c in range(3)])
    levels = np.log10(levels + FLOOR)
    return levels - levels[:, CONTENT].mean(1, keepdims=True)


def radius(height: int, width: int) -> np.ndarray:
    """(H, W // 2 + 1) cycles per pixel of what `rfft2` gives."""
    return np.hypot(scipy.fft.fftfreq(height)[:, None], scipy.fft.rfftfreq(width)[None])


def grain(pixels: np.ndarray) -> float:
    """Grey levels: standard deviation of the luminance less its 3×3 median, in the middle one of all 8×8 blocks.

    Half of the blocks are smoother: it is the noise that is measured, hardly edges and hair.
    """
    luminance = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    residual = luminance.astype(np.float32) - cv2.medianBlur(luminance, 3)
    height, width = (n // BLOCK * BLOCK for n in residual.shape)
    blocks = residual[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return float(np.median(blocks.std((1, 3)))) if blocks.size else 0.0


def respectrum(pixels: np.ndarray, reals: Sequence[Texture]) -> np.ndarray:
    """(H, W, 3) uint8 whose power falls off with frequency as real photos' does, channel by channel.

    Phases stay, and so do amplitudes coarser than 1/32 cycles per pixel.
    """
    gap = (nearest(reals, pixels).falloff - falloff(pixels)) / 2  # log10 of amplitudes
    gap = np.clip(gap, -np.log10(MOST), np.log10(MOST))
    gap *= np.clip((np.log(CENTRES) - np.log(COARSE)) / (np.log(FINE) - np.log(COARSE)), 0, 1)
    edge = min(EDGE, *(n - 1 for n in pixels.shape[:2]))
    padded = np.pad(pixels.astype(np.float64), ((edge, edge), (edge, edge), (0, 0)), "reflect")
    frequency = radius(*padded.shape[:2])
    changed = np.empty_like(padded)
    for c in range(3):
        gain = 10 ** np.interp(frequency, CENTRES, gap[c])
        changed[..., c] = scipy.fft.irfft2(scipy.fft.rfft2(padded[..., c]) * gain, padded.shape[:2])
    height, width = pixels.shape[:2]
    found = changed[edge : edge + height, edge : edge + width]
    return np.ascontiguousarray(found.round().clip(0, 255).astype(np.uint8))


def regrain(pixels: np.ndarray, rng: np.random.Generator, reals: Sequence[Texture]) -> np.ndarray:
    """(H, W, 3) uint8: its 3×3 median with a camera's noise, until its grain is that of real photos on average.

    Photon noise grows with the root of the light; demosaicing spreads it over neighbours. Where the median alone
    leaves as much as real photos have, nothing is added.
    """
    smooth = cv2.medianBlur(pixels, 3)
    sensor = cv2.GaussianBlur(rng.standard_normal(pixels.shape, dtype=np.float32), (0, 0), SOFT)
    noise = sensor * np.sqrt(np.maximum(smooth, 1) / 128)
    wanted, left = nearest(reals, pixels).grain ** 2, grain(smooth) ** 2
    if left >= wanted:
        return smooth
    each = (grain(in_range(smooth + TRIAL * noise)) ** 2 - left) / TRIAL**2  # powers of picture and noise add, nearly
    return in_range(smooth + noise * np.sqrt((wanted - left) / each)) if each > 0 else smooth


def in_range(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).round().astype(np.uint8)
