"""What a JPEG's encoder left behind: tables, subsampling, scans, preview, and what follows the end.

Facts only. Tables tell which software wrote the file last, not who made the picture, so there is no
score and no claim. Method: Farid, "Digital Image Ballistics from JPEG Quantization", 2006; Kornblum,
"Using JPEG quantization tables to identify imagery processed by software", 2008.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from detectors.structure.heatmap import heatmap
from detectors.structure.tables import Fit, libjpeg, nearest
from detectors.structure.thumbnail import Preview, preview
from forensics.container import Walk, photoshop_resources, walk
from forensics.evidence import Evidence, silent
from forensics.photo import Photo, one_line

LAST = "Tables show how the file was saved last; every save replaces them."
ANYONE = "EXIF is text that anyone can write."
COMMON = "The standard's tables are written by most software, and by some cameras and phones."
ASPECT = 1.06  # previews are rounded to whole pixels and 8-pixel blocks
LIKENESS = 0.6
EDITORS = (
    "adobe photoshop|adobe lightroom|adobe camera raw|adobe imageready|gimp|paint.net|picasa|snapseed|acdsee|"
    "acd systems|capture one|darktable|rawtherapee|affinity|imagemagick|pixelmator|paint shop|corel|irfanview|"
    "xnview|photoscape|microsoft windows photo|windows photo|photofiltre|polarr|vsco|picsart|facetune|meitu|"
    "faceapp|canva|luminar|dxo|topaz|on1|zoner|aperture|photos "
).split("|")
BEHIND = (  # what is found behind a JPEG's end, by how it begins (offset, bytes, words)
    (0, b"\xff\xd8\xff", "another JPEG, as multi-picture files have"),
    (4, b"ftyp", "a video, as motion photos have"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"%PDF", "a PDF document"),
)


class JpegHistory:
    """Describes the last save of a JPEG and holds EXIF's story against it. Never raises, never scores."""

    name: ClassVar[str] = "jpeg"
    question: ClassVar[str] = "How was this JPEG saved, and does that fit what its EXIF says?"
    scores: ClassVar[bool] = False
    weights: str | None = None

    @classmethod
    def load(cls, weights: Path) -> Self:
        return cls()

    def examine(self, photo: Photo) -> Evidence:
        facts = photo.jpeg
        if facts is None:
            words = f"A {photo.format} file: it holds no JPEG history, though the picture may once have been a JPEG."
            return silent(self.name, words)
        try:
            fit = nearest(facts.tables)
            walked = walk(photo.data)
            said = [saved(photo, fit), *against_exif(photo, fit)]
            if walked:
                said += [*by_photoshop(walked), *by_preview(photo, walked), *behind(photo, walked)]
            shown = partial(picture, facts.tables, fit)
        except Exception as error:  # hostile headers must not cost the verdict
            return silent(self.name, f"The JPEG's structure could not be read ({type(error).__name__}).")
        caveats = (LAST, *([COMMON] if fit.exact else []), *([ANYONE] if photo.exif else []))
        return Evidence(self.name, None, " ".join(said), drawn=shown, caveats=caveats)


def saved(photo: Photo, fit: Fit) -> str:
    """ "Baseline JPEG, 4:2:0; tables exactly as libjpeg writes them at quality 90." """
    facts = photo.jpeg
    coding = "Progressive JPEG (cameras write baseline)" if facts.progressive else "Baseline JPEG"
    colours = "grey" if facts.subsampling == "grey" else f"chroma {facts.subsampling}"
    return f"{coding}, {colours}, {count(len(facts.tables), 'table')}: {tables_in_words(fit)}."


def tables_in_words(fit: Fit) -> str:
    if fit.exact:
        return f"exactly the standard's tables as libjpeg writes them at quality {fit.quality}"
    if fit.luminance == 0:
        return f"luminance as libjpeg at quality {fit.quality}, chrominance of its own"
    if fit.luminance < 0.02:
        return f"nearly libjpeg's at quality {fit.quality} (steps differ by {fit.luminance:.1%} on average)"
    return (
        "custom tables, as cameras and Photoshop write "
        f"(nearest: libjpeg quality {fit.quality}, steps differ by {fit.luminance:.0%} on average)"
    )


