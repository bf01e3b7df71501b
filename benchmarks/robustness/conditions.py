"""What may happen to a photo between its maker and its examiner: `CONDITIONS` is all of it, family by family.

Each is done to decoded pixels, to both classes alike. What is random in it depends on the photo's bytes and on a
seed, never on class, name or place; and a photo's crops are the same in every condition. Kernels are OpenCV's:
`area` shrinks without aliasing, the others alias, as on many sites (forensics/laundering.py); at one half, `bilinear`
is `area`.

To add one: a line in CONDITIONS. A new name or a new `about` is scored anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.launder import drawing
from forensics import laundering
from forensics.laundering import blur, crop, jpeg, resize, webp
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.stability import LARGEST

Pixels = np.ndarray  # (H, W, 3) uint8 RGB


@dataclass(frozen=True)
class Family:
    """Conditions that differ in one thing: a panel of the figure."""

    name: str
    title: str
    axis: str  # what the labels of its conditions are
    left: tuple[str, ...] = ()  # labels of those that stand left of the photo as it came; they are its first


@dataclass(frozen=True)
class Condition:
    """One way to treat a photo. `through(pixels, rng)` gives (h, w, 3) uint8."""

    family: Family
    label: str  # within its family, for an axis
    about: str
    through: Callable[[Pixels, np.random.Generator], Pixels]

    @property
    def name(self) -> str:
        return f"{self.family.name}-{self.label}" if self.label else self.family.name

    def __call__(self, photo: Photo, seed: int) -> Photo:
        """The photo after it, as pixels without metadata. First brought to at most 4096 px, as every site does.

        Raises UnreadableImage when what comes out is larger than may be examined.
        """
        rng = drawing(seed, photo.sha256)
        pixels = resize(photo.pixels, min(1.0, LARGEST / max(photo.width, photo.height)))
        return Photo.from_pixels(np.ascontiguousarray(self.through(pixels, rng)))


def untouched(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return pixels


def coded(quality: int, subsampling: str, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return jpeg(pixels, quality, subsampling)


def coded_webp(quality: int, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return webp(pixels, quality)


def resized(scale: float, kernel: str, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return resize(pixels, scale, box(scale) if kernel == "box" else kernel)


def box(scale: float) -> str:
    """The mean over the pixels that fall together when shrunk, the nearest pixel when enlarged."""
    return "area" if scale < 1 else "nearest"


def cropped(share: float, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return crop(pixels, share, rng)


def blurred(sigma: float, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return blur(pixels, sigma)


def noisy(sigma: float, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return laundering.noise(pixels, sigma, rng)


def grabbed(scale: float, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A screenshot, kept without loss: the photo as a screen scaled it."""
    return resize(pixels, scale, "bilinear")


