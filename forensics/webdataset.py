"""WebDataset: a plain .tar of samples, each key.jpg (or .png, ...) with key.cls, or with key.json.

A .cls holds 0 or "real", 1 or "fake"; a .json has the same as "label", and may name the "maker" of a fake.
What is not needed stays in the tar. Layout: github.com/webdataset/webdataset, "The WebDataset format".
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from forensics.corpus import Corpus, Entry, Label, with_splits
from forensics.photo import MAX_BYTES, SUFFIXES
from forensics.refusal import Refusal
from forensics.saving import at_once

LABELS: dict[str, Label] = {"0": "real", "real": "real", "1": "fake", "fake": "fake"}
FIELDS = ("cls", "json")
MAX_FIELD = 64 * 2**10  # bytes of a .cls or .json
MAX_MEMBERS = 4_000_000
MAX_NAME = 1000  # characters
BROKEN_TAR = (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError)


@dataclass
class Sample:
    """What stands under one key."""

    picture: str = ""  # where it was unpacked to
    sha256: str = ""
    fields: dict[str, bytes] = field(default_factory=dict)  # of FIELDS → content


def unpacked(tar: Path, cache: Path) -> Path:
    """The folder of a tar's pictures with their manifest, below `cache`: whole, or not there.

    Done once for each tar, told by its path, size and time. Pictures get names of our own, so that none can be
    written elsewhere. Raises Refusal, and leaves nothing, for a tar that is damaged or compressed, or holds what
    no data set needs: links, devices, holes, paths that are absolute or lead up, files over the limits above,
    pictures without a label.
    """
    try:
        about = tar.stat()
        told = hashlib.sha256(f"{tar.resolve()}\t{about.st_size}\t{about.st_mtime_ns}".encode("utf-8", "replace"))
        target = cache / f"{tar.stem[:60]}-{told.hexdigest()[:16]}"
        if target.is_dir():
            return target
        cache.mkdir(parents=True, exist_ok=True)
        if about.st_size > shutil.disk_usage(cache).free:
            raise Refusal(f"{tar}: has {about.st_size:,} bytes, and fewer are free in {cache}")
        with at_once(target) as part:
            shutil.rmtree(part, ignore_errors=True)  # what a crash left
            part.mkdir()
            try:
                Corpus(part, with_splits(unpack(tar, part))).save()
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    except OSError as error:
        raise Refusal(f"{tar} cannot be unpacked into {cache} ({error.strerror})") from None
    return target


def unpack(tar: Path, folder: Path) -> list[Entry]:
    """Write the pictures into `folder`; their entries, in the order of the tar."""
    samples: dict[str, Sample] = {}
    pictures = 0
    for key, suffix, data in members(tar):
        sample = samples.setdefault(key, Sample())
        if suffix in FIELDS:
            sample.fields[suffix] = data
            continue
        if sample.picture:
            raise Refusal(f"{tar}: two pictures under {key}; a sample is one picture and its label")
        sample.picture, sample.sha256 = (
            f"{pictures // 1000:05d}/{pictures:08d}.{suffix}",
            hashlib.sha256(data).hexdigest(),
        )
        pictures += 1
        (folder / sample.picture).parent.mkdir(exist_ok=True)
        (folder / sample.picture).write_bytes(data)
    if not pictures:
        raise Refusal(f"{tar}: no pictures; expected a WebDataset: key.jpg with key.cls or key.json")
    return [entry_of(tar, key, sample) for key, sample in samples.items() if sample.picture]


def members(tar: Path) -> Iterator[tuple[str, str, bytes]]:
    """(key, suffix, content) of pictures and labels. Every member is checked, wanted or not.

    Compressed tars are refused: from a few bytes they could grow without bound.
    """
    try:
        with open(tar, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for _ in range(MAX_MEMBERS):
                member = archive.next()
                if member is None:
                    break
                archive.members.clear()  # else it keeps them all
                check(tar, member)
                key, suffix = key_of(member.name)
                if member.isreg() and (suffix in FIELDS or f".{suffix}" in SUFFIXES):
                    yield key, suffix, archive.extractfile(member).read()
            else:
                raise Refusal(f"{tar}: over {MAX_MEMBERS:,} files; split it")
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes a bad header for the end
                raise Refusal(f"{tar}: damaged at byte {archive.offset:,}")
    except Refusal:
        raise
    except BROKEN_TAR as error:  # its headers may say anything
        raise Refusal(f"{tar}: damaged or no plain tar ({error}); unpack a compressed one first") from None


def check(tar: Path, member: tarfile.TarInfo) -> None:
    """Raises Refusal for a member that no data set needs."""
    name, shown = member.name, ascii(member.name[:80])
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise Refusal(f"{tar}: {shown} is a link, a device or a sparse file; only files and folders are unpacked")
    if name[:1] in ("/", "\\") or re.match("[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise Refusal(f"{tar}: {shown} leads out of the tar")
    if len(name) > MAX_NAME or not name.isprintable():
        raise Refusal(f"{tar}: {shown} is no name of at most {MAX_NAME} printable characters")
    most = MAX_FIELD if key_of(name)[1] in FIELDS else MAX_BYTES
    if not 0 <= member.size <= most:
        raise Refusal(f"{tar}: {shown} has {member.size:,} bytes; at most {most:,} are unpacked")


def key_of(name: str) -> tuple[str, str]:
    """ "a/b.cls" → ("a/b", "cls"): split at the first dot of the file's name. Hidden files have no suffix."""
    folder, slash, file = name.rpartition("/")
    key, _, suffix = file.partition(".")
    return f"{folder}{slash}{key}", suffix.lower() if key else ""


def entry_of(tar: Path, key: str, sample: Sample) -> Entry:
    try:
        told = json.loads(sample.fields.get("json", b"{}"))
        told = told if isinstance(told, dict) else {}
        words = [sample.fields["cls"].decode()] if "cls" in sample.fields else []
        words += [str(told["label"])] if "label" in told else []
        (label,) = {LABELS[word.strip().lower()] for word in words}  # both, where both are there
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refusal(
            f'{tar}: {key} has no clear label; expected {key}.cls, or "label" in {key}.json: 0 (real) or 1 (fake)'
        ) from None
    maker = str(told.get("maker") or "unknown")
    named = maker if label == "fake" and maker.isprintable() and len(maker) <= 80 else "unknown"
    maker = "camera" if label == "real" else named
    return Entry(sample.picture, label, maker, group=key, sha256=sample.sha256, source=f"{tar.name}: {key}")
