"""What the internet does to photos, in memory: resize, crop, re-encode, blur, noise, screenshot.

Both classes are laundered alike before anything is learnt or measured; otherwise a detector
learns JPEG tables and sizes instead of traces. All steps take and give (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import cv2
import numpy as np

KERNELS = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "area": cv2.INTER_AREA,
}
SUBSAMPLING = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


def jpeg(pixels: np.ndarray, quality: int, subsampling: str = "4:2:0") -> np.ndarray:
    """Through a JPEG file of libjpeg `quality` 1-100."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SUBSAMPLING[subsampling]]
    return through(pixels, ".jpg", settings)


def webp(pixels: np.ndarray, quality: int) -> np.ndarray:
    return through(pixels, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def through(pixels: np.ndarray, suffix: str, settings: list[int]) -> np.ndarray:
    done, coded = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
    if not done:
        raise ValueError(f"OpenCV cannot encode {pixels.shape} as {suffix}")
    return cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def resize(pixels: np.ndarray, scale: float, kernel: str = "area") -> np.ndarray:
    """By a factor, at least to 1 px. Shrinking is anti-aliased by `area`; the others alias, as many sites do."""
    height, width = pixels.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return pixels
    return cv2.resize(pixels, size, interpolation=KERNELS[kernel])


def blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(pixels, (0, 0), sigma)


def noise(pixels: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian, `sigma` in grey levels."""
    return np.clip(pixels + rng.normal(0, sigma, pixels.shape), 0, 255).round().astype(np.uint8)


def crop(pixels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A random window with `share` of each side."""
    height, width = (max(1, round(n * share)) for n in pixels.shape[:2])
    top = int(rng.integers(0, pixels.shape[0] - height + 1))
    left = int(rng.integers(0, pixels.shape[1] - width + 1))
    return pixels[top : top + height, left : left + width]


def repost(pixels: np.ndarray, rng: np.random.Generator, scales: tuple[float, float] = (0.5, 1.0)) -> np.ndarray:
    """One random trip through a site: shrink, sometimes soften or grain, then JPEG (mostly) or WebP."""
    if rng.random() < 0.7:
        kernel = ("area", "bilinear", "bicubic", "lanczos")[rng.integers(4)]
        pixels = resize(pixels, float(rng.uniform(*scales)), kernel)
    if rng.random() < 0.15:
        pixels = blur(pixels, float(rng.uniform(0.3, 1.2)))
    if rng.random() < 0.1:
        pixels = noise(pixels, float(rng.uniform(1, 5)), rng)
    quality = int(rng.integers(50, 97))
    if rng.random() < 0.15:
        return webp(pixels, quality)
    return jpeg(pixels, quality, ("4:2:0", "4:2:0", "4:2:0", "4:4:4")[rng.integers(4)])


def history(pixels: np.ndarray, rng: np.random.Generator, scales: tuple[float, float] = (0.5, 1.0)) -> np.ndarray:
    """One to three trips, as many as a photo on the internet has behind it."""
    for _ in range(int(rng.choice((1, 2, 3), p=(0.5, 0.35, 0.15)))):
        pixels = repost(pixels, rng, scales)
    return pixels
