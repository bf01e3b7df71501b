"""Archives of every ill will: nothing outside of the folder, nothing past the bounds, and a reason for each."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics import unzip as module
from forensics.refusal import Refusal
from forensics.unzip import ENTRIES, target, unzip


@pytest.fixture
def folder(tmp_path) -> Path:
    inside = tmp_path / "inside"
    inside.mkdir()
    return inside


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data, compress_type=method)
    return buffer.getvalue()


def outside(folder: Path) -> list[str]:
    return [path.name for path in folder.parent.iterdir() if path != folder]


def test_files_and_folders_come_out_as_they_were(folder):
    found = unzip(zipped(("a.jpg", b"one"), ("trip/day 1/b.png", b"two"), ("trip/", b"")), folder)
    assert found.files == ("a.jpg", "trip/day 1/b.png")
    assert found.left_out == ()
    assert (folder / "trip" / "day 1" / "b.png").read_bytes() == b"two"


@pytest.mark.parametrize(
    "name", ["../evil.jpg", "/etc/evil.jpg", "a/../../evil.jpg", "..\\evil.jpg", "C:\\evil.jpg", "a//b.jpg", "C:/x"]
)
def test_names_that_lead_out_are_left_out(folder, name):
    found = unzip(zipped((name, b"evil"), ("good.jpg", b"good")), folder)
    assert found.files == ("good.jpg",)
    assert [why for _, why in found.left_out] == ["its name leads out of the archive"]
    assert outside(folder) == []


@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_no_name_leads_out(name):
    folder = Path("/nowhere/inside")
    place = target(folder, name)
    if place is not None:
        assert place.is_relative_to(folder)
        assert ".." not in place.parts
        assert all(part.isprintable() for part in place.parts)
        assert all(len(part.encode()) <= 255 for part in place.parts)


def test_links_are_not_made(folder):
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = unzip(zipped((link, b"/etc/passwd")), folder)
    assert found.files == ()
    assert "link" in found.left_out[0][1]
    assert list(folder.iterdir()) == []


def test_archives_inside_are_not_opened(folder):
    found = unzip(zipped(("inner.ZIP", zipped(("x.jpg", b"x"))), ("a.tar.gz", b"x")), folder)
    assert found.files == ()
    assert {why for _, why in found.left_out} == {"an archive in the archive: not opened"}


def test_a_bomb_is_refused_and_stops_early(folder, monkeypatch):
    monkeypatch.setattr(module, "FREE", 2**20)
    data = zipped(("flat.bmp", b"\0" * 300 * 2**20))
    with pytest.raises(Refusal, match="unpacks to more than"):
        unzip(data, folder)
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 40 * 2**20


def test_one_entry_that_lies_about_its_size(folder):
    data = bytearray(zipped(("a.jpg", b"x" * 5000)))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)  # says 10 bytes
    found = unzip(bytes(data), folder)
    assert found.files == ()
    assert found.left_out[0][1].startswith("damaged")
    assert list(folder.iterdir()) == []


def test_a_file_that_is_too_large_is_left_out_and_the_others_are_not(folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    found = unzip(zipped(("large.jpg", bytes(range(256)) * 20), ("small.jpg", b"x")), folder)
    assert found.files == ("small.jpg",)
    assert found.left_out[0][0] == "large.jpg"
    assert [path.name for path in folder.iterdir()] == ["small.jpg"]


def test_too_many_entries_are_refused_before_they_take_memory(folder):
    entry = (
        struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    )
    count = 400_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, count * len(entry), 0, 0)  # says it has one
    tracemalloc.start()
    with pytest.raises(Refusal, match=f"more than {ENTRIES:,} entries"):
        unzip(entry * count + end, folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * count * len(entry)


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x05\x06", b"PK\x03\x04" + bytes(200), b"PK\x05\x06" * 30])
def test_what_is_no_archive_is_one_line(folder, data):
    with pytest.raises(Refusal, match="no ZIP archive") as refused:
        unzip(data, folder)
    assert "\n" not in str(refused.value)


@given(cut=st.integers(0, 400), at=st.integers(0, 400), value=st.integers(0, 255))
def test_damaged_archives_are_refused_or_their_entries_left_out(tmp_path_factory, cut, at, value):
    data = bytearray(zipped(("a.jpg", b"one" * 40), ("b/c.jpg", bytes(range(200)))))
    data[at % len(data)] = value
    folder = tmp_path_factory.mktemp("damaged")
    try:
        found = unzip(bytes(data[: len(data) - cut % 40]), folder)
    except Refusal:
        return
    assert len(found.files) == sum(path.is_file() for path in folder.rglob("*"))


def test_encrypted_and_oddly_packed_entries_are_told(folder):
    data = bytearray(zipped(("a.jpg", b"secret")))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    assert unzip(bytes(data), folder).left_out == (("a.jpg", "encrypted"),)
    packed = unzip(zipped(("b.jpg", b"x"), method=zipfile.ZIP_LZMA), folder)
    assert "deflate" in packed.left_out[0][1]


def test_two_entries_of_one_name_are_two_files(folder):
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped(("a.jpg", b"1"), ("a.jpg", b"2"))
    assert unzip(data, folder).files == ("a.jpg", "a (2).jpg")


def test_a_file_where_a_folder_should_be(folder):
    found = unzip(zipped(("a", b"1"), ("a/b.jpg", b"2")), folder)
    assert found.files == ("a",)
    assert len(found.left_out) == 1
