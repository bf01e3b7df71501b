"""The main flow, on one page: photo → evidence → verdict → report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from forensics.calibration import Calibration
from forensics.evidence import Evidence, Panel, silent
from forensics.face import largest_face
from forensics.photo import Photo, UnreadableImage
from forensics.report import Report
from forensics.stability import Copy, Reposting, Stability
from forensics.threads import one_thread
from forensics.verdict import weigh
from forensics.view import at_known_size


def inspect(photo: Photo, panel: Panel, calibration: Calibration, repostings: Sequence[Reposting] = ()) -> Report:
    """Ask every detector, weigh the answers, report. With `repostings`: only what outlives them is concluded."""
    evidence, fitted, why_not = examine(photo, panel, calibration)
    if not repostings:
        return Report.of(photo, weigh(evidence, fitted, why_not), panel, calibration)
    evidence = [replace(e, edited=None) for e in evidence]  # traces of an edit do not outlive re-posting
    scores = [replace(e, claim=None) for e in evidence]  # re-posting strips what a file says of itself
    original = Copy.of("as it came", weigh(scores, fitted, why_not))
    copies = () if why_not else tuple(copy_of(photo, reposting, panel, calibration) for reposting in repostings)
    stability = Stability(original, copies)
    verdict = stability.told(weigh(evidence, fitted, why_not or stability.flip))
    return Report.of(photo, verdict, panel, calibration, stability)


def copy_of(photo: Photo, reposting: Reposting, panel: Panel, calibration: Calibration) -> Copy:
    """What those detectors that are weighed say of a photo when it was re-posted."""
    kinds = (calibration, calibration.others or calibration)
    weighed = [detector for detector in panel if any(its.lines.get(detector.name) for its in kinds)]
    evidence, fitted, why_not = examine(reposting(photo), weighed, calibration)
    return Copy.of(reposting.name, weigh(evidence, fitted, why_not))


def examine(photo: Photo, panel: Panel, calibration: Calibration) -> tuple[list[Evidence], Calibration, str | None]:
    """Everybody's evidence, the calibration for photos of this kind, and why nothing may be concluded, or None."""
    with one_thread():  # as a scan does: the same photo gets the same scores everywhere
        evidence, failed = ask(photo, panel)
    if failed:
        evidence = [replace(e, edited=None) for e in evidence]
    seen = at_known_size(photo)
    face = largest_face(seen)
    fitted = calibration.of(face is not None)
    return evidence, fitted, failed or fitted.domain.outside(seen.width, seen.height, face and face.height)


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


def inspect_file(
    source: Path | bytes,
    panel: Panel,
    calibration: Calibration,
    name: str | None = None,
    repostings: Sequence[Reposting] = (),
) -> Report:
    """`inspect` for a file as it came: an unreadable one gives a report that says why."""
    name = name or str(source)
    try:
        photo = Photo.open(source, name)
    except UnreadableImage as error:
        return Report.unreadable(name, source, error.reason, panel, calibration)
    return inspect(photo, panel, calibration, repostings)
