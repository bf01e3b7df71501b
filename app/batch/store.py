"""Batches on disk: `runs/batches/ID`, which only its owner may read, holds all that there is of one.

batch.json           what is examined, since when
photos/              what came out of a ZIP; the photos of a folder stay where they are
results.parquet      and its parts: the scan's ledger
glimpses/            thumbnails
progress.json, log   of the process that works on it
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from forensics import places
from forensics.refusal import Refusal
from forensics.saving import write_at_once
from forensics.unzip import unzip

HALF = 3600  # seconds after which nobody unpacks any more
ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Batch:
    """`name`: the folder's path or the archive's name. `left_out`: entries of the archive, each with the reason."""

    id: str
    name: str
    photos: str
    begun: str
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def home(self) -> Path:
        return root() / self.id

    @property
    def ledger(self) -> Path:
        return self.home / "results.parquet"

    @property
    def glimpses(self) -> Path:
        return self.home / "glimpses"

    @property
    def zipped(self) -> bool:
        return Path(self.photos) == self.home / "photos"

    def save(self) -> None:
        write_at_once(self.home / "batch.json", json.dumps(asdict(self), indent=1))


def root() -> Path:
    return (places.RUNS / "batches").absolute()


def of_folder(path: str) -> Batch:
    """A new batch of the photos below a folder of this machine. Raises Refusal if it cannot be one."""
    path = path.strip()
    try:
        folder = Path(path).expanduser().absolute()
        there = bool(path) and "\0" not in path and folder.is_dir()
        holds_us = there and root().resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        there = holds_us = False
    if not there:
        raise Refusal("there is no such folder on this machine; give its whole path, like /home/ana/photos")
    if holds_us:
        raise Refusal(f"this folder holds the app's own results ({root()}); choose one below it")
    batch = made(str(folder), lambda home: str(folder))
    batch.save()
    return batch


def of_zip(name: str, data: bytes) -> Batch:
    """A new batch of the photos in an archive. Raises Refusal; then nothing stays on disk."""
    batch = made(PurePath(name).name, lambda home: str(home / "photos"))
    folder = Path(batch.photos)
    try:
        folder.mkdir(mode=0o700)
        unpacked = unzip(data, folder)
        if not unpacked.files:
            why = f": {unpacked.left_out[0][1]}" if unpacked.left_out else ""
            raise Refusal(f"nothing in the archive can be examined{why}")
        batch = Batch(batch.id, batch.name, batch.photos, batch.begun, unpacked.left_out[:1000])
        batch.save()
    except BaseException:
        delete(batch)
        raise
    return batch


def made(name: str, photos: Callable[[Path], str]) -> Batch:
    """With a home of its own; `photos` says where its photos are, given that."""
    id = secrets.token_hex(16)
    home = root() / id
    try:
        root().mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700)
    except OSError as error:
        raise Refusal(f"{root()}: cannot be written ({error.strerror}); start the app in another folder") from None
    return Batch(id, name, photos(home), datetime.now(UTC).isoformat(timespec="seconds"))


def find(id: str) -> Batch | None:
    """None for an id that is none, or of a batch that is no more."""
    if not ID.fullmatch(id):
        return None
    try:
        told = json.loads((root() / id / "batch.json").read_text(encoding="utf-8"))
        return Batch(**{**told, "id": id, "left_out": tuple(map(tuple, told["left_out"]))})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def every() -> list[Batch]:
    """All batches on this machine, the newest first."""
    sweep()
    found = filter(None, map(find, (path.name for path in root().glob("*"))))
    return sorted(found, key=lambda batch: batch.begun, reverse=True)


def sweep() -> None:
    """Takes away what a crash left half unpacked: photos that no page would ever find again."""
    for home in root().glob("*"):
        with suppress(OSError):
            half = ID.fullmatch(home.name) and not (home / "batch.json").exists()
            if half and time.time() - home.stat().st_mtime > HALF:
                shutil.rmtree(home, ignore_errors=True)


def delete(batch: Batch) -> None:
    """All that there is of it; the photos of a folder stay where they are."""
    if ID.fullmatch(batch.id):
        shutil.rmtree(batch.home, ignore_errors=True)
