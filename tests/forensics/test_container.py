"""The walkers against files that Pillow wrote, and against garbage."""

from __future__ import annotations

import io
import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from forensics import container

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8))


def saved(format: str, **options) -> bytes:
    buffer = io.BytesIO()
    PICTURE.save(buffer, format, **options)
    return buffer.getvalue()


def test_jpeg_segments_name_what_is_there():
    data = saved("JPEG", comment=b"hello", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    walked = container.walk(data)
    assert walked.format == "JPEG"
    kinds = [piece.kind for piece in walked.pieces]
    assert kinds[0] == "SOI"
    assert kinds[-1] == "EOI"
    assert {"APP0", "APP1", "COM", "DQT", "SOF0", "DHT", "SOS"} <= set(kinds)
    assert next(walked.of("COM")).payload == b"hello"
    assert walked.end == len(data)


def test_every_scan_of_a_progressive_jpeg_is_walked():
    walked = container.walk(saved("JPEG", progressive=True))
    assert sum(1 for _ in walked.of("SOS")) > 1
    assert any(walked.of("SOF2"))
    assert walked.pieces[-1].kind == "EOI"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_trailing_bytes_are_found(format):
    data = saved(format)
    assert container.trailing(data) == b""
    assert container.trailing(data + b"behind the end") == b"behind the end"


def test_fill_bytes_before_a_marker_are_skipped():
    data = saved("JPEG")
    filled = data[:2] + b"\xff" * 9 + data[2:]
    assert [p.kind for p in container.jpeg_segments(filled)] == [p.kind for p in container.jpeg_segments(data)]


def test_png_chunks():
    info = PngInfo()
    info.add_text("Software", "by hand")
    walked = container.walk(saved("PNG", pnginfo=info))
    assert next(walked.of("tEXt")).payload == b"Software\0by hand"
    assert [walked.pieces[0].kind, walked.pieces[-1].kind] == ["IHDR", "IEND"]


def test_webp_chunks_and_avif_boxes():
    assert [p.kind for p in container.walk(saved("WEBP")).pieces] == ["VP8 "]
    kinds = [p.kind for p in container.walk(saved("AVIF")).pieces]
    assert kinds[0] == "ftyp"
    assert {"meta", "mdat"} <= set(kinds)


def test_a_length_that_makes_no_sense_ends_the_walk():
    png = bytearray(saved("PNG"))
    png[8:12] = struct.pack(">I", 0xFFFFFFFF)
    assert container.walk(bytes(png)).pieces == ()
    jpeg = b"\xff\xd8\xff\xe0\x00\x01"  # a length of 1 would point into itself
    assert [p.kind for p in container.walk(jpeg).pieces] == ["SOI"]
    box = struct.pack(">I4s", 16, b"ftyp") + b"avif\0\0\0\0" + struct.pack(">I4sQ", 1, b"free", 3)
    assert [p.kind for p in container.walk(box).pieces] == ["ftyp"]


def test_iptc_fields_of_a_photoshop_segment():
    credit = b"\x1c\x02\x6e\x00\x04HAND"
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(credit)) + credit + b"\0" * (len(credit) % 2)
    found = list(container.photoshop_resources(b"Photoshop 3.0\0" + resource))
    assert found == [(0x0404, credit)]
    assert list(container.iptc_fields(credit)) == [(2, 110, b"HAND")]


def test_payloads_are_bounded():
    long = container.MAX_PAYLOAD + 10
    data = container.PNG_MAGIC + struct.pack(">I", long) + b"tEXt" + bytes(long) + bytes(4)
    (piece,) = container.png_chunks(data)
    assert (piece.length, len(piece.payload)) == (long, container.MAX_PAYLOAD)


def test_hostile_files_are_walked_in_linear_time():
    start = time.perf_counter()
    for hostile in (b"\xff\xd8" + b"\xff" * 4_000_000, b"\xff\xd8\xff\xda\0\2" + b"\xff\0" * 2_000_000):
        container.walk(hostile)
    container.walk(b"\xff\xd8" + b"\xff\xd0" * 1_000_000)
    container.walk(container.PNG_MAGIC + bytes(4_000_000))
    assert time.perf_counter() - start < 5


PHOTOSHOP = b"Photoshop 3.0\x008BIM"
HEADS = st.sampled_from(
    [
        b"",
        b"\xff\xd8\xff",
        container.PNG_MAGIC,
        b"RIFF\x10\0\0\0WEBP",
        b"\0\0\0\x14ftypavif",
        b"Photoshop 3.0\x008BIM",
    ]
)


def fits(data: bytes) -> None:
    walked = container.walk(data)
    for piece in walked.pieces if walked else ():
        assert 0 <= piece.offset <= piece.offset + piece.length <= len(data)
        assert len(piece.payload) <= min(piece.length, container.MAX_PAYLOAD)
    assert data.endswith(container.trailing(data))
    for _, content in container.photoshop_resources(data):
        for _, _, value in container.iptc_fields(content):
            assert value in data
    list(container.iptc_fields(data))


@settings(max_examples=300, deadline=None)
@given(HEADS, st.binary(max_size=400))
def test_garbage_never_raises(head, rest):
    fits(head + rest)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF"]), st.data())
def test_damaged_files_never_raise(format, draw):
    data = bytearray(saved(format))
    for _ in range(draw.draw(st.integers(1, 6))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    fits(bytes(data[: draw.draw(st.integers(0, len(data)))]))
