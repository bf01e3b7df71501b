"""History matching: a sample first takes on what a photo of the other class has behind it.

Sources differ in how large a face was taken and in how it was first encoded: nearly all real faces at hand
come at 100 to 230 px and JPEG quality 75, the fakes of large generators at 300 px and more and quality 90. A
network that may see this learns collections instead of traces. So a fake is first shrunk to the size of some
real face and encoded as that photo was; a real photo in half of the cases as some fake was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from detectors.classifier.cuts import Cut
from forensics import laundering

REAL = 0.5  # share of real samples that borrow; of fakes all do: the real photos' own history cannot be undone
SLACK = 1.02  # how much larger a cut may be than the borrowed size and stay as it is
UNKNOWN = (85, 97)  # JPEG quality for a history that no table tells


class Histories:
    """(px of the square, JPEG quality) of every photo, by source: "real: web faces" → (N, 2)."""

    def __init__(self, sources: Mapping[str, np.ndarray], rows: Sequence[Cut]):
        self.of = {name: np.array([(rows[i].native, rows[i].quality) for i in its]) for name, its in sources.items()}

    def draw(self, label: str, resolution: float, rng: np.random.Generator) -> tuple[float, int] | None:
        """Of the other class, all sources alike, among faces of `resolution` px and more; None = its own stays."""
        if label == "real" and rng.random() >= REAL:
            return None
        fitting = [
            its[its[:, 0] >= resolution] for name, its in sorted(self.of.items()) if not name.startswith(label)
        ]
        fitting = [its for its in fitting if len(its)]
        if not fitting:
            return None
        its = fitting[rng.integers(len(fitting))]
        side, quality = its[rng.integers(len(its))]
        return float(side), int(quality) or int(rng.integers(*UNKNOWN))


def borrow(pixels: np.ndarray, side: float, history: tuple[float, int]) -> np.ndarray:
    """Pixels whose square has `side` px as they would be with that history; smaller where it was smaller."""
    size, quality = history
    if side > size * SLACK:
        pixels = laundering.resize(pixels, size / side)
    return laundering.jpeg(np.ascontiguousarray(pixels), quality)
