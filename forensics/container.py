"""What a photo's file is made of: bounded walks over JPEG segments, PNG chunks, RIFF chunks and ISO boxes.

Pure functions on bytes. They never raise on garbage, never loop, never read outside the data: at a
length that makes no sense the walk ends. A `Piece` keeps at most `MAX_PAYLOAD` bytes of its content,
a walk yields at most `MAX_PIECES`. Sources: ITU-T T.81 Annex B (JPEG), PNG 3rd edition §5,
Google's WebP container, ISO/IEC 14496-12 §4.2, Adobe's Photoshop image resources, IPTC-IIM 4.2.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_PIECES = 4096
MAX_PAYLOAD = 1 << 20

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # TEM and RSTn: markers without a length
FILL = re.compile(rb"\xff+")
NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # in coded data FF00 and RSTn are not the end of it


@dataclass(frozen=True)
class Piece:
    """One segment, chunk or box. `length` counts its content, without its own header."""

    kind: str  # "APP1", "DQT", "IDAT", "VP8 ", "ftyp": as its standard names it
    offset: int  # of its first byte in the file
    length: int
    payload: bytes = field(repr=False)  # the first MAX_PAYLOAD bytes of the content


@dataclass(frozen=True)
class Walk:
    """A whole walk. `end` = offset behind the picture's last byte, or None if no end was found."""

    format: str  # "JPEG", "PNG", "RIFF", "ISOBMFF"
    pieces: tuple[Piece, ...]
    end: int | None

    def of(self, kind: str) -> Iterator[Piece]:
        return (piece for piece in self.pieces if piece.kind == kind)


def walk(data: bytes) -> Walk | None:
    """Walk a file, its format told by its first bytes; None for any other format."""
    if data[:2] == b"\xff\xd8":
        pieces = tuple(jpeg_segments(data))
        whole = pieces and pieces[-1].kind == "EOI"
        return Walk("JPEG", pieces, pieces[-1].offset + 2 if whole else None)
    if data[:8] == PNG_MAGIC:
        pieces = tuple(png_chunks(data))
        whole = pieces and pieces[-1].kind == "IEND"
        return Walk("PNG", pieces, pieces[-1].offset + pieces[-1].length + 12 if whole else None)
    if data[:4] == b"RIFF" and len(data) >= 12:
        (size,) = struct.unpack_from("<I", data, 4)
        return Walk("RIFF", tuple(riff_chunks(data)), size + 8 if size + 8 <= len(data) else None)
    if data[4:8] == b"ftyp":
        pieces = tuple(iso_boxes(data))
        return Walk("ISOBMFF", pieces, None)  # boxes go on to the end: nothing can trail behind them
    return None


def trailing(data: bytes) -> bytes:
    """The bytes behind the picture's end: b"" where there are none or the end is unknown."""
    walked = walk(data)
    return data[walked.end :] if walked and walked.end is not None else b""


def jpeg_segments(data: bytes) -> Iterator[Piece]:
    """Segments from SOI on, through every scan of a progressive file, to the first EOI."""
    position, size = 2, len(data)
    yield Piece("SOI", 0, 0, b"")
    for _ in range(MAX_PIECES):
        if position + 2 > size or data[position] != 0xFF:
            return
        marker = data[position + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            position = FILL.match(data, position).end() - 1
            continue
        if marker == 0xD9:
            yield Piece("EOI", position, 0, b"")
            return
        if marker in STANDALONE:
            position += 2
            continue
        if position + 4 > size:
            return
        (length,) = struct.unpack_from(">H", data, position + 2)
        if length < 2 or position + 2 + length > size:
            return
        yield Piece(jpeg_name(marker), position, length - 2, data[position + 4 : position + 2 + length])
        position += 2 + length
        if marker == 0xDA:
            found = NEXT_MARKER.search(data, position)
            if not found:
                return
            position = found.start()


def jpeg_name(marker: int) -> str:
    """T.81 table B.1."""
    names = {0xC4: "DHT", 0xC8: "JPG", 0xCC: "DAC", 0xD8: "SOI", 0xD9: "EOI", 0xDA: "SOS", 0xDB: "DQT"}
    names |= {0xDC: "DNL", 0xDD: "DRI", 0xDE: "DHP", 0xDF: "EXP", 0xFE: "COM"}
    if marker in names:
        return names[marker]
    if 0xC0 <= marker <= 0xCF:
        return f"SOF{marker - 0xC0}"
    if 0xE0 <= marker <= 0xEF:
        return f"APP{marker - 0xE0}"
    return f"{marker:02X}"


def png_chunks(data: bytes) -> Iterator[Piece]:
    """Chunks to IEND. Check sums are not checked: a decoder does that."""
    position = 8
    for _ in range(MAX_PIECES):
        if position + 12 > len(data):
            return
        (length,) = struct.unpack_from(">I", data, position)
        if position + 12 + length > len(data):
            return
        kind = data[position + 4 : position + 8].decode("latin-1")
        start = position + 8
        yield Piece(kind, position, length, data[start : start + min(length, MAX_PAYLOAD)])
        if kind == "IEND":
            return
        position += 12 + length


def riff_chunks(data: bytes) -> Iterator[Piece]:
    """Chunks of a RIFF file (WebP); each is padded to an even length."""
    position = 12
    for _ in range(MAX_PIECES):
        if position + 8 > len(data):
            return
        (length,) = struct.unpack_from("<I", data, position + 4)
        if position + 8 + length > len(data):
            return
        start = position + 8
        kind = data[position : position + 4].decode("latin-1")
        yield Piece(kind, position, length, data[start : start + min(length, MAX_PAYLOAD)])
        position = start + length + length % 2


def iso_boxes(data: bytes) -> Iterator[Piece]:
    """Top-level boxes of AVIF, HEIC and MP4. Size 1 = the size follows in 64 bits; 0 = to the end."""
    position = 0
    for _ in range(MAX_PIECES):
        if position + 8 > len(data):
            return
        (size,) = struct.unpack_from(">I", data, position)
        head = 8
        if size == 1 and position + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, position + 8)
            head = 16
        elif size == 0:
            size = len(data) - position
        if size < head or position + size > len(data):
            return
        start = position + head
        kind = data[position + 4 : position + 8].decode("latin-1")
        yield Piece(kind, position, size - head, data[start : start + min(size - head, MAX_PAYLOAD)])
        position += size


def photoshop_resources(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """(id, content) of the image resources in a JPEG's APP13 segment; 0x0404 holds the IPTC fields."""
    if not payload.startswith(b"Photoshop 3.0\0"):
        return
    position = 14
    for _ in range(MAX_PIECES):
        if payload[position : position + 4] != b"8BIM" or position + 12 > len(payload):
            return
        (number,) = struct.unpack_from(">H", payload, position + 4)
        name = payload[position + 6] + 1
        position += 6 + name + name % 2
        if position + 4 > len(payload):
            return
        (length,) = struct.unpack_from(">I", payload, position)
        if position + 4 + length > len(payload):
            return
        yield number, payload[position + 4 : position + 4 + length]
        position += 4 + length + length % 2


def iptc_fields(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(record, dataset, value) of IPTC-IIM: (2, 110) is the credit line, (2, 65) the program."""
    position = 0
    for _ in range(MAX_PIECES):
        if position + 5 > len(content) or content[position] != 0x1C:
            return
        record, dataset, length = struct.unpack_from(">BBH", content, position + 1)
        if length & 0x8000 or position + 5 + length > len(content):
            return
        yield record, dataset, content[position + 5 : position + 5 + length]
        position += 5 + length
