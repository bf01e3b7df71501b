"""Every way in: formats, modes, orientation, colour; and every way a file can be bad."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from forensics.photo import MAX_PIXELS, Photo, UnreadableImage


def coded(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def gradient() -> Image.Image:
    y, x = np.mgrid[0:40, 0:64]
    return Image.fromarray(np.stack([x * 4, y * 6, x + y], -1).astype(np.uint8))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_every_format_opens(gradient, form):
    data = coded(gradient, form)
    photo = Photo.open(data, "x")
    assert (photo.format, photo.width, photo.height) == (form, 64, 40)
    assert photo.pixels.dtype == np.uint8
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    assert np.abs(photo.pixels.astype(int) - np.asarray(gradient)).mean() < 12  # lossy codecs, GIF's palette
    with pytest.raises(ValueError, match="read-only"):
        photo.pixels[0, 0] = 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK", "YCbCr", "LAB"])
def test_every_mode_becomes_rgb(gradient, mode):
    form = "TIFF" if mode in ("CMYK", "YCbCr", "LAB", "F", "I") else "PNG"
    if mode == "I;16":
        image = Image.fromarray(np.asarray(gradient.convert("L")).astype(np.uint16) * 257)
    else:
        image = gradient.convert("L").convert(mode) if mode in ("I", "F") else convert(gradient, mode)
    photo = Photo.open(coded(image, form), "x")
    assert photo.pixels.shape == (40, 64, 3)
    if mode not in ("1", "P", "LAB"):
        grey = photo.pixels.mean(-1)
        assert grey[:, :8].mean() < grey[:, -8:].mean() - 20  # the gradient survives


def convert(image: Image.Image, mode: str) -> Image.Image:
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    return image.convert(mode)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(gradient, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = Photo.open(coded(gradient, "PNG", exif=exif), "x")
    assert (photo.width, photo.height) == ((64, 40) if orientation < 5 else (40, 64))


def test_transparency_is_shown_on_white_and_noted():
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    photo = Photo.open(coded(clear, "PNG"), "x")
    assert (photo.pixels == 255).all()
    assert any("white" in note for note in photo.notes)
    opaque = Image.new("RGBA", (8, 8), (9, 9, 9, 255))
    assert Photo.open(coded(opaque, "PNG"), "x").notes == ()


def test_wide_gamut_is_converted(gradient):
    """A profile that swaps nothing leaves pixels; a damaged one is noted and ignored."""
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = Photo.open(coded(gradient, "PNG", icc_profile=same), "x")
    assert np.abs(photo.pixels.astype(int) - np.asarray(gradient)).max() <= 1
    photo = Photo.open(coded(gradient, "PNG", icc_profile=b"not a profile"), "x")
    assert any("profile" in note for note in photo.notes)


def test_animation_gives_its_first_frame(gradient):
    second = Image.new("RGB", gradient.size, "red")
    photo = Photo.open(coded(gradient, "WEBP", save_all=True, append_images=[second], lossless=True), "x")
    assert photo.frames == 2
    assert np.array_equal(photo.pixels, np.asarray(gradient))


def test_jpeg_facts_are_kept(gradient):
    facts = Photo.open(coded(gradient, "JPEG", quality=75, subsampling="4:2:0", progressive=True), "x").jpeg
    assert (facts.subsampling, facts.progressive, len(facts.tables)) == ("4:2:0", True, 2)
    assert facts.tables[0][0, :3].tolist() == [8, 6, 5]  # ITU T.81 table K.1 at libjpeg quality 75
    assert facts.tables[0][1, 0] == 6  # row-major frequencies, not zigzag
    assert Photo.open(coded(gradient.convert("L"), "JPEG"), "x").jpeg.subsampling == "grey"
    assert Photo.open(coded(gradient, "JPEG", subsampling="4:4:4"), "x").jpeg.subsampling == "4:4:4"


def test_exif_and_text_are_read_as_text():
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0hello"
    photo = Photo.open(coded(Image.new("RGB", (9, 9)), "JPEG", exif=exif, comment=b"a note"), "x")
    assert photo.exif["Make"] == "Maker"
    assert photo.exif["UserComment"] == "hello"
    assert photo.text["comment"] == "a note"


def bad_files(gradient_jpeg: bytes) -> dict[str, tuple[bytes, str]]:
    return {
        "empty": (b"", "empty"),
        "text named .jpg": (b"hello, I am a text file\n" * 20, "not a photo"),
        "truncated JPEG": (gradient_jpeg[: len(gradient_jpeg) // 2], "truncated"),
        "60000x60000 PNG": (png_header(60000, 60000), "megapixels"),
        "121 megapixels": (png_header(11000, 11000), "121 megapixels"),
        "PNG of nothing": (png_header(100, 100), "truncated"),
        "HTML": (b"<html><body>404</body></html>", "not a photo"),
        "ZIP": (b"PK\x03\x04" + bytes(200), "not a photo"),
    }


@pytest.mark.parametrize("kind", bad_files(b""))
def test_bad_files_are_unreadable_with_a_reason(gradient, kind):
    data, reason = bad_files(coded(gradient, "JPEG"))[kind]
    with pytest.raises(UnreadableImage, match=reason) as caught:
        Photo.open(data, "x")
    assert "\n" not in caught.value.reason


def test_bad_paths_are_unreadable(tmp_path):
    for path, reason in (
        (tmp_path, "folder"),
        (tmp_path / "none.jpg", "no such file"),
        (Path("/dev/null"), "regular"),
    ):
        with pytest.raises(UnreadableImage, match=reason):
            Photo.open(path)
    with pytest.raises(UnreadableImage):
        Photo.open(tmp_path / "nul\0byte.jpg")


def test_the_limit_on_pixels_is_exact():
    assert MAX_PIXELS == 120_000_000


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_files_open_or_are_unreadable_and_nothing_else(gradient, data):
    form = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]))
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    whole = bytearray(coded(gradient, form, **({} if form in ("GIF", "BMP") else {"exif": exif})))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(whole)))
    try:
        photo = Photo.open(bytes(whole[:cut]), "x")
    except UnreadableImage as error:
        assert error.reason
    else:
        assert photo.pixels.ndim == 3
