"""From a folder or zip of photos to a corpus: square, of one size, faces aligned on request, copies grouped.

Each source becomes a folder of its own in the corpus, so that several can be prepared into one. What is
done is noted in a journal picture by picture: the same command again goes on where it stopped.
"""

from __future__ import annotations

import csv
import json
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from PIL import Image

from forensics import __version__
from forensics.corpus import Corpus, Entry, Label, likeness, pictures_below, with_splits
from forensics.face import cut, largest_face
from forensics.photo import MAX_BYTES, SUFFIXES, Photo, UnreadableImage
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once
from generators.copies import groups_of

OVERHANG = 0.15  # of the frame's side: how far a face's frame may leave the photo
NOTES = ".prepared"  # folder of journals, one a source


@dataclass(frozen=True)
class Cut:
    """What is made of each photo. `size` None keeps files byte for byte."""

    size: int | None
    align_faces: bool = False
    framing: float = 1.0  # side of the face's frame: 1 is FFHQ's, less is tighter

    def __post_init__(self) -> None:
        if self.size is None and self.align_faces:
            raise Refusal("--size native keeps files as they are, so faces cannot be aligned; give a size in pixels")
        if self.size is not None and not 8 <= self.size <= 4096:
            raise Refusal(f"--size {self.size}: must be 8 to 4096 pixels, or native")
        if not 0.3 <= self.framing <= 3:
            raise Refusal(f"--framing {self.framing}: must be 0.3 to 3 (1 is FFHQ's square)")


@dataclass(frozen=True)
class Origin:
    """Where the photos of one source come from."""

    label: Label = "real"
    maker: str = "camera"
    domain: str = ""
    licence: str = ""  # what the photos' owners allow


@dataclass(frozen=True)
class Prepared:
    """What became of a source: pictures kept, and what was left out with the reason."""

    corpus: Corpus
    kept: int
    left_out: tuple[tuple[str, str], ...]  # name in the source, reason
    enlarged: int  # kept, but smaller than `size` before


class LeftOut(Exception):
    """A readable photo that this cut cannot use."""


