"""Where a command is asked to write: tried before the work, so that no result is lost at its end."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from forensics.refusal import Refusal


def check_folder(folder: Path, option: str) -> None:
    """Raises Refusal unless files can be written into `folder`, or where it would be made. Makes nothing."""
    nearest = folder.absolute()
    try:
        while missing(nearest):
            nearest = nearest.parent
        with TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise Refusal(f"{option} {folder}: cannot be written ({error.strerror}); choose another folder") from None


def check_file(path: Path, option: str) -> None:
    """Raises Refusal unless `path` is, or can become, an ordinary file."""
    check_folder(path.parent, f"{option} {path}, in")
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no ordinary file"
        raise Refusal(f"{option} {path}: is {what}; name a file")


def missing(path: Path) -> bool:
    """A link that leads nowhere is there. Raises OSError for what can never be, such as a name too long."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    return False
