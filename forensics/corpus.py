"""A corpus: a folder of labelled photos with one manifest. Generators and detectors meet here, on disk.

Splits never share a group: copies of one picture stay together, and photos of one person where the manifest
names persons. `forensics corpus prepare` finds copies; in a plain folder every file is a group of its own.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from forensics.photo import SUFFIXES
from forensics.refusal import Refusal
from forensics.saving import at_once

MANIFEST = "manifest.csv"
SPLITS = ("train", "calibration", "test")
SHARES = (0.6, 0.2, 0.2)

Label = Literal["real", "fake"]


@dataclass(frozen=True)
class Entry:
    """One photo of a corpus. Only `path`, `label` and `split` steer anything; the rest is provenance."""

    path: str  # relative to the corpus folder, with forward slashes
    label: Label
    maker: str  # "camera", or the generator: "dcgan", "stylegan2", ...
    domain: str = ""  # where such photos come from: "web faces", "portraits", ...
    group: str = ""  # person or source picture
    split: str = ""
    width: int = 0
    height: int = 0
    sha256: str = ""
    seed: str = ""  # of a forged picture
    source: str = ""
    licence: str = ""
    kind: str = ""  # column "class": what it shows, by name or as a JSON list of numbers
    weights: str = ""  # of a forged picture: SHA-256 of the generator's file
    truncation: str = ""  # of a forged picture

    @classmethod
    def columns(cls) -> dict[str, str]:
        """Field → column of the manifest."""
        return {f.name: "class" if f.name == "kind" else f.name for f in fields(cls)}


@dataclass(frozen=True)
class Corpus:
    """Photos below `root`, described by `entries`."""

    root: Path
    entries: tuple[Entry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def path(self, entry: Entry) -> Path:
        return self.root / entry.path

    def where(self, **wanted: str) -> Corpus:
        """The part whose fields have these values: `corpus.where(split="test", label="real")`."""
        kept = (e for e in self.entries if all(getattr(e, key) == value for key, value in wanted.items()))
        return Corpus(self.root, tuple(kept))

    @classmethod
    def open(cls, root: str | Path, label: Label = "real") -> Corpus:
        """Read the manifest of a folder; a plain folder of pictures becomes a corpus of `label`.

        Raises Refusal when there is no such folder, no picture in it, or a broken manifest.
        """
        root = Path(root)
        if not root.is_dir():
            raise Refusal(f"{root}: no such folder; a corpus is a folder of pictures")
        manifest = root / MANIFEST
        entries = read_manifest(manifest) if manifest.exists() else tuple(plain_entries(root, label))
        if not entries:
            raise Refusal(f"{root}: no pictures; expected {', '.join(sorted(SUFFIXES))} files or {MANIFEST}")
        return cls(root, with_splits(entries))

    def save(self) -> None:
        """Write the manifest beside the photos, at once or not at all."""
        self.root.mkdir(parents=True, exist_ok=True)
        with at_once(self.root / MANIFEST) as part, open(part, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Entry.columns().values())
            writer.writerows(asdict(entry).values() for entry in self.entries)

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of what is in the corpus: paths, labels, splits and file hashes.

        Files whose hash the manifest does not tell are read, once; one that cannot be read counts as empty.
        """
        hashes = [e.sha256 or file_sha256(self.path(e)) or "" for e in self.entries]
        rows = sorted(
            f"{e.path}\t{e.label}\t{e.maker}\t{e.split}\t{h}" for e, h in zip(self.entries, hashes, strict=True)
        )
        return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()


def file_sha256(path: Path) -> str | None:
    """None when there are no bytes to be read."""
    try:
        if not path.is_file():  # opening a pipe would wait for its other end
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def read_manifest(path: Path) -> tuple[Entry, ...]:
    """The lines of a manifest. Raises Refusal naming the line that is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refusal(f"{path} cannot be read ({error.strerror})") from None
    return parse_manifest(data, str(path))


def parse_manifest(data: bytes, path: str) -> tuple[Entry, ...]:
    """The lines of a manifest's bytes; `path` names it in what is refused."""
    columns = Entry.columns()
    entries = []
    reader = csv.DictReader(io.StringIO(manifest_text(data, path), newline=""))
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            for key, allowed in (("label", ("real", "fake")), ("split", (*SPLITS, "", None))):
                if row.get(key) not in allowed:
                    raise Refusal(f"{where}: {key} is {row.get(key)!r}; allowed: {', '.join(filter(None, allowed))}")
            if not row.get("path") or Path(row["path"]).is_absolute() or ".." in Path(row["path"]).parts:
                raise Refusal(f"{where}: path {row.get('path')!r} must be inside the corpus")
            values = {field: row[column] for field, column in columns.items() if row.get(column)}
            for key in ("width", "height"):
                size = values.get(key, "0")
                if not (size.isascii() and size.isdigit() and len(size) < 10):
                    raise Refusal(f"{where}: {key} is {size!r}; it must be a number of pixels, or empty")
                values[key] = int(size)
            values.setdefault("maker", "camera" if row["label"] == "real" else "unknown")
            entries.append(Entry(**values))
    except csv.Error as error:
        raise Refusal(f"{path}, line {reader.reader.line_num}: no line of a CSV file ({error})") from None
    return tuple(entries)


def manifest_text(data: bytes, path: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refusal(f"{path}, line {line}: not UTF-8 text; save the manifest as UTF-8") from None
    if "\0" in text:
        raise Refusal(
            f"{path}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}: a zero byte, which no text has"
        )
    return text


def plain_entries(root: Path, label: Label) -> Iterator[Entry]:
    maker = "camera" if label == "real" else root.name
    for path in pictures_below(root):
        yield Entry(path.relative_to(root).as_posix(), label, maker, domain=root.name)


def pictures_below(root: Path) -> list[Path]:
    """Files with a picture's suffix below a folder, in a stable order, hidden ones left out."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(n for n in subfolders if not n.startswith("."))
        found += [Path(folder, n) for n in sorted(names) if Path(n).suffix.lower() in SUFFIXES and n[0] != "."]
    return found


def with_splits(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Entries that have no split yet get one from their group, the same on every machine."""
    return tuple(e if e.split else replace(e, split=split_of(e.group or e.path)) for e in entries)


def split_of(group: str) -> str:
    point = int.from_bytes(hashlib.sha256(group.encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64
    for split, share in zip(SPLITS, SHARES, strict=True):
        if point < share:
            return split
        point -= share
    return SPLITS[-1]


def likeness(pixels: np.ndarray) -> str:
    """Difference hash (64 bits, hex) of (H, W, 3) uint8: equal for copies of one picture at other sizes."""
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    bits = (grey[:, 1:] > grey[:, :-1]).flatten()
    return np.packbits(bits).tobytes().hex()
