"""Files that are there whole or not at all, whatever interrupts their writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def at_once(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; the file becomes `path` when the block ends without an exception."""
    part = path.with_name(path.name + ".part")
    yield part
    os.replace(part, path)


def write_at_once(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    with at_once(path) as part:
        part.write_text(text, encoding="utf-8")
