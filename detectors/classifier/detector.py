"""Learnt traces: a network's opinion of the largest face, cell by cell."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import cv2
import numpy as np

from forensics.evidence import Evidence, Mark, silent
from forensics.face import Face, cut, largest_face
from forensics.photo import Photo
from forensics.view import at_known_size

if TYPE_CHECKING:
    from detectors.classifier.network import Network
    from detectors.classifier.views import Seen

WEIGHTS = {"whole": "classifier.safetensors", "patch": "patches.safetensors"}  # of each view
CELL = 40  # px of a cell in the exhibit
FULL = 6.0  # logit at which a cell's colour is full
LIKE_GENERATOR, LIKE_CAMERA = (214, 69, 48), (44, 104, 196)  # RGB
CAVEATS = (
    "Learnt from a few kinds of generators and photo collections: it can miss others, and err on unusual photos.",
    "Strong compression, shrinking and retouching hide what it looks for.",
)


class Classifier:
    """A patch network on the face (timm's EfficientNet-Lite0, its first stages, and a 1×1 convolution).

    The face is cut in one framing whatever the photo's, at the network's size, and seen twice, as it is and
    mirrored. Score: the mean logit of all cells, natural log-odds of "generated" in the training mix, before
    calibration. Exhibit: the cut with each cell's logit as colour; the cells' mean is the score.
    Silent: no face, or one smaller than the size it was trained for.
    """

    name: ClassVar[str] = "classifier"
    question: ClassVar[str] = "Does the face carry traces of a generator?"
    scores: ClassVar[bool] = True
    view: ClassVar[str] = "whole"

    def __init__(self, network: Network, weights: str | None):
        self.network = network
        self.weights = weights

    @classmethod
    def load(cls, weights: Path) -> Self:
        """From the folder with its weights (`WEIGHTS`). Raises Refusal when they are missing or broken."""
        from detectors.classifier import network

        return cls(*network.load(weights / WEIGHTS[cls.view], cls.view))

    def examine(self, photo: Photo) -> Evidence:
        from detectors.classifier.views import see

        whole, taken = largest_face(photo), at_known_size(photo)
        face = largest_face(taken)
        least = self.network.config.min_face
        if face is None:
            return silent(self.name, "No face was found, and only faces are examined.", *CAVEATS)
        if face.height < least:
            return silent(
                self.name, f"The largest face is {face.height} px high; {least} px are needed to tell.", *CAVEATS
            )
        square = face.frame(self.network.config.scale)
        seen = see(self.network, taken.pixels, square)
        if seen is None:
            size = self.network.config.size
            return silent(self.name, f"The face is too small for patches of {size} px at its own pixels.", *CAVEATS)
        return Evidence(
            self.name,
            seen.score,
            self.finding(seen),
            marks=mark(whole, photo),
            drawn=partial(self.exhibit, photo, whole, taken, square, seen),
            caveats=CAVEATS,
        )

    def finding(self, seen: Seen) -> str:
        share = float((seen.cells > 0).mean())
        return (
            f"{share:.0%} of the cells over the face look more like a generator's than a camera's "
            f"(mean {seen.score:+.1f}); red in the exhibit."
        )

    def exhibit(self, photo: Photo, whole: Face, taken: Photo, square: np.ndarray, seen: Seen) -> np.ndarray:
        return exhibit(cut(photo.pixels, whole.frame(self.network.config.scale), 480), seen.cells, seen.score)


def mark(face: Face, photo: Photo) -> tuple[Mark, ...]:
    """The face box, within the photo."""
    left, top, right, bottom = face.box
    left, right = max(0, left), min(photo.width, right)
    top, bottom = max(0, top), min(photo.height, bottom)
    if right <= left or bottom <= top:
        return ()
    return (Mark("face", left, top, right - left, bottom - top),)


def exhibit(view: np.ndarray, logits: np.ndarray, score: float) -> np.ndarray:
    """The face cut (H, W, 3) under its cells' colours, with a caption: (H + 36, W, 3) uint8."""
    height, width = view.shape[:2]
    strength = np.clip(np.abs(logits) / FULL, 0, 1)[..., None]
    colour = np.where(logits[..., None] > 0, LIKE_GENERATOR, LIKE_CAMERA).astype(np.float32)
    overlay = cv2.resize(np.concatenate([colour, strength], -1).astype(np.float32), (width, height), interpolation=0)
    alpha = overlay[..., 3:] * 0.6
    grey = cv2.cvtColor(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    shown = (grey * (1 - alpha) + overlay[..., :3] * alpha).round().astype(np.uint8)
    caption = np.full((36, width, 3), 255, np.uint8)
    x = 8
    for text, ink in (
        ("like a generator", LIKE_GENERATOR),
        ("like a camera", LIKE_CAMERA),
        (f"mean {score:+.2f}", (40, 40, 40)),
    ):
        cv2.putText(caption, text, (x, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)
        x += cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)[0][0] + 24
    return np.concatenate([shown, caption])
