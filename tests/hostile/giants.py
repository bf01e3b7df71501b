"""Small files that say that they are huge, or that take for ever to decode."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from forensics import container
from tests.hostile.seeds import coded, scene, seeds, segment

SIDES = (60_000, 10_900, 65_535)  # far beyond the limit, just within it, the most that JPEG and GIF can say


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, rows: int = 0, depth: int = 8, colour: int = 2) -> bytes:
    """A header, and so many rows of nothing."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    packer, body = zlib.compressobj(1), b""
    row = bytes(1 + (width * channels * depth + 7) // 8)
    for _ in range(rows):
        body += packer.compress(row)
    palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return container.PNG_MAGIC + header + palette + chunk(b"IDAT", body + packer.flush()) + chunk(b"IEND", b"")


def gif(width: int, height: int, frames: int = 1) -> bytes:
    frame = b"\x21\xf9\x04\0\0\0\0\0," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame * frames + b";"


def bmp(width: int, height: int, bits: int = 24, compression: int = 0) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info + bytes(64)


def tiff(width: int, height: int, compression: int = 1, **other: int) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: 8, 277: 1, 278: height, 279: 64}
    tags |= {int(name[1:]): value for name, value in other.items()}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<I", 72) + bytes(64) + struct.pack("<H", len(tags)) + entries + bytes(4)