def prepare(
    source: Path,
    target: Path,
    cut_: Cut,
    origin: Origin,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Prepared:
    """Turn the photos of a folder or zip into pictures and manifest entries below `target`.

    Bad files are left out and listed in `left_out.csv`. Raises Refusal for a source that is none, or a
    target that holds something else.
    """
    with Source(source) as photos:
        if target.resolve() == source.resolve() or source.resolve() in target.resolve().parents:
            raise Refusal(f"{target} lies inside the source {source}; choose a folder outside it")
        names = photos.names[:limit]
        if not names:
            raise Refusal(f"{source}: no pictures; expected {', '.join(sorted(SUFFIXES))} files")
        settle_settings(target, photos.title, source, cut_, origin)
        journal = target / NOTES / f"{photos.title}.jsonl"
        noted = read_journal(journal)
        done = {n: row for n, row in noted.items() if "left_out" in row or (target / row["path"]).exists()}
        goals = goals_of(names, photos.title, cut_, {n: row["path"] for n, row in done.items() if "path" in row})
        journal.parent.mkdir(exist_ok=True)
        with open(journal, "a", encoding="utf-8") as notes:
            for number, name in enumerate(names, start=1):
                if name not in done:
                    done[name] = row = one(photos, name, target, goals[name], cut_)
                    notes.write(json.dumps(row) + "\n")
                    notes.flush()
                progress(number, len(names))
    corpus = gather(target)
    rows = [done[name] for name in names]
    left_out = tuple((row["name"], row["left_out"]) for row in rows if "left_out" in row)
    return Prepared(corpus, len(rows) - len(left_out), left_out, sum(row.get("enlarged", False) for row in rows))


class Source:
    """The photos of a folder or a zip, by name, in a stable order."""

    def __init__(self, path: Path):
        self.path, self.zip = path, None
        if path.is_dir():
            self.title = path.resolve().name
            self.names = [file.relative_to(path).as_posix() for file in pictures_below(path)]
        elif path.is_file() and zipfile.is_zipfile(path):
            self.title = path.stem
            self.zip = zipfile.ZipFile(path)
            inside = sorted(info.filename for info in self.zip.infolist() if not info.is_dir())
            visible = (n for n in inside if not any(map(is_hidden, PurePosixPath(n).parts)))
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
        if self.zip is None:
            return Photo.open(self.path / name)
        try:
            if self.zip.getinfo(name).file_size > MAX_BYTES:
                raise UnreadableImage(f"the file is over {MAX_BYTES // 2**20} MiB")
            data = self.zip.read(name)
        except (OSError, RuntimeError, NotImplementedError, ValueError, zipfile.BadZipFile) as error:
            raise UnreadableImage(f"cannot be unpacked ({error})") from None
        return Photo.open(data, PurePosixPath(name).name)


def is_hidden(part: str) -> bool:
    return (part.startswith(".") and part != "..") or part == "__MACOSX"


def as_text(name: str) -> str:
    """A file name as UTF-8 can have it: bytes that were no text become underscores."""
    return re.sub("[\ud800-\udfff]", "_", name)


def goals_of(names: list[str], title: str, cut_: Cut, settled: dict[str, str]) -> dict[str, str]:
    """Where each photo goes, relative to the corpus; never outside it, never two to one place."""
    goals, taken = dict(settled), {goal.lower() for goal in settled.values()}
    for name in (n for n in names if n not in settled):
        inside = PurePosixPath(title, *(as_text(p) for p in PurePosixPath(name).parts if p not in ("..", "/")))
        goal = inside if cut_.size is None else inside.with_suffix(".png")
        if goal.as_posix().lower() in taken:
            goal = inside.with_name(inside.name.replace(".", "-") + goal.suffix)
        taken.add(goal.as_posix().lower())
        goals[name] = goal.as_posix()
    return goals


def one(photos: Source, name: str, target: Path, goal: str, cut_: Cut) -> dict:
    """Prepare one photo; the journal's row for it."""
    try:
        photo = photos.open(name)
        data, width, height = photo.data, photo.width, photo.height
        if cut_.size is not None:
            pixels = aligned(photo, cut_) if cut_.align_faces else square(photo.pixels, cut_.size)
            data, (height, width) = png(pixels), pixels.shape[:2]
    except (UnreadableImage, LeftOut) as reason:
        return {"name": name, "left_out": str(reason)}
    path = target / goal
    path.parent.mkdir(parents=True, exist_ok=True)
    with at_once(path) as part:
        part.write_bytes(data)
    row = {"name": name, "path": goal, "width": width, "height": height, "sha256": sha256(data).hexdigest()}
    if cut_.size and min(photo.width, photo.height) < cut_.size:
        row["enlarged"] = True
    return row | {"likeness": likeness(photo.pixels)}


def square(pixels: np.ndarray, size: int) -> np.ndarray:
    """The centre square of (H, W, 3) uint8 as (size, size, 3): by area when it shrinks, cubic when it grows."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = pixels[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(middle)
    return cv2.resize(middle, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)


def aligned(photo: Photo, cut_: Cut) -> np.ndarray:
    """The largest face, upright in FFHQ's square. Raises LeftOut without one, or where it leaves the photo."""
    face = largest_face(photo)
    if face is None:
        raise LeftOut("no face found")
    frame = face.frame(cut_.framing)  # (4, 2)
    side = float(np.linalg.norm(frame[3] - frame[0]))
    beyond = np.maximum(-frame, frame - np.array([photo.width, photo.height])).max() / max(side, 1e-6)
    if beyond > OVERHANG:
        raise LeftOut(f"the face's frame leaves the photo by {beyond:.0%} of its side (at most {OVERHANG:.0%})")
    return cut(photo.pixels, frame, cut_.size)


def png(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def settle_settings(target: Path, title: str, source: Path, cut_: Cut, origin: Origin) -> None:
    """Write, or compare with, the settings that a corpus was prepared with. Raises Refusal on a conflict."""
    path = target / "config.json"
    mine = {"source": str(source.resolve()), **asdict(origin)}
    config: dict = {"cut": asdict(cut_), "sources": {}, "versions": versions()}
    if path.exists() and (target / NOTES).is_dir():
        config = json.loads(path.read_text(encoding="utf-8"))
        if config["cut"] != asdict(cut_):
            before, now = (", ".join(f"{k} {v}" for k, v in c.items()) for c in (config["cut"], asdict(cut_)))
            raise Refusal(f"{target} was prepared with {before}; not with {now}. Choose another folder")
        theirs = {"licence": ""} | config["sources"].get(title, mine)  # early ones had none
        if theirs != mine:
            before, now = (", ".join(f"{k} {v}" for k, v in c.items()) for c in (theirs, mine))
            raise Refusal(f"{target} already holds {title!r} ({before}), not ({now}). Choose another folder")
    elif target.exists() and {p.name for p in target.iterdir()} - {NOTES, "config.json.part"}:
        raise Refusal(f"{target} is not empty and no prepared corpus; choose a new folder")
    config["sources"][title] = mine
    (target / NOTES).mkdir(parents=True, exist_ok=True)
    write_at_once(path, json.dumps(config, indent=1))


def versions() -> dict[str, str]:
    return {"forensics": __version__, "numpy": np.__version__, "opencv": cv2.__version__}


def read_journal(path: Path) -> dict[str, dict]:
    """Rows of a journal by name in the source; a last line that an interruption cut short is removed."""
    if not path.exists():
        return {}
    whole, _, broken = path.read_bytes().rpartition(b"\n")
    if broken:
        os.truncate(path, path.stat().st_size - len(broken))
    return {row["name"]: row for row in map(json.loads, whole.splitlines())}


def gather(target: Path) -> Corpus:
    """The manifest of all sources prepared so far: groups of copies, splits by group; written and returned."""
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    rows, left_out = [], []
    for title, told in config["sources"].items():
        for row in read_journal(target / NOTES / f"{title}.jsonl").values():
            if "left_out" in row:
                left_out.append((as_text(f"{title}/{row['name']}"), row["left_out"]))
            else:
                rows.append((title, told, row))
    rows.sort(key=lambda found: found[2]["path"])  # whatever came first, the corpus is the same
    groups = groups_of([row["likeness"] for _, _, row in rows])
    entries = (
        Entry(
            path=row["path"],
            label=told["label"],
            maker=told["maker"],
            domain=told["domain"] or title,
            group=group,
            width=row["width"],
            height=row["height"],
            sha256=row["sha256"],
            source=as_text(f"{title}/{row['name']}"),
            licence=told.get("licence", ""),
        )
        for (title, told, row), group in zip(rows, groups, strict=True)
    )
    corpus = Corpus(target, with_splits(entries))
    table = StringIO()
    csv.writer(table, lineterminator="\n").writerows([("name", "reason"), *left_out])
    write_at_once(target / "left_out.csv", table.getvalue())
    corpus.save()
    return corpus