def grabbed_page(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A phone's: the photo at 9/10 on a white page under a dark bar, stored as JPEG 90."""
    shown = grabbed(0.9, pixels, rng)
    height, width = shown.shape[:2]
    side, above = max(1, width // 20), max(1, height // 8)
    page = np.full((height + 2 * above, width + 2 * side, 3), 255, np.uint8)
    page[: above // 2] = 40
    page[above : above + height, side : side + width] = shown
    return jpeg(page, 90)


def sharpened(pixels: Pixels) -> Pixels:
    """Unsharp mask, half of what a blur of 1 px takes away is added."""
    more = 1.5 * pixels.astype(np.float32) - 0.5 * blur(pixels, 1.0)
    return more.clip(0, 255).round().astype(np.uint8)


def forwarded(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return jpeg(jpeg(resize(pixels, 3 / 4, "bicubic"), 75), 75)


def edited(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return jpeg(resize(jpeg(sharpened(crop(pixels, 0.9, rng)), 92, "4:4:4"), 2 / 3, "lanczos"), 78)


def captured(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    shown = webp(resize(jpeg(pixels, 85), 3 / 4), 75)
    return jpeg(resize(shown, 0.9, "bilinear"), 70)


def twice(first: int, second: int, aligned: bool, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """JPEG, and JPEG again. The same window either way: cut off before the first, or between both."""
    return jpeg(jpeg(shifted(pixels), first), second) if aligned else jpeg(shifted(jpeg(pixels, first)), second)


def shifted(pixels: Pixels) -> Pixels:
    """Without 3 rows above and 5 columns at the left: no block of 8x8 or 16x16 stays where it was."""
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(pixels[min(3, height - 1) :, min(5, width - 1) :])


def reposted(trips: int, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    for _ in range(trips):
        pixels = laundering.repost(pixels, rng)
    return pixels


JPEG = {s: Family(f"jpeg-{s.replace(':', '')}", f"JPEG, {s}", "quality") for s in ("4:2:0", "4:4:4")}
WEBP = Family("webp", "WebP", "quality")
RESIZE = {
    kernel: Family(f"resize-{kernel}", f"Resized, {kernel}", "scale", left=("0.25", "0.5", "0.75"))
    for kernel in ("box", "bilinear", "bicubic", "lanczos")
}
CROP = Family("crop", "Cropped", "share of each side")
BLUR = Family("blur", "Blurred", "sigma, px")
NOISE = Family("noise", "Noise", "sigma, grey levels")
SCREENSHOT = Family("screenshot", "Screenshot", "scale on the screen")
CHAIN = Family("chain", "Chains", "of several steps")
REPOST = Family("repost", "Re-posted at random", "trips")
DOUBLE = {
    True: Family("double-aligned", "JPEG twice, same grid", "first and second quality"),
    False: Family("double-shifted", "JPEG twice, shifted grid", "first and second quality"),
}
NATIVE = Condition(Family("native", "As it came", ""), "", "pixels as they came", untouched)

CONDITIONS = (
    NATIVE,
    *(
        Condition(family, str(quality), f"JPEG {quality}, {sampling}", partial(coded, quality, sampling))
        for sampling, family in JPEG.items()
        for quality in (95, 85, 75, 60, 45, 30)
    ),
    *(Condition(WEBP, str(quality), f"WebP {quality}", partial(coded_webp, quality)) for quality in (90, 75, 50)),
    *(
        Condition(
            family,
            f"{scale:g}",
            f"resized {scale:g} times, {box(scale) if kernel == 'box' else kernel}",
            partial(resized, scale, kernel),
        )
        for kernel, family in RESIZE.items()
        for scale in (0.25, 0.5, 0.75, 1.5, 2)
    ),
    *(
        Condition(CROP, f"{share:g}", f"a random window with {share:g} of each side", partial(cropped, share))
        for share in (0.9, 0.75, 0.5)
    ),
    *(
        Condition(BLUR, f"{sigma:g}", f"Gaussian blur, {sigma:g} px", partial(blurred, sigma))
        for sigma in (0.5, 1, 2)
    ),
    *(Condition(NOISE, f"{sigma}", f"Gaussian noise, {sigma} of 255", partial(noisy, sigma)) for sigma in (2, 5, 10)),
    Condition(SCREENSHOT, "0.9", "shown at 0.9 (bilinear), grabbed without loss", partial(grabbed, 0.9)),
    Condition(SCREENSHOT, "1.25", "shown at 1.25 (bilinear), grabbed without loss", partial(grabbed, 1.25)),
    Condition(SCREENSHOT, "page", "shown at 0.9 (bilinear) on a page, grabbed as JPEG 90", grabbed_page),
    Condition(CHAIN, "forwarded", "0.75 bicubic and JPEG 75, then JPEG 75 again on the same grid", forwarded),
    Condition(CHAIN, "edited", "cropped to 0.9, sharpened, JPEG 92 4:4:4; then 0.67 Lanczos, JPEG 78", edited),
    Condition(CHAIN, "captured", "JPEG 85; 0.75 area, WebP 75; grabbed at 0.9 bilinear; JPEG 70", captured),
    *(
        Condition(
            REPOST, str(trips), f"{trips} random trip{'s' * (trips > 1)} through a site", partial(reposted, trips)
        )
        for trips in (1, 2, 3)
    ),
    *(
        Condition(
            family,
            f"{first}-{second}",
            f"JPEG {first}, then JPEG {second}, blocks {'on the same' if aligned else 'off that'} grid; 4:2:0",
            partial(twice, first, second, aligned),
        )
        for aligned, family in DOUBLE.items()
        for first, second in ((60, 90), (75, 90), (90, 75))
    ),
)


def condition_named(name: str) -> Condition:
    """Of one of CONDITIONS: a worker is told names."""
    return next(condition for condition in CONDITIONS if condition.name == name)


def families(conditions: tuple[Condition, ...] = CONDITIONS) -> tuple[Family, ...]:
    """Those of some conditions, in order, without the photo as it came."""
    return tuple(dict.fromkeys(c.family for c in conditions if c is not NATIVE))


def chosen(wanted: str | None) -> tuple[Condition, ...]:
    """Those that a list such as "jpeg,crop-0.5" means, in the order of CONDITIONS; None: all.

    A word is a condition's name, its family's, or the first part of it ("jpeg", "resize"). The photo as it came is
    always among them. Raises Refusal for a word that means none.
    """
    if wanted is None:
        return CONDITIONS
    words = [word.strip() for word in wanted.split(",") if word.strip()]
    meant = {
        word: [c for c in CONDITIONS[1:] if word in (c.name, c.family.name, c.family.name.split("-")[0])]
        for word in words
    }
    if not words or not all(meant.values()):
        allowed = ", ".join(family.name for family in families())
        unknown = next((word for word, found in meant.items() if not found), wanted)
        raise Refusal(f"--conditions {unknown!r}: allowed are {allowed}, or one of theirs, such as crop-0.5")
    found = {c.name for part in meant.values() for c in part}
    return tuple(c for c in CONDITIONS if c is NATIVE or c.name in found)
