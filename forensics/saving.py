"""Files that are there whole or not at all, whatever interrupts their writing."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forensics.refusal import Refusal

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
DENIED = FULL | {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE}
GONE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENODEV, errno.ENXIO}

ELSEWHERE = "choose another place"


class Unwritable(Refusal, OSError):
    """A file that the machine will not write. An OSError too: callers who know more say what is kept."""

    def __init__(self, path: Path, number: int):
        super().__init__(path, number)
        self.errno, self.strerror, self.filename = number, os.strerror(number), str(path)

    def __reduce__(self) -> tuple:  # OSError's own gives back other arguments than these
        return Unwritable, (Path(self.filename), self.errno)

    def __str__(self) -> str:
        cure = "make room there and run the command again, or choose another place"
        return f"{self.filename}: cannot be written ({self.strerror}); {cure if self.errno in FULL else ELSEWHERE}"


@contextmanager
def at_once(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; the file becomes `path` when the block ends without an exception.

    Raises Unwritable where the machine will not write it; then, as after any exception, nothing is left of it.
    """
    part = path.with_name(path.name + ".part")
    with writing(path, part):
        try:
            yield part
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


def write_at_once(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    with at_once(path) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def writing(path: Path, *parts: Path) -> Iterator[None]:
    """Raises Unwritable where the machine will not write `path`, or one of `parts`, what it is first written to."""
    try:
        yield
    except Exception as error:
        number = fault(error, path, *parts)
        if number is None:
            raise
        raise Unwritable(path, number) from None


def fault(error: Exception, *files: Path) -> int | None:
    """The error number, where a machine would not write one of these files. Errors of other files are None."""
    if isinstance(error, OSError):
        number, named = error.errno, error.filename
        ours = named is None or str(named) in map(str, files)
        return number if ours and number in DENIED | GONE else None
    told = re.search(r"\(os error (\d+)\)", str(error))  # Rust's libraries, safetensors among them, say it so
    return int(told[1]) if told else None