def jpeg(width: int, height: int, form: str = "JPEG baseline") -> bytes:
    data = bytearray(seeds()[form])
    frame = next(piece for piece in container.jpeg_segments(bytes(data)) if piece.kind.startswith("SOF"))
    struct.pack_into(">HH", data, frame.offset + 5, height, width)
    return bytes(data)


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG of empty scans: each costs a walk over all blocks, and has 20 bytes."""
    table = segment(0xDB, b"\0" + bytes([1] * 64))
    frame = segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    codes = segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")  # one code: the longest run of blocks without news
    first = segment(0xC4, b"\0\1" + bytes(15) + b"\0") + segment(0xDA, b"\1\1\0\0\0\0") + bytes(8)
    scan = segment(0xDA, b"\1\1\0\1\x3f\0") + bytes(8)
    return b"\xff\xd8" + table + frame + codes + first + scan * scans + b"\xff\xd9"


def webp(width: int, height: int, frames: int = 0) -> bytes:
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    small = coded(scene().resize((16, 16)), "WEBP")[12:]
    part = b"ANMF" + struct.pack("<I", 16 + len(small)) + bytes(6) + b"\x0f\0\0\x0f\0\0" + b"\x10\0\0\0" + small
    body = b"VP8X" + struct.pack("<IB3x", 10, 2 * (frames > 0)) + canvas
    body += b"ANIM" + struct.pack("<I6x", 6) + part * frames if frames else small
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def iso(form: str, width: int, height: int) -> bytes:
    """AVIF or HEIF whose property `ispe` tells another size."""
    data = bytearray(seeds()[form])
    at = data.find(b"ispe")
    struct.pack_into(">II", data, at + 8, width, height)
    return bytes(data)


def animated_png(frames: int) -> bytes:
    data = seeds()["PNG RGB"]
    return data[:33] + chunk(b"acTL", struct.pack(">II", frames, 0)) + data[33:]


def many_pages(pages: int, loop: bool = False) -> bytes:
    """A TIFF of so many directories of one pixel; with `loop` the last leads back to the first."""
    entries = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
    directory = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in entries)
    out = bytearray(b"II*\0" + struct.pack("<I", 12) + bytes(4))
    for i in range(pages):
        following = len(out) + len(directory) + 4
        out += directory + struct.pack("<I", following if i < pages - 1 else 12 if loop else 0)
    return bytes(out)


def huge(mode: str, form: str, side: int = 10_900, **options) -> bytes:
    """A photo of nearly as many pixels as are allowed, whole."""
    buffer = io.BytesIO()
    Image.new(mode, (side, side), None if mode in ("I;16", "F") else 0).save(buffer, form, **options)
    return buffer.getvalue()


def claims() -> Iterator[tuple[str, bytes]]:
    """Cheap ones: (name, file)."""
    for side in SIDES:
        yield f"PNG says {side}", png(side, side)
        yield f"PNG says {side}, 16 bit", png(side, side, depth=16, colour=6)
        yield f"PNG says {side}, palette", png(side, side, depth=1, colour=3)
        yield f"GIF says {side}", gif(side, side)
        yield f"BMP says {side}", bmp(side, side)
        yield f"BMP says {side}, upside down", bmp(side, -side, 32)
        yield f"BMP says {side}, run lengths", bmp(side, side, 8, 1)
        yield f"JPEG says {side}", jpeg(side, side)
        yield f"JPEG says {side}, progressive", jpeg(side, side, "JPEG progressive")
        yield f"JPEG says {side}, CMYK", jpeg(side, side, "JPEG CMYK")
        yield f"WEBP says {side}", webp(side, side)
        yield f"WEBP says {side}, animated", webp(side, side, 3)
        for form in ("AVIF", *(["HEIF"] if "HEIF" in seeds() else [])):
            yield f"{form} says {side}", iso(form, side, side)
        for compression in (1, 5, 7, 8, 32773, 4, 34925, 50000):
            yield f"TIFF says {side}, compression {compression}", tiff(side, side, compression)
    for count in (0x10000, 0xFFFFFFFF):
        yield f"TIFF of {count} samples", tiff(64, 64, t277=count)
        yield f"TIFF strips of {count} rows", tiff(64, 64, 5, t278=count)
        yield f"TIFF strip of {count} bytes", tiff(64, 64, 8, t279=count)
    for width, height in ((0, 0), (0, 5), (1, 0), (0xFFFFFFFF, 1), (0x7FFFFFFF, 0x7FFFFFFF), (1, 119_999_999)):
        yield f"PNG says {width}x{height}", png(width, height)
        yield f"TIFF says {width}x{height}", tiff(width, height)
        yield f"BMP says {width}x{height}", bmp(width & 0x7FFFFFFF, height & 0x7FFFFFFF)
    yield "PNG animated says 2 billion frames", animated_png(0x7FFFFFFF)
    yield "PNG animated says 0 frames", animated_png(0)


def costly() -> Iterator[tuple[str, bytes]]:
    """Ones that have seconds of work in them."""
    yield "PNG of 119 megapixels", png(10_900, 10_900, 10_900)
    yield "PNG of 119 megapixels, 16 bit with alpha", png(10_900, 10_900, 10_900, 16, 6)
    yield "PNG of 119 megapixels, 16 bit grey", png(10_900, 10_900, 10_900, 16, 0)
    yield "PNG of 119 megapixels, 1 bit", png(10_900, 10_900, 10_900, 1, 0)
    yield "PNG of 1x119999999", png(1, 119_999_999)
    yield "PNG of 119999999x1", png(119_999_999, 1, 1)
    yield "JPEG of 119 megapixels, turned", huge("RGB", "JPEG", exif=turned())
    yield "JPEG of 119 megapixels, CMYK", huge("CMYK", "JPEG")
    yield "TIFF of 119 megapixels, float", huge("F", "TIFF", compression="tiff_lzw")
    yield "TIFF of 119 megapixels, one strip", huge("RGB", "TIFF", compression="tiff_adobe_deflate")
    for side, scans in ((1000, 4000), (8000, 200), (10_900, 1000), (10_900, 9000)):
        yield f"JPEG of {scans} scans of {side}", many_scans(side, scans)
    yield "GIF of 200,000 frames", gif(1, 1, 200_000)
    yield "GIF of 9000 large frames", gif(10_000, 10_000, 9000)
    yield "WEBP of 20,000 frames", webp(16, 16, 20_000)
    yield "WEBP of 300 frames on a large canvas", webp(10_900, 10_900, 300)
    yield "TIFF of 100,000 pages", many_pages(100_000)
    yield "TIFF of pages in a circle", many_pages(3, loop=True)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif
