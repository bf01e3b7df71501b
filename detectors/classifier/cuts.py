"""Cuts: the faces of corpora, found once and kept for training.

A cut is the part of an upright photo around its largest face, in the photo's own pixels (shrunk only where
the face is larger than training ever needs), with the corners of the square that the classifier will look
at. Two files in a folder: `cuts.bin`, uint8 RGB one after the other, and `cuts.jsonl`, one line a photo.
Photos are added as they are found; an interrupted run goes on where it stopped. A line remembers the size and
time of its file: a photo that was replaced is looked at again (its old cut stays in `cuts.bin`, unused).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePath

import cv2
import numpy as np

from detectors.classifier.network import NetworkConfig
from detectors.structure.tables import nearest
from forensics.corpus import Corpus, Entry
from forensics.refusal import Refusal
from forensics.saving import write_at_once, writing

LARGEST = 256  # px kept of the classifier's square
MARGIN = 1.25  # of the square: room to turn and shift it
SPILL = 0.01  # of the square's side outside the photo: counts as spilling over the border


@dataclass(frozen=True)
class Cut:
    """One face. Coordinates are in the cut's own pixels."""

    photo: str
    label: str
    maker: str
    domain: str
    group: str
    offset: int  # in cuts.bin
    height: int
    width: int
    corners: tuple[tuple[float, float], ...]  # of the square: top left, bottom left, bottom right, top right
    box: tuple[float, float, float, float]  # of the face: left, top, right, bottom
    side: float  # of the square
    spills: bool  # the square reaches outside the photo
    native: float = 0.0  # px of the square in the photo itself: where the cut was shrunk it is more than `side`
    quality: int = 0  # libjpeg's nearest to the photo's own tables; 0 = no JPEG, or not at the cut's size

    @property
    def source(self) -> str:
        """What sampling balances: the maker of a fake, the domain of a real photo."""
        return f"{self.label}: {self.maker if self.label == 'fake' else self.domain}"

    @property
    def subject(self) -> tuple[str, str, str]:
        """What a photo and its reconstructions share: they differ in nothing but the maker."""
        return self.domain, self.group, PurePath(self.photo).stem


class Cuts:
    """All cuts of a folder. `missed`: how many photos had no usable face, by reason."""

    def __init__(self, folder: Path, rows: Sequence[Cut], missed: dict[str, int]):
        self.rows = tuple(rows)
        self.missed = missed
        self.data = np.memmap(folder / "cuts.bin", np.uint8, "r") if rows else np.zeros(0, np.uint8)

    def __len__(self) -> int:
        return len(self.rows)

    def pixels(self, cut: Cut) -> np.ndarray:
        """(height, width, 3) uint8, read-only."""
        end = cut.offset + cut.height * cut.width * 3
        return self.data[cut.offset : end].reshape(cut.height, cut.width, 3)


def make_cuts(corpora: Iterable[Corpus], folder: Path, config: NetworkConfig, split: str = "train") -> Cuts:
    """Find and keep the faces of one split of corpora. Raises Refusal when a class has too few."""
    from rich.console import Console
    from rich.progress import track

    folder.mkdir(parents=True, exist_ok=True)
    wanted = {str(c.path(e)): (c, e) for c in corpora for e in c.where(split=split)}
    index = folder / "cuts.jsonl"
    known = read_index(index, config)
    kept = folder / "cuts.bin"
    with writing(kept, index), open(kept, "ab") as data, open(index, "a", encoding="utf-8") as lines:
        end = max(
            (row["offset"] + row["height"] * row["width"] * 3 for row in known.values() if "side" in row), default=0
        )
        data.truncate(end)  # a picture whose line was not written any more
        data.seek(end)
        if not known:
            lines.write(json.dumps({"config": framing(config)}) + "\n")
        files = {path: stamp_of(path) for path in wanted}
        new = [path for path in wanted if path not in known or known[path].get("file") != files[path]]
        for path in track(new, "faces", console=Console(stderr=True), disable=not new):
            found = cut_face(*wanted[path], config)
            if isinstance(found, str):
                row = {"photo": path, "missed": found}
            else:
                cut, pixels = found
                row = {**asdict(cut), "offset": data.tell()}
                data.write(pixels.tobytes())
                data.flush()
            row["file"] = files[path]
            lines.write(json.dumps(row) + "\n")
            lines.flush()
            known[path] = row
    rows, missed = [], {}
    for path, (corpus, entry) in wanted.items():
        row = {key: value for key, value in known[path].items() if key != "file"}
        if "missed" in row:
            missed[row["missed"]] = missed.get(row["missed"], 0) + 1
        else:
            row |= {"corners": tuple(map(tuple, row["corners"])), "box": tuple(row["box"])}
            rows.append(Cut(**{**row, **told(corpus, entry)}))
    return Cuts(folder, rows, missed)


