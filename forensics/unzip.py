"""A ZIP of photos → files in a folder, within bounds, whatever the archive claims of itself.

Nothing is written outside of the folder, no link is made, no archive inside is opened. What is left out is told, with
the reason. Sizes are those that come out, never those that the archive declares.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from forensics.photo import MAX_BYTES
from forensics.refusal import Refusal

ENTRIES = 10_000
TOTAL = 8 * 2**30  # bytes that may come out of one archive
RATIO = 100  # bytes out per byte in, beyond the first `FREE`: photos hardly compress, bombs do a thousandfold
FREE = 64 * 2**20
CHUNK = 2**18
LONGEST = 100  # characters of one part of a name
DEEPEST = 20  # folders in folders
ENTRY = b"PK\x01\x02"  # each entry of an archive's directory begins so
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those whose output can be bounded as it comes
NESTED = frozenset(".zip .7z .rar .tar .gz .tgz .bz2 .xz .zst .jar .cbz .cbr".split())


@dataclass(frozen=True)
class Unpacked:
    """What came out, below the folder; and what did not, each with the reason."""

    files: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


class TooMuch(Exception):
    """An entry or the archive is past its bound."""


def unzip(data: bytes, folder: Path) -> Unpacked:
    """Write the files of an archive below `folder`, which has to be there and empty.

    Raises Refusal for what is no ZIP, holds too many entries, or would fill the disk; what was written stays for the
    caller to delete.
    """
    if data.count(ENTRY) > ENTRIES:  # before the directory is read: it would take a kilobyte an entry
        raise Refusal(f"the archive holds more than {ENTRIES:,} entries; split it, or give the path of a folder")
    files: list[str] = []
    left_out: list[tuple[str, str]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            room = min(TOTAL, FREE + RATIO * len(data))
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                why = barred(entry)
                place = None if why else target(folder, entry.filename)
                if place is None:
                    left_out.append((entry.filename, why or "its name leads out of the archive"))
                    continue
                written, why = written_to(archive, entry, place, room)
                room -= written
                if why:
                    left_out.append((entry.filename, why))
                else:
                    files.append(place.relative_to(folder).as_posix())
    except TooMuch:
        raise Refusal(
            f"the archive unpacks to more than {min(TOTAL, FREE + RATIO * len(data)) / 2**20:,.0f} MiB, "
            "which no photos do; give the path of a folder"
        ) from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise Refusal(f"this is no ZIP archive that can be read ({' '.join(str(error).split())[:120]})") from None
    except OSError as error:
        raise Refusal(f"the archive cannot be unpacked ({error.strerror or error})") from None
    return Unpacked(tuple(files), tuple(left_out))


def barred(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry is not unpacked, by what its header says."""
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind and not stat.S_ISREG(kind):
        return "a link or a device, not a file"
    if entry.flag_bits & 0x1:
        return "encrypted"
    if entry.compress_type not in METHODS:
        return "compressed in a way that is not read here; deflate is"
    if name.suffix.lower() in NESTED:
        return "an archive in the archive: not opened"
    if "__MACOSX" in name.parts or name.name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        return "a system's own note, not a photo"
    return None


def target(folder: Path, name: str) -> Path | None:
    """Where an entry is written; None if its name is absolute, climbs, or is none."""
    parts = name.replace("\\", "/").split("/")
    if any(part in ("", "..") or (len(part) == 2 and part[1] == ":") for part in parts) or len(parts) > DEEPEST:
        return None
    safe = [tame(part) for part in parts if part != "."]
    if not safe:
        return None
    place = folder.joinpath(*safe)
    for free in names(place):
        if not free.exists():
            return free
    return None


def tame(part: str) -> str:
    """A part of a name without what file systems or terminals obey."""
    clean = "".join(c if c.isprintable() and c not in '<>:"|?*' else "_" for c in part)
    stem, dot, suffix = clean.rpartition(".")
    short = f"{stem[: LONGEST - len(suffix) - 1]}{dot}{suffix}" if len(suffix) < 10 else clean[:LONGEST]
    while len(short.encode()) > 2 * LONGEST:  # file systems count bytes
        stem, dot, suffix = short.rpartition(".")
        short = f"{stem[:-1]}{dot}{suffix}" if stem else short[:-1]
    return short


def names(place: Path) -> Iterator[Path]:
    """The name, and others like it where two entries have the same."""
    yield place
    for i in range(2, ENTRIES + 2):
        yield place.with_name(f"{place.stem} ({i}){place.suffix}")


def written_to(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path, room: int) -> tuple[int, str | None]:
    """Bytes that came out, and why the file was dropped again, or None. Raises TooMuch where there is no room."""
    size, why = 0, None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return 0, "a file of the archive stands where its folder should be"
    try:
        with archive.open(entry) as source, place.open("xb") as out:
            while why is None and (chunk := source.read(CHUNK)):
                size += len(chunk)
                if size > room:
                    raise TooMuch
                if size > MAX_BYTES:
                    why = f"over {MAX_BYTES // 2**20} MiB"
                out.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        why = f"damaged ({' '.join(str(error).split())[:80]})"
    if why:
        place.unlink(missing_ok=True)
    return size, why
