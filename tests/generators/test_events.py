"""Event files say in TFRecords and protobuf what was logged; read here by other code than wrote them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import Image

from generators.events import Events, checksum, crc32c


def records(path: Path) -> list[bytes]:
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert data[8:12] == checksum(data[:8])
        assert data[12 + length : 16 + length] == checksum(data[12 : 12 + length])
        found.append(data[12 : 12 + length])
        data = data[16 + length :]
    return found


def fields(message: bytes) -> dict[int, list]:
    """Field number → values; nested messages stay bytes."""
    found: dict[int, list] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            value, at = message[at : at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


@pytest.fixture
def written(tmp_path) -> Path:
    grid = tmp_path / "grid.png"
    Image.new("RGB", (300, 200), (1, 2, 3)).save(grid)
    events = Events(tmp_path / "run", 70_001)
    events.scalars({"D loss": 1.5, "G loss": -0.25}, 70_064)
    events.picture("samples", grid, 70_064)
    return events.path


def test_checksums_are_those_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def test_events_hold_what_was_logged(written):
    version, start, scalars, picture = map(fields, records(written))
    assert version[3] == [b"brain.Event:2"]
    assert start[2] == [70_001]
    assert fields(start[7][0]) == {1: [1]}  # what others said of steps from here on is void
    assert scalars[2] == [70_064]
    values = {fields(v)[1][0]: struct.unpack("<f", fields(v)[2][0])[0] for v in fields(scalars[5][0])[1]}
    assert values == {b"D loss": 1.5, b"G loss": -0.25}
    image = fields(fields(fields(picture[5][0])[1][0])[4][0])
    assert (image[1], image[2]) == ([200], [300])
    assert image[4][0].startswith(b"\x89PNG")


def test_tensorboard_reads_them(written):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="not installed")
    found = reading.EventAccumulator(str(written.parent))
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars("D loss")] == [(70_064, 1.5)]
