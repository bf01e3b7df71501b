"""A thumbnail of each photo of a scan, and whether it lies within what was validated.

The onlooker sits in the panel, so that a photo is opened once, in the worker that examines it. It judges nothing: its
score, 1 within and 0 outside of what was validated, has no line in any calibration and weighs nothing.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from forensics.calibration import Calibration
from forensics.evidence import Evidence, Panel, silent
from forensics.face import largest_face
from forensics.photo import Photo
from forensics.shown import shrunk, stored
from forensics.view import at_known_size

NAME = "onlooker"
WITHIN = f"{NAME}.score"  # the ledger's column
LONGEST = 96  # px


@dataclass(frozen=True)
class Glimpse:
    """`uri`: a lossless data: URI of the thumbnail. `outside`: why nothing may be concluded, or None."""

    uri: str
    width: int
    height: int
    outside: str | None

    @classmethod
    def of(cls, photo: Photo, calibration: Calibration) -> Glimpse:
        seen = at_known_size(photo)
        face = largest_face(seen)
        domain = calibration.of(face is not None).domain
        outside = domain.outside(seen.width, seen.height, face and face.height)
        return cls(stored(shrunk(photo.pixels, LONGEST), "PNG", "").uri, photo.width, photo.height, outside)

    @classmethod
    def read(cls, folder: Path, sha256: str | None) -> Glimpse | None:
        """None where there is none, or half of one."""
        try:
            return cls(**json.loads((folder / f"{sha256}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, folder: Path, sha256: str) -> None:
        write(folder / f"{sha256}.json", json.dumps(asdict(self)))


class Onlooker:
    """A member of the panel that only looks."""

    name = NAME
    question = "What does it look like, and was its kind validated?"
    scores = False
    weights = None

    def __init__(self, folder: Path, calibration: Calibration):
        self.folder, self.calibration = folder, calibration

    def examine(self, photo: Photo) -> Evidence:
        try:
            glimpse = Glimpse.of(photo, self.calibration)
            glimpse.save(self.folder, photo.sha256)
        except Exception:  # a missing thumbnail must change no verdict
            logging.getLogger(__name__).exception("no glimpse of %s", photo.sha256)
            return silent(self.name, "It could not be shown.")
        return Evidence(self.name, float(glimpse.outside is None), glimpse.outside or "Its kind was validated.")


def watched(load: Callable[[], tuple[Panel, Calibration]], folder: Path) -> tuple[Panel, Calibration]:
    """What `load` gives, with an onlooker who leaves glimpses, and the calibration, in `folder`."""
    panel, calibration = load()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"calibration.{os.getpid()}"
    calibration.save(part)
    os.replace(part, folder / "calibration")
    return (*panel, Onlooker(folder, calibration)), calibration


def write(path: Path, text: str) -> None:
    """At once, though several workers may write the same photo's."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
