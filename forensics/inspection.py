"""The main flow, on one page: photo → evidence → verdict → report."""

from __future__ import annotations

import logging
from pathlib import Path

from forensics.calibration import Calibration
from forensics.evidence import Detector, Evidence, Panel, silent
from forensics.face import largest_face
from forensics.photo import Photo, UnreadableImage
from forensics.report import Report
from forensics.verdict import weigh
from forensics.view import at_known_size


def inspect(photo: Photo, panel: Panel, calibration: Calibration) -> Report:
    """Ask every detector, weigh the answers, report."""
    evidence = [examine(detector, photo) for detector in panel]
    seen = at_known_size(photo)
    face = largest_face(seen)
    outside = calibration.domain.outside(seen.width, seen.height, face and face.height)
    verdict = weigh(evidence, calibration, outside)
    return Report.of(photo, verdict, panel, calibration)


def examine(detector: Detector, photo: Photo) -> Evidence:
    """One detector's evidence. A mistake of ours in one must not take the others' answers away."""
    try:
        return detector.examine(photo)
    except Exception as error:
        logging.getLogger(__name__).exception("detector %s failed on %s", detector.name, photo.sha256)
        return silent(detector.name, f"This detector failed ({type(error).__name__}); please report it.")


def inspect_file(source: Path | bytes, panel: Panel, calibration: Calibration, name: str | None = None) -> Report:
    """`inspect` for a file as it came: an unreadable one gives a report that says why."""
    name = name or str(source)
    try:
        photo = Photo.open(source, name)
    except UnreadableImage as error:
        return Report.unreadable(name, source, error.reason, panel, calibration)
    return inspect(photo, panel, calibration)
