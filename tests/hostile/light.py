"""Only those examiners that read what a file says of itself: for runs of seconds."""

from __future__ import annotations

from detectors.provenance.credentials import Credentials
from detectors.provenance.declarations import Declarations
from detectors.structure.jpeg import JpegHistory
from forensics.calibration import Calibration, Domain
from forensics.places import DETECTOR_WEIGHTS
from forensics.scan import Examiners


def load() -> Examiners:
    panel = tuple(kind.load(DETECTOR_WEIGHTS) for kind in (Credentials, Declarations, JpegHistory))
    return panel, Calibration({}, Domain(1, 0), 3000, 3000, 0.5)
