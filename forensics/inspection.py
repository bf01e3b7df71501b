"""The main flow, on one page: photo → evidence → verdict → report."""

from __future__ import annotations

from pathlib import Path

from forensics.calibration import Calibration
from forensics.evidence import Panel
from forensics.face import largest_face
from forensics.photo import Photo, UnreadableImage
from forensics.report import Report
from forensics.verdict import weigh


def inspect(photo: Photo, panel: Panel, calibration: Calibration) -> Report:
    """Ask every detector, weigh the answers, report."""
    evidence = [detector.examine(photo) for detector in panel]
    face = largest_face(photo)
    outside = calibration.domain.outside(photo.width, photo.height, face and face.height)
    verdict = weigh(evidence, calibration, outside)
    return Report.of(photo, verdict, panel, calibration)


def inspect_file(source: Path | bytes, panel: Panel, calibration: Calibration, name: str | None = None) -> Report:
    """`inspect` for a file as it came: an unreadable one gives a report that says why."""
    name = name or str(source)
    try:
        photo = Photo.open(source, name)
    except UnreadableImage as error:
        return Report.unreadable(name, source, error.reason, panel, calibration)
    return inspect(photo, panel, calibration)