def against_exif(photo: Photo, fit: Fit) -> Iterator[str]:
    """EXIF's camera and software held against the tables, its size against the picture's."""
    exif = photo.exif
    camera = tidy(exif.get("Model") or exif.get("Make"))
    software = tidy(exif.get("Software"))
    edited = software.lower().startswith(tuple(EDITORS))
    if camera and edited:
        yield f"EXIF names the camera {camera} and the editor {software}: saved again since the camera."
    elif edited:
        yield f"EXIF names the editor {software}."
    elif camera and photo.jpeg.progressive:
        yield f"EXIF names the camera {camera}, but cameras write baseline: saved again since the camera."
    elif camera and fit.exact and fit.quality % 5 == 0 and photo.jpeg.subsampling in ("4:2:0", "4:4:4"):
        yield f"EXIF names the camera {camera}; software that saves again writes such tables, and some phones do."
    elif camera:
        yield f"EXIF names the camera {camera}; the tables don't speak against it."
    try:
        said = int(exif["ExifImageWidth"]), int(exif["ExifImageHeight"])
    except (KeyError, ValueError):
        return
    if min(said) > 0 and sorted(said) != sorted((photo.width, photo.height)):
        has = f"{photo.width}×{photo.height}"
        yield f"EXIF gives {said[0]}×{said[1]} px, the picture has {has}: resized or cropped since."


def by_photoshop(walked: Walk) -> Iterator[str]:
    """Photoshop notes its own quality, 0-12: resource 0x0406, or the "Ducky" segment of Save for Web."""
    for segment in walked.of("APP13"):
        for number, content in photoshop_resources(segment.payload):
            if number == 0x0406 and len(content) >= 2:
                quality = struct.unpack(">h", content[:2])[0] + 4
                if 0 <= quality <= 12:
                    yield f"Photoshop wrote it at its quality {quality} of 12."
                    return
    if any(segment.payload.startswith(b"Ducky") for segment in walked.of("APP12")):
        yield "Photoshop's Save for Web wrote it."


def by_preview(photo: Photo, walked: Walk) -> Iterator[str]:
    small = preview(photo, walked)
    if small is None:
        return
    if small.likeness < LIKENESS:
        yield (
            f"The EXIF preview ({small.width}×{small.height}) does not look like the picture "
            f"(correlation {small.likeness:.2f}): one of them was replaced or much changed."
        )
    elif differs(small, photo):
        yield f"The EXIF preview ({small.width}×{small.height}) has another shape than the picture: cropped since."


def differs(small: Preview, photo: Photo) -> bool:
    aspect = max(photo.width, photo.height) / min(photo.width, photo.height)
    return max(aspect, small.aspect) / min(aspect, small.aspect) > ASPECT


def behind(photo: Photo, walked: Walk) -> Iterator[str]:
    """What follows the end-of-image marker."""
    if walked.end is None:
        yield "No end-of-image marker was found: the file is cut off or damaged."
        return
    rest = photo.data[walked.end :]
    if not rest.strip(b"\0\xff\r\n "):
        return
    words = next((words for offset, start, words in BEHIND if rest[offset:].startswith(start)), None)
    if words is None and b"SEFT" in rest[-8:]:
        words = "notes of a Samsung camera"
    if words is None and b"\xff\xd8\xff" in rest[: 1 << 16]:
        words = "another JPEG after some padding"
    size = "1 byte follows" if len(rest) == 1 else f"{len(rest):,} bytes follow"
    yield f"{size} the picture's end: {words or 'of unknown kind'}."


def picture(tables: tuple[np.ndarray, ...], fit: Fit) -> np.ndarray:
    """The file's luminance and chrominance tables beside libjpeg's nearest."""
    shown = [("this file: luminance", tables[0])]
    if len(tables) > 1:
        shown.append(("this file: chrominance", tables[1]))
    shown.append((f"libjpeg quality {fit.quality}: luminance", libjpeg(fit.quality)[0]))
    return heatmap(shown)


def tidy(value: str | None) -> str:
    return one_line(value or "", 60)


def count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