def stamp_of(path: str) -> list[int] | None:
    """Size in bytes and time of change in ns of a file; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def told(corpus: Corpus, entry: Entry) -> dict[str, str]:
    """What the manifest says of a photo; it may say something else today than when the face was cut."""
    return {
        "label": entry.label,
        "maker": entry.maker,
        "domain": entry.domain or corpus.root.name,
        "group": entry.group or entry.path,
    }


def framing(config: NetworkConfig) -> dict[str, float]:
    """What cuts depend on."""
    return {"scale": config.scale, "min_face": config.min_face, "told": len(fields(Cut))}


def read_index(path: Path, config: NetworkConfig) -> dict[str, dict]:
    known: dict[str, dict] = {}
    if not path.exists():
        return known
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break  # the last line of an interrupted run
        if number == 0:
            if row.get("config") != framing(config):
                raise Refusal(f"{path} was made for {row.get('config')}, not {framing(config)}; use another --out")
            continue
        known[row["photo"]] = row
    lines = [json.dumps({"config": framing(config)})] if known else []
    write_at_once(path, "".join(f"{text}\n" for text in lines + [json.dumps(row) for row in known.values()]))
    return known


def cut_face(corpus: Corpus, entry: Entry, config: NetworkConfig) -> tuple[Cut, np.ndarray] | str:
    """The cut of one photo and its pixels, or why there is none."""
    from forensics.face import largest_face
    from forensics.photo import Photo, UnreadableImage

    try:
        photo = Photo.open(corpus.path(entry))
    except UnreadableImage as error:
        return error.reason
    face = largest_face(photo)
    if face is None:
        return "no face found"
    if face.height < config.min_face:
        return f"face smaller than {config.min_face} px"
    square = face.frame(config.scale)
    around = face.frame(config.scale * MARGIN)
    low = np.clip(np.floor(around.min(0)), 0, (photo.width - 1, photo.height - 1)).astype(int)
    high = np.clip(np.ceil(around.max(0)), low + 1, (photo.width, photo.height)).astype(int)
    pixels = photo.pixels[low[1] : high[1], low[0] : high[0]]
    side = float(np.linalg.norm(square[3] - square[0]))
    outside = max(0.0, float(-square.min()), float((square - (photo.width, photo.height)).max()))
    square, box = square - low, np.array(face.box, dtype=float) - np.tile(low, 2)
    shrink = min(1.0, LARGEST / side)
    if shrink < 1:
        size = max(1, round(pixels.shape[1] * shrink)), max(1, round(pixels.shape[0] * shrink))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        square, box = square * shrink, box * shrink
    cut = Cut(
        photo=str(corpus.path(entry)),
        **told(corpus, entry),
        offset=0,
        height=pixels.shape[0],
        width=pixels.shape[1],
        corners=tuple((round(float(x), 3), round(float(y), 3)) for x, y in square),
        box=tuple(round(float(v), 3) for v in box),
        side=side * shrink,
        spills=outside > SPILL * side,
        native=side,
        quality=nearest(photo.jpeg.tables).quality if photo.jpeg and shrink == 1 else 0,
    )
    return cut, pixels
