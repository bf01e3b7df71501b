"""The main flow, on one page: photo → evidence → verdict → report."""

from __future__ import annotations

import logging
from pathlib import Path

from forensics.calibration import Calibration
from forensics.evidence import Evidence, Panel, silent
from forensics.face import largest_face
from forensics.photo import Photo, UnreadableImage
from forensics.report import Report
from forensics.verdict import weigh
from forensics.view import at_known_size


def inspect(photo: Photo, panel: Panel, calibration: Calibration) -> Report:
    """Ask every detector, weigh the answers, report."""
    evidence, failed = ask(photo, panel)
    seen = at_known_size(photo)
    face = largest_face(seen)
    outside = calibration.domain.outside(seen.width, seen.height, face and face.height)
    verdict = weigh(evidence, calibration, failed or outside)
    return Report.of(photo, verdict, panel, calibration)


def ask(photo: Photo, panel: Panel) -> tuple[list[Evidence], str | None]:
    """Everybody's evidence, and who failed: a mistake of ours in one must not take the others' answers away,
    but nothing is concluded without it.
    """
    evidence, failed = [], None
    for detector in panel:
        try:
            evidence.append(detector.examine(photo))
        except Exception as error:
            logging.getLogger(__name__).exception("detector %s failed on %s", detector.name, photo.sha256)
            evidence.append(
                silent(detector.name, f"This detector failed ({type(error).__name__}); please report it.")
            )
            failed = f"the detector {detector.name} failed"
    return evidence, failed


def inspect_file(source: Path | bytes, panel: Panel, calibration: Calibration, name: str | None = None) -> Report:
    """`inspect` for a file as it came: an unreadable one gives a report that says why."""
    name = name or str(source)
    try:
        photo = Photo.open(source, name)
    except UnreadableImage as error:
        return Report.unreadable(name, source, error.reason, panel, calibration)
    return inspect(photo, panel, calibration)
