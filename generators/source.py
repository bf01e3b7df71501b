"""A folder or a zip of photos, read by name: bounded, nothing unpacked to disk, nothing outside it reached."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from forensics.corpus import MANIFEST, Corpus, Entry, parse_manifest, pictures_below, with_splits
from forensics.photo import MAX_BYTES, SUFFIXES, Photo, UnreadableImage, read_file
from forensics.refusal import Refusal

MOST_FILES = 5_000_000  # in one zip
MOST_TEXT = 256 * 2**20  # bytes of a manifest or dataset.json
BROKEN_ZIP = (OSError, RuntimeError, NotImplementedError, ValueError, EOFError, zipfile.BadZipFile)


class Source:
    """The photos of a folder or a zip. `names`: their paths inside, forward slashes, in a stable order.

    Use as a context. Raises Refusal for what is neither, or a zip of more than `MOST_FILES` files.
    """

    def __init__(self, path: Path):
        self.path, self.zip = path, None
        if path.is_dir():
            self.title = path.resolve().name
            self.names = [file.relative_to(path).as_posix() for file in pictures_below(path)]
        elif path.is_file() and zipfile.is_zipfile(path):
            self.title = path.stem
            try:
                self.zip = zipfile.ZipFile(path)
            except BROKEN_ZIP as error:
                raise Refusal(f"{path} is a broken zip ({error})") from None
            inside = {info.filename for info in self.zip.infolist() if not info.is_dir()}
            if len(inside) > MOST_FILES:
                raise Refusal(f"{path} holds {len(inside):,} files; at most {MOST_FILES:,} are read from one zip")
            visible = (n for n in sorted(inside) if not any(map(is_hidden, PurePosixPath(n).parts)))
            self.names = [n for n in visible if PurePosixPath(n).suffix.lower() in SUFFIXES]
        else:
            what = "is neither a folder nor a zip" if path.exists() else "does not exist"
            raise Refusal(f"{path} {what}; give a folder or a .zip of photos")

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        if self.zip:
            self.zip.close()

    def open(self, name: str) -> Photo:
        """Raises UnreadableImage, whatever is wrong."""
        return Photo.open(self.read(name), PurePosixPath(name).name)

    def read(self, name: str) -> bytes:
        """The bytes of a file, at most `MAX_BYTES`. Raises UnreadableImage, whatever is wrong."""
        if self.zip is None:
            return read_file(self.path / name)
        try:
            if self.zip.getinfo(name).file_size > MAX_BYTES:
                raise UnreadableImage(f"the file is over {MAX_BYTES // 2**20} MiB")
            return self.zip.read(name)
        except KeyError:
            raise UnreadableImage("no such file in the zip") from None
        except UnreadableImage:
            raise
        except (*BROKEN_ZIP, MemoryError) as error:
            raise UnreadableImage(f"cannot be unpacked ({error})") from None

    def text_file(self, name: str) -> bytes | None:
        """The bytes of a small file such as dataset.json; None when there is none. Raises Refusal if too large."""
        where = f"{self.path}: {name}"
        try:
            if self.zip is None:
                path = self.path / name
                if not path.is_file():
                    return None
                size = path.stat().st_size
            elif name in self.zip.NameToInfo:
                size = self.zip.getinfo(name).file_size
            else:
                return None
            if size > MOST_TEXT:
                raise Refusal(f"{where} is over {MOST_TEXT // 2**20} MiB")
            return self.zip.read(name) if self.zip else path.read_bytes()
        except BROKEN_ZIP as error:
            raise Refusal(f"{where} cannot be read ({error})") from None


def is_hidden(part: str) -> bool:
    return (part.startswith(".") and part != "..") or part == "__MACOSX"


def corpus_at(path: Path) -> Corpus:
    """The corpus in a folder or a zip; `Source(corpus.root)` reads its photos.

    A zip with a manifest is a prepared corpus; any other holds real photos. Raises Refusal as
    `Corpus.open` does.
    """
    if path.is_dir():
        return Corpus.open(path)
    with Source(path) as source:
        manifest = source.text_file(MANIFEST)
        if manifest is not None:
            entries = parse_manifest(manifest, f"{path}: {MANIFEST}")
        else:
            entries = tuple(Entry(name, "real", "camera", domain=source.title) for name in source.names)
    if not entries:
        raise Refusal(f"{path}: no pictures; expected {', '.join(sorted(SUFFIXES))} files or {MANIFEST}")
    return Corpus(path, with_splits(entries))
