"""A photo, opened once: pixels, fingerprint and format facts, or one clear reason why not.

Every other part of the house receives a `Photo`; nothing else opens a user's file.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageOps

from forensics.container import jpeg_segments
from forensics.refusal import Refusal
from forensics.srgb import strips, to_srgb

pillow_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")  # MPO opens as JPEG
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .gif .bmp .dib .tif .tiff .avif .heic .heif".split()
)
MAX_PIXELS = 120_000_000
MAX_ANIMATED = 40_000_000  # pixels of an animated WebP: its decoder holds four copies of them
MAX_SCANS = 100  # of a progressive JPEG; encoders write about ten, and each costs a walk over all blocks
MAX_PAGES = 1000  # that are counted
MAX_BYTES = 512 * 2**20
MAX_TEXT = 65_536  # characters kept of one metadata string; the longest honest ones are prompts

SUBSAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:1:1", (1, 2): "4:4:0"}


class UnreadableImage(Refusal):
    """The file is no photo that can be examined. `reason` is one line for people."""

    def __init__(self, reason: str):
        self.reason = " ".join(reason.split())
        super().__init__(self.reason)


@dataclass(frozen=True)
class JpegFacts:
    """How a JPEG was written: what its encoder leaves behind in every file."""

    tables: tuple[np.ndarray, ...]  # each (8, 8) uint16, row-major frequencies: luminance, chrominance
    subsampling: str  # "4:2:0", "4:4:4", ..., or "grey"
    progressive: bool


@dataclass(frozen=True, eq=False)
class Photo:
    """One picture as its viewers see it: upright, sRGB, on white where it was transparent.

    `pixels` is (H, W, 3) uint8 and read-only. Of an animation it is the first frame.
    Compared by identity, so that results about a photo can be cached beside it.
    """

    name: str
    data: bytes = field(repr=False)
    sha256: str
    format: str
    pixels: np.ndarray = field(repr=False)
    mode: str  # Pillow's mode of the stored picture: "RGB", "CMYK", "I;16", ...
    frames: int
    jpeg: JpegFacts | None = field(repr=False)
    exif: Mapping[str, str] = field(repr=False)
    text: Mapping[str, str] = field(repr=False)  # PNG text chunks, JPEG comment
    xmp: bytes = field(repr=False)
    notes: tuple[str, ...] = ()  # what opening had to decide or could not read

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @cached_property
    def luminance(self) -> np.ndarray:
        """(H, W) float32 in [0, 255]: Rec. 601 luma, as JPEG has it."""
        weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
        luma = np.empty(self.pixels.shape[:2], dtype=np.float32)
        for rows in strips(self.height):  # NumPy would make floats of the whole photo first
            np.matmul(self.pixels[rows], weights, out=luma[rows])
        luma.setflags(write=False)
        return luma

    @classmethod
    def open(cls, source: str | Path | bytes, name: str | None = None) -> Photo:
        """Open a path or the bytes of a file.

        Raises `UnreadableImage`, and nothing else, for whatever is wrong with the file.
        """
        data = source if isinstance(source, bytes) else read_file(Path(source))
        if name is None:
            name = "photo" if isinstance(source, bytes) else Path(source).name
        if not data:
            raise UnreadableImage("the file is empty (0 bytes)")
        try:
            return cls._decode(data, name)
        except UnreadableImage:
            raise
        except (Exception, MemoryError) as error:  # decoders raise whatever they like
            raise UnreadableImage(explain(error, data)) from None

    @classmethod
    def from_pixels(cls, pixels: np.ndarray, name: str = "photo") -> Photo:
        """A photo of (H, W, 3) uint8 pixels that never were a file: stored as PNG, without metadata."""
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        return cls.open(buffer.getvalue(), name)

    @classmethod
    def _decode(cls, data: bytes, name: str) -> Photo:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF and big pictures; limits are ours
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise UnreadableImage(too_large(width, height))
            if image.format in ("JPEG", "MPO") and scans(data) > MAX_SCANS:
                raise UnreadableImage(f"a JPEG of more than {MAX_SCANS} scans, which no encoder writes")
            stored = image.format, image.mode, frames_of(image)
            if image.format == "WEBP" and stored[2] > 1 and width * height > MAX_ANIMATED:
                raise UnreadableImage(f"an animation of {width}x{height}: too large for its decoder")
            jpeg = jpeg_facts(image)
            image.load()
            notes: list[str] = []
            if stored[2] > 1:
                more = " or more" * (stored[2] == MAX_PAGES)
                notes.append(f"{stored[2]}{more} frames: only the first is examined")
            exif = read_exif(image, notes)
            text = read_text(image)
            xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
            pixels = to_srgb(upright(image, notes), notes)
        pixels.setflags(write=False)
        return cls(
            name=name,
            data=data,
            sha256=hashlib.sha256(data).hexdigest(),
            format=stored[0],
            pixels=pixels,
            mode=stored[1],
            frames=stored[2],
            jpeg=jpeg,
            exif=exif,
            text=text,
            xmp=xmp.encode("utf-8", "replace") if isinstance(xmp, str) else bytes(xmp),
            notes=tuple(notes),
        )


def read_file(path: Path) -> bytes:
    """The bytes of a file of at most `MAX_BYTES`."""
    try:
        if path.is_dir():
            raise UnreadableImage("this is a folder: use `forensics scan` for folders")
        if not path.exists():
            raise UnreadableImage("no such file")
        if not path.is_file():
            raise UnreadableImage("not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableImage(f"the file is over {MAX_BYTES // 2**20} MiB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, UnreadableImage):
            raise
        raise UnreadableImage(f"the file cannot be read ({getattr(error, 'strerror', None) or error})") from None


def too_large(width: int, height: int) -> str:
    return f"{width}x{height} is {width * height / 1e6:,.0f} megapixels: at most {MAX_PIXELS // 10**6} are examined"


def frames_of(image: Image.Image) -> int:
    """Pages of a TIFF are found one by one, each search longer than the last, so only MAX_PAGES are counted."""
    if image.format != "TIFF":
        return getattr(image, "n_frames", 1)
    pages = 1
    with suppress(EOFError):
        for page in range(1, MAX_PAGES):
            image.seek(page)
            pages += 1
    image.seek(0)
    return pages


def scans(data: bytes) -> int:
    return sum(piece.kind == "SOS" for piece in jpeg_segments(data))


def explain(error: BaseException, data: bytes) -> str:
    """Whatever a decoder raised, as one line."""
    if isinstance(error, Image.UnidentifiedImageError):
        return f"not a photo in a known format ({', '.join(FORMATS)})"
    if isinstance(error, Image.DecompressionBombError):
        return f"too many pixels: at most {MAX_PIXELS // 10**6} megapixels are examined"
    if isinstance(error, MemoryError):
        return "too large for this machine's memory"
    what = str(error) or type(error).__name__
    if "truncated" in what.lower() or isinstance(error, EOFError):
        return f"the file is truncated: the picture ends too early ({len(data):,} bytes)"
    return f"the file is damaged ({what[:200]})"


def jpeg_facts(image: Image.Image) -> JpegFacts | None:
    if image.format not in ("JPEG", "MPO") or not getattr(image, "quantization", None):
        return None
    tables = tuple(
        np.array(image.quantization[key], dtype=np.uint16).reshape(8, 8) for key in sorted(image.quantization)
    )
    layers = image.layer
    if len(layers) == 1:
        subsampling = "grey"
    else:
        ratio = (layers[0][1] // max(layers[1][1], 1), layers[0][2] // max(layers[1][2], 1))
        subsampling = SUBSAMPLING.get(ratio, f"{ratio[0]}x{ratio[1]}")
    return JpegFacts(tables, subsampling, bool(image.info.get("progressive") or image.info.get("progression")))


def read_exif(image: Image.Image, notes: list[str]) -> dict[str, str]:
    """EXIF of the picture and its camera directory as text; a broken directory is noted, not fatal."""
    found: dict[str, str] = {}
    try:
        exif = image.getexif()
        for directory in (exif, exif.get_ifd(ExifTags.IFD.Exif)):
            for tag, value in directory.items():
                name = ExifTags.TAGS.get(tag)
                if name and name not in ("MakerNote", "ExifOffset", "GPSInfo"):
                    found[name] = readable(value)
    except Exception as error:
        notes.append(f"EXIF is damaged ({type(error).__name__}) and was read in part")
    return found


def read_text(image: Image.Image) -> dict[str, str]:
    found = {str(key): readable(value) for key, value in (getattr(image, "text", None) or {}).items()}
    if image.info.get("comment"):
        found.setdefault("comment", readable(image.info["comment"]))
    return found


def readable(value: object) -> str:
    """A metadata value as a bounded string. EXIF's UserComment names its encoding in 8 bytes first."""
    if isinstance(value, bytes):
        head, body = value[:8], value[8:]
        if head == b"UNICODE\0":
            big = body[:1] == b"\0"  # most writers follow the file's byte order; Latin text shows it
            value = body.decode("utf-16-be" if big else "utf-16-le", "replace")
        else:
            value = (body if head == b"ASCII\0\0\0" else value).decode("utf-8", "replace")
    return str(value).strip("\0 ")[:MAX_TEXT]


def one_line(text: str, most: int) -> str:
    """Metadata as it can stand in a sentence: one line of at most `most` printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def upright(image: Image.Image, notes: list[str]) -> Image.Image:
    """Turned in place: a copy of a picture of 120 megapixels is half a gigabyte."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:
        notes.append("EXIF orientation is damaged and was ignored")
    return image
