"""The photos that a generator learns from, decoded once, and their order, a function of seed and position."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from forensics.corpus import Corpus
from forensics.photo import FORMATS, Photo, UnreadableImage
from forensics.refusal import Refusal
from forensics.saving import writing
from generators.cropping import fitted
from generators.labels import labels_of
from generators.source import Source

IN_MEMORY = 2 * 2**30  # bytes; more goes to a file


@dataclass(frozen=True)
class Photos:
    """`pixels`: (N, H, W, C) uint8. `sha256` is the fingerprint of photos and labels as read.

    `labels`: (N, K) float32, one row a photo, or None; `classes` names the K columns. `enlarged`: how many photos
    were smaller.
    """

    pixels: np.ndarray
    sha256: str
    left_out: tuple[str, ...]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    enlarged: int = 0

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, seed: int, start: int, n: int, mirror: bool = True) -> tuple[np.ndarray, np.ndarray | None]:
        """Photos number `start` to `start + n` of an endless stream: (n, H, W, C) uint8, and (n, K) float32 or None.

        Each round shows every photo once, in an order of its own, half of them mirrored if `mirror`. The
        stream is a function of the seed, so resuming needs no state but `start`.
        """
        pictures, chosen = [], []
        for position in range(start, start + n):
            order, mirrored = one_round(seed, position // len(self), len(self))
            place = position % len(self)
            photo = self.pixels[order[place]]
            pictures.append(photo[:, ::-1] if mirror and mirrored[place] else photo)
            chosen.append(order[place])
        return np.stack(pictures), None if self.labels is None else self.labels[chosen]


@lru_cache(maxsize=2)
def one_round(seed: int, number: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng((seed, number))
    return rng.permutation(n), rng.random(n) < 0.5


def decode(
    corpus: Corpus,
    size: tuple[int, int],
    spill: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    channels: int = 3,
    wanted: bool | None = False,
) -> Photos:
    """Decode every real photo of a corpus to H x W; corpora too large for memory go to the file `spill`.


    Photos of another shape are cut to their centre. `channels`: 1 luma, 2 luma and alpha, 3 RGB (on white
    where transparent), 4 RGBA; alpha is 255 where a file has none. `wanted`: see `labels_of`.
    Raises Refusal when no photo can be read, and as `labels_of` does.
    """
    corpus = corpus.where(label="real")
    if not len(corpus):
        raise Refusal(f"{corpus.root} holds no real photos; a generator learns from those labelled real")
    labels, classes = labels_of(corpus, wanted)
    pixels = room_for((len(corpus), *size, channels), spill)
    read, kept, left_out, enlarged = [], [], [], 0
    with Source(corpus.root) as source:
        for number, entry in enumerate(corpus):
            try:
                data = source.read(entry.path)
                photo = Photo.open(data, entry.path)
                pixels[len(read)] = as_wanted(photo, size, channels)
                enlarged += photo.height < size[0] or photo.width < size[1]
                read.append(replace(entry, sha256=photo.sha256))
                kept.append(number)
            except UnreadableImage as reason:
                left_out.append(f"{entry.path}: {reason}")
            progress(number + 1, len(corpus))
    if not read:
        raise Refusal(f"{corpus.root}: none of {len(corpus)} photos can be read; the first: {left_out[0]}")
    found = Corpus(corpus.root, tuple(read)).sha256
    if labels is not None:
        labels = labels[kept]
        found = sha256(f"{found}\n{classes}\n".encode() + labels.tobytes()).hexdigest()
    return Photos(pixels[: len(read)], found, tuple(left_out), labels, classes, enlarged)


def room_for(shape: tuple[int, ...], spill: Path) -> np.ndarray:
    if np.prod(shape, dtype=np.int64) > IN_MEMORY:
        with writing(spill):
            found = np.lib.format.open_memmap(spill, "w+", np.uint8, shape)
            if hasattr(os, "posix_fallocate"):  # written to in memory: a disk that is full then kills the process
                with open(spill, "r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, file.seek(0, os.SEEK_END))
        return found
    return np.empty(shape, np.uint8)


def decoded(data: bytes, name: str, size: tuple[int, int] | None, channels: int) -> tuple[np.ndarray, str]:
    """A file's photo as (H, W, C) uint8, and its SHA-256. `size` None: its own. Raises UnreadableImage."""
    photo = Photo.open(data, name)
    return as_wanted(photo, size or (photo.height, photo.width), channels), photo.sha256


def as_wanted(photo: Photo, size: tuple[int, int], channels: int) -> np.ndarray:
    """(H, W, C) uint8, cut to the shape and resized. Raises UnreadableImage."""
    seen_through = channels in (2, 4)
    pixels = fitted_with_alpha(straight(photo), size) if seen_through else fitted(photo.pixels, size)
    if channels < 3:
        grey = cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2GRAY)  # Rec. 601 luma
        pixels = np.dstack([grey, *np.moveaxis(pixels[..., 3:], -1, 0)])
    return pixels


def straight(photo: Photo) -> np.ndarray:
    """(H, W, 4) uint8: colours not mixed with a background, and alpha."""
    if not any(note.startswith("transparent") for note in photo.notes):
        return np.dstack([photo.pixels, np.full(photo.pixels.shape[:2], 255, np.uint8)])
    try:  # Photo has opened it before: its size and format are in bounds
        with Image.open(BytesIO(photo.data), formats=FORMATS) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGBA"))
    except (Exception, MemoryError) as error:  # decoders raise whatever they like
        raise UnreadableImage(f"its transparency cannot be read ({error})") from None


def fitted_with_alpha(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """As `fitted`, for (H, W, 4): colours weigh as much as they are opaque, so that hidden ones do not bleed."""
    opacity = fitted(pixels[..., 3:].astype(np.float32), size)  # (H, W, 1)
    weighed = fitted(pixels[..., :3] * (pixels[..., 3:] / np.float32(255)), size)  # (H, W, 3)
    with np.errstate(divide="ignore", invalid="ignore"):
        colours = np.nan_to_num(weighed * 255 / opacity)
    hidden = opacity == 0
    colours = np.where(hidden, fitted(pixels[..., :3].astype(np.float32), size), colours)
    return np.dstack([colours, opacity]).clip(0, 255).round().astype(np.uint8)
