"""What is cut out of a photo, and made of one size: the centre, a face, FFHQ's aligned face, or all of it.

Sizes are height x width. Shrinking is by area and enlarging cubic; in the layout of the StyleGAN2-ADA data
sets both are by Lanczos, which gives the same numbers as their tool.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from PIL import Image

from forensics.face import cut, largest_face
from forensics.photo import Photo
from forensics.refusal import Refusal

Crop = Literal["center", "face", "none", "wide"]
Kernel = Literal["area", "lanczos"]
SMALLEST, LARGEST = 8, 4096
OVERHANG = 0.15  # of the frame's side: how far a face's frame may leave the photo


class LeftOut(Exception):
    """A readable photo that this cut cannot use."""


@dataclass(frozen=True)
class Cut:
    """What is made of each photo. `size`: a square's side, or (height, width); None keeps files byte for byte.

    `crop`: "center" is the largest middle part of the shape; "face" that part around the largest face,
    moved and shrunk to stay inside the photo; "none" is the whole photo, and photos of another shape are
    left out; "wide" see `wide_on_black`. None is "face" where faces are aligned, or else "center".
    """

    size: int | tuple[int, int] | None
    align_faces: bool = False  # turned upright, FFHQ's square
    framing: float = 1.0  # side of the face's frame: 1 is FFHQ's, less is tighter
    crop: Crop | None = None
    kernel: Kernel = "area"

    def __post_init__(self) -> None:
        if self.crop is not None and self.crop not in get_args(Crop):
            raise Refusal(f"--crop {self.crop}: must be one of {', '.join(get_args(Crop))}")
        if self.size is None and (self.align_faces or self.crop):
            what = "faces cannot be aligned" if self.align_faces else "nothing can be cropped"
            raise Refusal(f"--size native keeps files as they are, so {what}; give a size in pixels")
        if self.size is not None and not all(SMALLEST <= side <= LARGEST for side in self.shape):
            raise Refusal(f"--size {said(self.size)}: must be {SMALLEST} to {LARGEST} pixels, or native")
        if not 0.3 <= self.framing <= 3:
            raise Refusal(f"--framing {self.framing}: must be 0.3 to 3 (1 is FFHQ's square)")
        if self.align_faces and self.crop not in (None, "face"):
            raise Refusal(f"--align-faces cuts FFHQ's square around the face; leave --crop {self.crop} away")
        if self.framing != 1 and not self.align_faces and self.crop != "face":
            raise Refusal(f"--framing {self.framing} is for faces; add --align-faces or --crop face")
        if self.crop == "wide" and not self.shape[0] < self.shape[1]:
            raise Refusal(f"--crop wide: --size {said(self.size)} must be wider than high, such as 128x256")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, px, of what is cut; not for native."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def made(self, photo: Photo) -> np.ndarray:
        """What this cut makes of a photo, (H, W, 3) uint8. Raises LeftOut where it cannot."""
        if self.align_faces:
            return aligned(photo, self)
        if self.crop == "face":
            return fitted(around_face(photo, self), self.shape, self.kernel)
        if self.crop == "wide":
            return wide_on_black(photo.pixels, self.shape)
        if self.crop == "none" and not same_shape(photo.pixels.shape[:2], self.shape):
            raise LeftOut(f"it is {photo.width} wide and {photo.height} high: another shape than --crop none keeps")
        return fitted(photo.pixels, self.shape, self.kernel)


def size_of(text: str) -> int | tuple[int, int] | None:
    """ "64" → 64, "128x96" → (128, 96): height x width, "native" → None. Raises Refusal for anything else."""
    if text == "native":
        return None
    match = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", text, re.ASCII)
    if not match:
        raise Refusal(f"--size {text}: must be a number of pixels, HEIGHTxWIDTH such as 128x96, or native")
    height, width = int(match[1]), int(match[2] or match[1])
    return height if height == width else (height, width)


def said(size: int | tuple[int, int] | None) -> str:
    return "native" if size is None else str(size) if isinstance(size, int) else f"{size[0]}x{size[1]}"


def same_shape(given: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Whether (height, width) has the proportions of another, to less than a pixel."""
    return abs(given[1] * wanted[0] / wanted[1] - given[0]) < 1


