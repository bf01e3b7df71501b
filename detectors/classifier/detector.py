"""Learnt traces: a network's opinion of the largest face, cell by cell."""

from __future__ import annotations

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

WEIGHTS = "classifier.safetensors"
CELL = 40  # px of a cell in the exhibit
FULL = 6.0  # logit at which a cell's colour is full
LIKE_GENERATOR, LIKE_CAMERA = (214, 69, 48), (44, 104, 196)  # RGB
CAVEATS = (
    "Learnt from a few kinds of generators and photo collections: it can miss others, and err on unusual photos.",
    "Strong compression, shrinking and retouching hide what it looks for.",
)


class Classifier:
    """A patch network on the face (timm's EfficientNet-Lite0, its first stages, and a 1×1 convolution).

    Two views (`views.py`): the face cut in one framing whatever the photo's, at the network's size, as it is and
    mirrored; and patches around it at the photo's own pixels, where it is large enough. Score: the mean of the
    two views' mean logits, natural log-odds of "generated" in the training mix, before calibration. Exhibit: the
    cut with each cell's logit as colour.
    Silent: no face, or one smaller than the size it was trained for.
    """

    name: ClassVar[str] = "classifier"
    question: ClassVar[str] = "Does the face carry traces of a generator?"
    scores: ClassVar[bool] = True

    def __init__(self, network: Network, weights: str | None):
        self.network = network
        self.weights = weights

    @classmethod
    def load(cls, weights: Path) -> Self:
        """From the folder with `classifier.safetensors`. Raises Refusal when it is missing or broken."""
        from detectors.classifier import network

        return cls(*network.load(weights / WEIGHTS))

    def examine(self, photo: Photo) -> Evidence:
        whole, seen = largest_face(photo), at_known_size(photo)
        face = largest_face(seen)
        least = self.network.config.min_face
        if face is None:
            return silent(self.name, "No face was found, and only faces are examined.", *CAVEATS)
        if face.height < least:
            return silent(
                self.name, f"The largest face is {face.height} px high; {least} px are needed to tell.", *CAVEATS
            )
        logits, score, parts = self.look(seen, face)
        share = float((logits > 0).mean())
        return Evidence(
            self.name,
            score,
            f"{share:.0%} of the cells over the face look more like a generator's than a camera's; red in the "
            f"exhibit. {parts}",
            marks=mark(whole, photo),
            exhibit=exhibit(cut(photo.pixels, whole.frame(self.network.config.scale), 480), logits, score),
            caveats=CAVEATS,
        )

    def look(self, photo: Photo, face: Face) -> tuple[np.ndarray, float, str]:
        """(h, w) float32 logits over the face cut, the score of both views, and what each of them says."""
        from detectors.classifier.views import see

        seen = see(self.network, photo.pixels, face.frame(self.network.config.scale))
        whole = float(seen.whole.mean())
        if not seen.patches:
            return seen.whole, seen.score, f"Mean {whole:+.1f}; too small a face for patches at its own pixels."
        fine = seen.score * 2 - whole
        parts = f"Mean {whole:+.1f}; {len(seen.patches)} patches at the photo's own pixels: {fine:+.1f}."
        return seen.whole, seen.score, parts


def mark(face: Face, photo: Photo) -> tuple[Mark, ...]:
    """The face box, within the photo."""
    left, top, right, bottom = face.box
    left, right = max(0, left), min(photo.width, right)
    top, bottom = max(0, top), min(photo.height, bottom)
    if right <= left or bottom <= top:
        return ()
    return (Mark("face", left, top, right - left, bottom - top),)


def exhibit(view: np.ndarray, logits: np.ndarray, score: float) -> np.ndarray:
    """The face cut (S, S, 3) under its cells' colours, with a caption: (S + 36, S, 3) uint8."""
    size = view.shape[0]
    strength = np.clip(np.abs(logits) / FULL, 0, 1)[..., None]
    colour = np.where(logits[..., None] > 0, LIKE_GENERATOR, LIKE_CAMERA).astype(np.float32)
    overlay = cv2.resize(np.concatenate([colour, strength], -1).astype(np.float32), (size, size), interpolation=0)
    alpha = overlay[..., 3:] * 0.6
    grey = cv2.cvtColor(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    shown = (grey * (1 - alpha) + overlay[..., :3] * alpha).round().astype(np.uint8)
    caption = np.full((36, size, 3), 255, np.uint8)
    x = 8
    for text, ink in (
        ("like a generator", LIKE_GENERATOR),
        ("like a camera", LIKE_CAMERA),
        (f"score {score:+.2f}", (40, 40, 40)),
    ):
        cv2.putText(caption, text, (x, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)
        x += cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)[0][0] + 24
    return np.concatenate([shown, caption])
