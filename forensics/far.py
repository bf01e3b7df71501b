"""A folder or a file at an address that fsspec reaches: s3://bucket/photos, zip://::photos.zip, memory://photos.

Nothing is contacted unless somebody gives its address. Who may read there is between fsspec and the environment
(AWS_ACCESS_KEY_ID, a role of the machine, ...): an address with a password or a signature in it is refused, since
results keep the address.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from forensics.photo import MAX_BYTES, UnreadableImage, one_line
from forensics.refusal import Refusal

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("abfs", "abfss", "az"), "adlfs"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
}
PAUSES = (0.5, 2.0)  # seconds before a second and a third try to fetch a photo; s3fs tries again by itself, too
FINAL = (FileNotFoundError, PermissionError, IsADirectoryError)  # no use in trying again
SECRET = re.compile(r"://[^/@]*:[^/@]*@")  # user:password@
SIGNED = re.compile(r"^https?://[^?]*\?", re.I)  # such as a presigned address


@dataclass(frozen=True)
class Far:
    """An address; the same for every process that is told it."""

    url: str

    def __post_init__(self) -> None:
        if any(SECRET.search(link) or SIGNED.search(link) for link in self.url.split("::")):
            shown = one_line(re.split(r"://", self.url)[0], 20)
            raise Refusal(
                f"{shown}://…: the address holds a password or a query, which results would keep; "
                "leave them out and let the environment say who you are"
            )

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.split("::")[0].rstrip("/").rpartition("/")[2]

    def reached(self) -> tuple[AbstractFileSystem, str]:
        """The file system and the path in it. Raises Refusal where a package is missing or nothing answers."""
        import fsspec

        with reaching(self.url):
            fs, path = fsspec.url_to_fs(self.url)
            return fs, path.rstrip("/")

    def there(self) -> None:
        """Raises Refusal unless this is a folder that can be read."""
        fs, path = self.reached()
        with reaching(self.url):
            fs.invalidate_cache()
            try:
                kind = fs.info(path)["type"]
            except FileNotFoundError:
                raise Refusal(f"{self.url}: no such folder") from None
            if kind != "directory" and not fs.isdir(path):
                raise Refusal(f"{self.url}: is a file; `forensics scan` takes the folder it lies in")

    def files(self, leave_out: tuple[Far, ...] = ()) -> tuple[list[str], tuple[str, ...]]:
        """All files below, relative and in order; and what was passed over, with the reason."""
        fs, root = self.reached()
        skip = {path for other, path in (far.reached() for far in leave_out) if other == fs}
        found, passed_over = [], []
        with reaching(self.url):
            listed = fs.find(root, detail=True)
            fs.invalidate_cache()  # of millions of names
        for path, about in sorted(listed.items()):
            file = path.removeprefix(root + "/") if root else path
            if path in skip or path == root or file.endswith("/"):  # S3's mark of an empty folder is no file
                continue
            if about["type"] == "file":
                found.append(file)
            else:
                passed_over.append(f"{file} (no regular file)")
        return found, tuple(passed_over)

    def read(self, file: str) -> bytes:
        """The bytes of a file below, at most MAX_BYTES. Raises UnreadableImage for whatever is wrong."""
        for pause in (*PAUSES, None):
            try:
                return self._fetched(file)
            except UnreadableImage:
                raise
            except Exception as error:  # each file system has its own
                if pause is None or isinstance(error, FINAL):
                    raise UnreadableImage(f"the file cannot be fetched ({why(error)})") from None
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _fetched(self, file: str) -> bytes:
        fs, root = self.reached()
        with fs.open(f"{root}/{file}" if root else file, "rb") as stream:
            if (getattr(stream, "size", None) or 0) <= MAX_BYTES:
                data = stream.read(MAX_BYTES + 1)  # the size may be unknown, or not true
                if len(data) <= MAX_BYTES:
                    return data
        raise UnreadableImage(f"the file is over {MAX_BYTES // 2**20} MiB")

    def sha256(self, file: str) -> str | None:
        """None when there are no bytes to be read, or too many."""
        with suppress(UnreadableImage):
            return hashlib.sha256(self.read(file)).hexdigest()
        return None

    def stamp(self) -> str | None:
        """Another one whenever the file here is written; None while there is none."""
        fs, path = self.reached()
        with reaching(self.url):
            fs.invalidate_cache()
            try:
                return fs.ukey(path)
            except FileNotFoundError:
                return None

    def fetch(self, target: Path) -> None:
        fs, path = self.reached()
        with reaching(self.url), fs.open(path, "rb") as stream, target.open("wb") as file:
            shutil.copyfileobj(stream, file, 2**22)

    def put(self, source: Path) -> None:
        """Write the file here, whole or not at all. Raises Refusal where that fails."""
        fs, path = self.reached()
        with reaching(self.url, "written"):
            with fs.transaction, source.open("rb") as file, fs.open(path, "wb") as stream:
                shutil.copyfileobj(file, stream, 2**22)
            fs.invalidate_cache()
            if (size := fs.info(path)["size"]) != source.stat().st_size:
                raise OSError(f"{size:,} bytes arrived of {source.stat().st_size:,}")

    def probe(self) -> None:
        """Raises Refusal unless files can be written beside this one: better now than at the end of the work."""
        fs, path = self.reached()
        with reaching(self.url, "written"):
            fs.pipe_file(f"{path}.probe", b"forensics: may be deleted")
        with suppress(Exception):  # one may write and not delete
            fs.rm_file(f"{path}.probe")


def place(given: str | os.PathLike | Far) -> Path | Far:
    """What a user calls a folder or a file: "photos", "file:///home/me/photos", "s3://bucket/photos"."""
    if isinstance(given, Far) or "://" not in (text := os.fspath(given)):
        return given if isinstance(given, Far) else Path(given)
    *links, last = text.split("::")
    local = re.fullmatch(r"(?:file|local)://(.+)", last, re.S)
    if local and not links:
        return Path(local[1])
    if "://" not in last:  # a file here, that workers and a later scan know by its whole path
        last = os.path.abspath(last)
    return Far("::".join([*links, last]))


@contextmanager
def reaching(url: str, done: str = "reached") -> Iterator[None]:
    """Whatever goes wrong at an address, as a Refusal."""
    try:
        yield
    except Refusal:
        raise
    except ImportError as error:
        scheme = next((s for link in reversed(url.split("::")) if (s := urlsplit(link).scheme) in PACKAGES), None)
        cure = f"needs a package: pip install {PACKAGES[scheme]}" if scheme else f"cannot be {done} ({why(error)})"
        raise Refusal(f"{url}: {cure}") from None
    except Exception as error:  # each file system has its own
        raise Refusal(f"{url}: cannot be {done} ({why(error)})") from None


def why(error: Exception) -> str:
    return one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__, 200)
