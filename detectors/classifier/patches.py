"""Learnt traces at the photo's own pixels: the classifier's other view."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np

from detectors.classifier.detector import Classifier, exhibit
from forensics.face import Face
from forensics.photo import Photo

if TYPE_CHECKING:
    from detectors.classifier.views import Seen

SHOWN = 480  # px of the exhibit


class Patches(Classifier):
    """The classifier's architecture with weights of its own, on up to nine patches over and around the face.

    Nothing is resampled, so that traces finer than the classifier's cut stay; a face over 224 px is first shrunk
    to that, as for all (`forensics.view`). Score: the mean logit of the patches. Exhibit: each patch's logit as
    colour, averaged where they overlap. Silent: as the classifier, and where no patch fits into the face.
    """

    name: ClassVar[str] = "patches"
    question: ClassVar[str] = "Do the photo's own pixels carry traces of a generator?"
    view: ClassVar[str] = "patch"

    def finding(self, seen: Seen) -> str:
        size, found = self.network.config.size, int((seen.cells > 0).sum())
        return (
            f"{found} of {seen.cells.size} patches of {size} px, at the photo's own pixels, look more like a "
            f"generator's than a camera's (mean {seen.score:+.1f}); red in the exhibit."
        )

    def exhibit(self, photo: Photo, whole: Face, taken: Photo, square: np.ndarray, seen: Seen) -> np.ndarray:
        """The area of all patches, under the mean of those that lie over each point."""
        size = self.network.config.size
        (top, left), (bottom, right) = np.min(seen.places, axis=0), np.max(seen.places, axis=0) + size
        total, count = np.zeros((2, bottom - top, right - left), np.float32)
        for (y, x), logit in zip(seen.places, seen.cells.ravel(), strict=True):
            total[y - top : y - top + size, x - left : x - left + size] += logit
            count[y - top : y - top + size, x - left : x - left + size] += 1
        area = np.ascontiguousarray(taken.pixels[top:bottom, left:right])
        height = round(SHOWN * area.shape[0] / area.shape[1])
        return exhibit(cv2.resize(area, (SHOWN, height), interpolation=0), total / np.maximum(count, 1), seen.score)
