"""TensorBoard event files, written by hand: scalars and pictures against the photos shown so far.

A file is TFRecords (length, checksum, bytes, checksum) of Event messages; both formats are public and small,
and the package that writes them weighs 60 MB. To look: `pip install tensorboard`, `tensorboard --logdir RUN`.

Event: 1 wall_time double, 2 step int64, 3 file_version string, 5 summary, 7 session_log. Summary: 1 value*.
Value: 1 tag, 2 simple_value float, 4 image. Image: 1 height, 2 width, 3 colorspace, 4 encoded. SessionLog: 1 status.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from forensics.saving import writing

NAME = "events.out.tfevents."
START = 1  # SessionLog.SessionStatus


class Events:
    """One new event file in a folder. Every call leaves it whole."""

    def __init__(self, folder: Path, step: int):
        """`step`: what earlier files say of steps from here on is void, for the run takes them again."""
        folder.mkdir(parents=True, exist_ok=True)
        earlier = [int(told) for path in folder.glob(f"{NAME}*") if (told := path.name.split(".")[3]).isdecimal()]
        stamp = max([time.time_ns() // 1000, *(n + 1 for n in earlier)])  # read in this order; clocks may go back
        name = f"{NAME}{stamp:017d}.{socket.gethostname()}.{os.getpid()}"
        self.path = folder / name
        self.write(0, text(3, "brain.Event:2"))
        self.write(step, block(7, number(1, START)))

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        each = [block(1, text(1, tag) + tagged(2, 5) + struct.pack("<f", value)) for tag, value in values.items()]
        self.write(step, block(5, b"".join(each)))

    def picture(self, tag: str, png: Path, step: int) -> None:
        with Image.open(png) as image:
            width, height = image.size
        image = number(1, height) + number(2, width) + number(3, 3) + block(4, png.read_bytes())
        self.write(step, block(5, block(1, text(1, tag) + block(4, image))))

    def write(self, step: int, content: bytes) -> None:
        event = tagged(1, 1) + struct.pack("<d", time.time()) + number(2, step) + content
        length = struct.pack("<Q", len(event))
        with writing(self.path), open(self.path, "ab") as file:
            file.write(length + checksum(length) + event + checksum(event))


def tagged(field: int, wire: int) -> bytes:
    return bytes([field << 3 | wire])


def varint(n: int) -> bytes:
    parts = bytearray()
    while n > 127:
        parts.append(n & 127 | 128)
        n >>= 7
    return bytes([*parts, n])


def number(field: int, n: int) -> bytes:
    return tagged(field, 0) + varint(n)


def block(field: int, content: bytes) -> bytes:
    return tagged(field, 2) + varint(len(content)) + content


def text(field: int, words: str) -> bytes:
    return block(field, words.encode())


def castagnoli(byte: int) -> int:
    """One entry of the table of CRC-32C (RFC 3720, appendix B.4), reflected."""
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


TABLE = [castagnoli(byte) for byte in range(256)]


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def checksum(data: bytes) -> bytes:
    """CRC-32C, masked as TFRecord wants it: rotated right by 15 bits, plus a constant."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
