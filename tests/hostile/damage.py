"""What chance does to a file: bits, ends, lengths, pieces, numbers."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from random import Random

from forensics import container

EXTREME = (0, 1, 2, 3, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
BOXES = b"meta iloc iinf infe iprp ipco ipma ispe pixi av1C hvcC colr iref pitm mdat stsz stco trak Exif".split()
WORDS = (b"IHDR", b"acTL", b"fcTL", b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"EXIF", b"XMP ", b"ICCP", *BOXES)


def flips(data: bytearray, chance: Random, _: Mapping[str, bytes]) -> bytearray:
    reach = len(data) if chance.random() < 0.5 else min(len(data), 600)
    for _ in range(chance.randint(1, 24)):
        data[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    return data


def truncation(data: bytearray, chance: Random, _: Mapping[str, bytes]) -> bytearray:
    return data[: chance.randrange(1, len(data))]


def lengths(data: bytearray, chance: Random, _: Mapping[str, bytes]) -> bytearray:
    """A field that says how long or how many, set to what an attacker would say."""
    places = fields(bytes(data))
    for _ in range(chance.randint(1, 3)):
        at, form = chance.choice(places)
        size = struct.calcsize(form)
        if at + size <= len(data):
            struct.pack_into(form, data, at, chance.choice(EXTREME) & (1 << 8 * size) - 1)
    return data


def fields(data: bytes) -> list[tuple[int, str]]:
    """Where lengths, counts, sizes and offsets stand, and how they are written."""
    found: list[tuple[int, str]] = []
    walked = container.walk(data)
    for piece in walked.pieces if walked else ():
        if walked.format == "JPEG":
            found.append((piece.offset + 2, ">H"))
            if piece.kind.startswith(("SOF", "SOS", "DHT", "DQT")):
                found += [(piece.offset + 4 + i, "B") for i in range(min(piece.length, 12))]
        else:
            found.append((piece.offset + 4 * (walked.format == "RIFF"), "<I" if walked.format == "RIFF" else ">I"))
    for word in WORDS:
        at = data.find(word)
        if at >= 4:
            found += [(at - 4, ">I"), *((at + 4 + 4 * i, ">I") for i in range(4))]
    if data[:2] in (b"II", b"MM"):
        order = "<" if data[:2] == b"II" else ">"
        (first,) = struct.unpack_from(f"{order}I", data, 4)
        found += [(4, f"{order}I"), (first, f"{order}H")]
        found += [(first + 2 + 12 * i + 4 * part, f"{order}I") for i in range(20) for part in (1, 2)]
    if data[:3] == b"GIF":
        found += [(at, "<H") for at in (6, 8)] + [(data.find(b",") + i, "<H") for i in (1, 3, 5, 7)]
    if data[:2] == b"BM":
        found += [(at, "<I") for at in (2, 10, 14, 18, 22, 28, 30, 46)]
    tiff = data.find(b"Exif\0\0")
    if tiff > 0:
        found += [(tiff + 6 + i, "<I") for i in range(4, 40, 2)]
    return found or [(chance, ">I") for chance in range(0, min(len(data), 64), 4)]


def shuffles(data: bytearray, chance: Random, _: Mapping[str, bytes]) -> bytearray:
    """Segments, chunks, boxes or directory entries in another order, left out, or said many times."""
    head, pieces = cut(bytes(data))
    for _ in range(chance.randint(1, 4)):
        what, i, j = chance.randrange(4), chance.randrange(len(pieces)), chance.randrange(len(pieces))
        if what == 0:
            pieces[i], pieces[j] = pieces[j], pieces[i]
        elif what == 1 and len(pieces) > 1:
            del pieces[i]
        elif what == 2:
            pieces.insert(j, pieces[i])
        else:
            pieces[i:i] = [pieces[i]] * min(chance.choice((50, 5000)), 1 + 2_000_000 // (len(pieces[i]) + 1))
    return bytearray(head + b"".join(pieces))


def cut(data: bytes) -> tuple[bytes, list[bytes]]:
    """What stands before the first piece, and the pieces; a format without a walker gives pieces of 12 bytes."""
    walked = container.walk(data)
    if walked and walked.pieces:
        starts = [piece.offset for piece in walked.pieces]
    else:
        (first,) = struct.unpack_from("<I", data, 4) if data[:2] == b"II" else (14,)
        starts = list(range(first + 2, min(first + 242, len(data)), 12)) if first + 14 < len(data) else [8, 20, 32]
    return data[: starts[0]], [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def grafts(data: bytearray, chance: Random, others: Mapping[str, bytes]) -> bytearray:
    """A stretch of another file, put in or over."""
    other = chance.choice(list(others.values()))
    start = chance.randrange(len(other))
    stretch = other[start : start + chance.choice((8, 64, 1024, 16384))]
    at = chance.randrange(len(data))
    data[at : at + chance.choice((0, len(stretch)))] = stretch
    return data


def fills(data: bytearray, chance: Random, _: Mapping[str, bytes]) -> bytearray:
    at = chance.randrange(len(data))
    length = min(chance.choice((4, 32, 512, 8192)), len(data) - at)
    data[at : at + length] = bytes([chance.choice((0, 0xFF, 0x20, 0xD8))]) * length
    return data


def numbers(data: bytearray, chance: Random, _: Mapping[str, bytes]) -> bytearray:
    """Extreme integers anywhere in the head."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(max(1, min(len(data), 1024) - 4))
        struct.pack_into(chance.choice(("<I", ">I")), data, at, chance.choice(EXTREME))
    return data


def checked(data: bytes) -> bytes:
    """A PNG whose check sums fit again, so that what was damaged is looked at; anything else as it is."""
    out = bytearray(data)
    for piece in container.png_chunks(data) if data.startswith(container.PNG_MAGIC) else ():
        end = piece.offset + 8 + piece.length
        struct.pack_into(">I", out, end, zlib.crc32(data[piece.offset + 4 : end]))
    return bytes(out)


Damage = Callable[[bytearray, Random, Mapping[str, bytes]], bytearray]
DAMAGES: tuple[Damage, ...] = (flips, truncation, lengths, shuffles, grafts, fills, numbers)
