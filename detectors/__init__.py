"""The examiners. Each answers one question about a photo; `PANEL` is all of them.

To add one: a file with a class that keeps `forensics.evidence.Detector`, and its name in PANEL.
"""

from __future__ import annotations

from pathlib import Path

from detectors.asymmetry.accessories import Accessories
from detectors.asymmetry.earrings import Earrings
from detectors.asymmetry.eyes import Eyes
from detectors.asymmetry.framing import Framing
from detectors.asymmetry.hair import Hair
from detectors.asymmetry.pairs import Pairs
from detectors.asymmetry.teeth import Midline
from detectors.classifier.detector import Classifier
from detectors.classifier.patches import Patches
from detectors.frequency import CUES
from detectors.provenance.credentials import Credentials
from detectors.provenance.declarations import Declarations
from detectors.structure.jpeg import JpegHistory
from detectors.structure.regions import Regions
from forensics.calibration import Calibration
from forensics.evidence import Detector
from forensics.pinned import FACES, pinned
from forensics.places import DETECTOR_WEIGHTS
from forensics.refusal import Refusal

ASYMMETRY = (Framing, Eyes, Earrings, Accessories, Midline, Hair, Pairs)
PANEL = (Credentials, Declarations, JpegHistory, Regions, *CUES, *ASYMMETRY, Patches, Classifier)


def load_panel(weights: Path = DETECTOR_WEIGHTS) -> tuple[Detector, ...]:
    """All examiners, their weights read from one folder: what ships, or a run of `forensics detector train`."""
    return tuple(member.load(weights) for member in PANEL)


def load_calibration(weights: Path = DETECTOR_WEIGHTS) -> Calibration:
    path = weights / "calibration.json"
    if not path.exists():
        raise Refusal(f"{path} is missing; run `forensics detector calibrate {weights}`")
    return Calibration.load(path)


def load_examiners(weights: Path = DETECTOR_WEIGHTS) -> tuple[tuple[Detector, ...], Calibration]:
    """Panel and calibration that belong together.

    Raises Refusal when the calibration was fitted to other weights: its numbers would mean nothing. So would they
    with another finder of faces.
    """
    pinned(FACES)
    panel, calibration = load_panel(weights), load_calibration(weights)
    fitted = calibration.about.get("weights", {})
    other = [d.name for d in panel if d.name in calibration.lines and d.weights != fitted.get(d.name)]
    if other:
        raise Refusal(
            f"{weights / 'calibration.json'} was fitted to other weights of {', '.join(other)}; "
            f"run `forensics detector calibrate {weights}`"
        )
    return panel, calibration