def fitted(pixels: np.ndarray, size: tuple[int, int], kernel: Kernel = "area") -> np.ndarray:
    """The largest middle part of (h, w, C) uint8 or float32 that has the shape of `size`, as (H, W, C)."""
    (height, width), (high, wide) = pixels.shape[:2], size
    if width * high > height * wide:
        cropped = height, max(1, round(height * wide / high))
    else:
        cropped = max(1, round(width * high / wide)), width
    top, left = (height - cropped[0]) // 2, (width - cropped[1]) // 2
    middle = pixels[top : top + cropped[0], left : left + cropped[1]]
    if cropped == tuple(size):
        return np.ascontiguousarray(middle)
    if kernel == "lanczos":
        return np.array(Image.fromarray(middle).resize((wide, high), Image.Resampling.LANCZOS))
    how = cv2.INTER_AREA if cropped[0] > high else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(middle), (wide, high), interpolation=how)
    return resized.reshape(high, wide, *pixels.shape[2:])  # OpenCV forgets a single channel


def wide_on_black(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A middle strip of (h, w, 3) uint8 as H x W, on a black square of W x W, by Lanczos.

    As StyleGAN2-ADA's data set tool makes it ("center-crop-wide"): the strip has W * h / w rows, whatever H
    is. So a square photo of 2W pixels keeps its proportions where W = 2H, and others are squeezed. Raises
    LeftOut for photos smaller than the strip.
    """
    height, width = pixels.shape[:2]
    high, wide = size
    rows = round(wide * height / width)
    if width < wide or rows < high:
        raise LeftOut(f"it is {width} wide and {height} high: too small for --crop wide at {high}x{wide}")
    top = (height - rows) // 2
    strip = Image.fromarray(pixels[top : top + rows]).resize((wide, high), Image.Resampling.LANCZOS)
    square = np.zeros((wide, wide, 3), np.uint8)
    above = (wide - high) // 2
    square[above : above + high] = strip
    return square


def aligned(photo: Photo, cut_: Cut) -> np.ndarray:
    """The largest face, upright in FFHQ's square, or the middle part of it that has the cut's shape.

    Raises LeftOut without a face, or where the square leaves the photo.
    """
    frame = face_frame(photo, cut_)  # (4, 2)
    side = float(np.linalg.norm(frame[3] - frame[0]))
    beyond = np.maximum(-frame, frame - np.array([photo.width, photo.height])).max() / max(side, 1e-6)
    if beyond > OVERHANG:
        raise LeftOut(f"the face's frame leaves the photo by {beyond:.0%} of its side (at most {OVERHANG:.0%})")
    return fitted(cut(photo.pixels, frame, max(cut_.shape)), cut_.shape)


def around_face(photo: Photo, cut_: Cut) -> np.ndarray:
    """The part of a photo around its largest face, of the cut's shape and the size of FFHQ's square, not turned."""
    frame = face_frame(photo, cut_)  # (4, 2)
    high, wide = cut_.shape
    unit = float(np.linalg.norm(frame[3] - frame[0])) / max(high, wide)
    unit = min(unit, photo.height / high, photo.width / wide)
    height, width = max(1, int(high * unit)), max(1, int(wide * unit))
    x, y = frame.mean(0)
    left = int(np.clip(round(x - width / 2), 0, photo.width - width))
    top = int(np.clip(round(y - height / 2), 0, photo.height - height))
    return photo.pixels[top : top + height, left : left + width]


def face_frame(photo: Photo, cut_: Cut) -> np.ndarray:
    face = largest_face(photo)
    if face is None:
        raise LeftOut("no face found")
    return face.frame(cut_.framing)
