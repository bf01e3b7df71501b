"""Sound files of every format that is read, drawn in code, with all the metadata that their format has room for."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

import forensics.photo  # noqa: F401  registers HEIF

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType='
    b'"http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"/></rdf:RDF></x:xmpmeta>'
)


@cache
def scene(width: int = 192, height: int = 160) -> Image.Image:
    """Slopes, edges and noise: enough for every detector of pixels to look at."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    planes = np.stack([x * 255 / width, y * 255 / height, (x // 16 + y // 16) % 2 * 180], -1)
    return Image.fromarray(np.clip(planes + rng.normal(0, 9, planes.shape), 0, 255).astype(np.uint8))


def portrait(size: int = 256) -> Image.Image:
    """A face, so that the detectors of faces have their say: Grace Hopper, with matplotlib, public domain."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    with Image.open(file) as image:
        return image.convert("RGB").resize((size, size * image.height // image.width))


def coded(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[0x010F], made[0x0110], made[0x0112], made[0x0131] = "Maker", "Model 1", orientation, "Program 2.0"
    made.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0a comment"
    made.get_ifd(0x8769)[0x829A] = TiffImagePlugin.IFDRational(1, 125)
    return made


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def full_jpeg(image: Image.Image, **options) -> bytes:
    """With EXIF and its preview, XMP, IPTC, a colour profile and a comment."""
    credit = b"\x1c\x02\x6e\x00\x04HAND"
    photoshop = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(credit)) + credit + b"\0"
    extra = segment(0xED, photoshop) + segment(0xE1, with_preview(image))
    data = coded(image, "JPEG", icc_profile=profile(), xmp=XMP, comment=b"a comment", **options)
    return data[:2] + extra + data[2:]


def with_preview(image: Image.Image) -> bytes:
    """An EXIF segment whose second directory is a preview."""
    small = coded(image.convert("RGB").resize((96, 72)), "JPEG", quality=60)
    first = struct.pack("<HHHII", 1, 0x0112, 3, 1, 1) + struct.pack("<I", 26)
    second = struct.pack("<HHHIIHHIII", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, len(small), 0)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + small


@cache
def seeds() -> dict[str, bytes]:
    """Name → file; the first word of a name is its format."""
    picture, face = scene(), portrait()
    grey, deep = picture.convert("L"), Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    clear = picture.copy()
    clear.putalpha(grey)
    text = PngInfo()
    text.add_text("parameters", "a photo, steps: 20, sampler: none", zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    frames = {"save_all": True, "append_images": [picture.rotate(90), picture.rotate(180)], "duration": 40}
    rich = {"exif": exif(), "icc_profile": profile()}
    found = {
        "JPEG baseline": full_jpeg(picture, quality=85),
        "JPEG progressive": full_jpeg(picture, quality=90, progressive=True),
        "JPEG CMYK": full_jpeg(picture.convert("CMYK")),
        "JPEG grey": full_jpeg(grey, exif=exif(6)),
        "JPEG restarts": coded(picture, "JPEG", restart_marker_rows=1, exif=exif(8)),
        "JPEG portrait": full_jpeg(face, quality=92),
        "PNG RGB": coded(picture, "PNG", pnginfo=text, **rich),
        "PNG 1 bit": coded(picture.convert("1"), "PNG"),
        "PNG 16 bit": coded(deep, "PNG"),
        "PNG palette": coded(picture.quantize(16), "PNG", transparency=3),
        "PNG alpha": coded(clear, "PNG", pnginfo=text, **rich),
        "PNG animated": coded(picture, "PNG", **frames),
        "PNG portrait": coded(face, "PNG"),
        "WEBP lossy": coded(picture, "WEBP", xmp=XMP, **rich),
        "WEBP lossless": coded(clear, "WEBP", lossless=True, **rich),
        "WEBP animated": coded(picture, "WEBP", xmp=XMP, **frames),
        "GIF": coded(picture.quantize(64), "GIF", comment=b"a comment"),
        "GIF animated": coded(picture, "GIF", **frames),
        "BMP": coded(picture, "BMP"),
        "BMP palette": coded(picture.quantize(16), "BMP"),
        "TIFF raw": coded(picture, "TIFF", exif=exif(), icc_profile=profile()),
        "TIFF LZW": coded(picture, "TIFF", compression="tiff_lzw"),
        "TIFF deflate 16 bit": coded(deep, "TIFF", compression="tiff_adobe_deflate"),
        "TIFF float": coded(grey.convert("F"), "TIFF"),
        "TIFF CMYK": coded(picture.convert("CMYK"), "TIFF"),
        "TIFF JPEG": coded(picture, "TIFF", compression="jpeg"),
        "TIFF fax": coded(picture.convert("1"), "TIFF", compression="group4"),
        "TIFF pages": coded(picture, "TIFF", **frames),
        "AVIF": coded(picture, "AVIF", **rich),
        "AVIF animated": coded(picture, "AVIF", **frames),
    }
    try:
        found["HEIF"] = coded(picture, "HEIF", exif=exif().tobytes())
    except (OSError, ValueError, RuntimeError, KeyError) as error:  # a build without an encoder
        print(f"no HEIF can be written here ({error}): its mutants were NOT made")  # noqa: T201
    return found
