"""Published detectors: other people's methods, re-implemented from their papers, on their authors' own weights.

They are no part of the panel and weigh in no verdict: benchmarks measure them beside it. Nothing is downloaded;
weights are read from `published_folder()` when a detector is loaded, and never unpickled. This package loads
torch, so it is imported where it is needed.

To add one: a file with a subclass of `PublishedDetector` and its manifest, and its name in PUBLISHED.
"""

from detectors.published.cnndetection import CNNDetection
from detectors.published.detector import PublishedDetector
from detectors.published.ladeda import LaDeDa
from detectors.published.manifest import Manifest, published_folder
from detectors.published.mesonet import Meso4, MesoInception4
from detectors.published.npr import NPR
from detectors.published.rine import RINE
from detectors.published.tiny_ladeda import TinyLaDeDa
from detectors.published.univfd import UnivFD

PUBLISHED: tuple[type[PublishedDetector], ...] = (
    CNNDetection,
    NPR,
    LaDeDa,
    TinyLaDeDa,
    UnivFD,
    RINE,
    Meso4,
    MesoInception4,
)

__all__ = ["PUBLISHED", "Manifest", "PublishedDetector", "published_folder"]
