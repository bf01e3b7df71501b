"""Framing: generators trained on FFHQ put the eyes where its alignment does.

FFHQ was cut by one rule from landmarks (Karras et al. 2018, "A Style-Based Generator", appendix C), and what
learns from it repeats the rule: the eyes' centres lie near (0.375, 0.47) and (0.626, 0.47) of a square frame,
each within about 0.01. Strong against photos that nobody aligned; worthless against photos aligned by the same
rule, such as FFHQ itself, and lost when a picture is cropped. Therefore a fact, and no score.

An eye's centre is the mean of its 16 lid landmarks, in shares of the photo's width and height.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from detectors.asymmetry.two_sides import box
from forensics.evidence import Evidence, silent
from forensics.face import EYE, Face, largest_face
from forensics.photo import Photo

EXPECTED = np.array([(0.375, 0.47), (0.626, 0.47)])  # left and right eye, shares of width and height
SIDE = 480  # px of the exhibit's longer side
FOUND, RULE = (0, 200, 90), (255, 0, 255)
CAVEATS = (
    "Photos that a program aligned by the same rule sit there too; such photos are no evidence of a generator.",
    "A crop or a border moves the eyes away: eyes elsewhere say nothing.",
)


@dataclass(frozen=True)
class Limits:
    """What counts as being there."""

    near: float = 0.025  # shares of the frame, of each eye
    square: float = 0.02  # how far the sides' ratio may be from 1


class Framing:
    """Says whether the largest face sits in its frame as FFHQ's alignment places faces."""

    name: ClassVar[str] = "framing"
    question: ClassVar[str] = "Do the eyes sit where generators trained on FFHQ put them?"
    scores: ClassVar[bool] = False
    weights: str | None = None

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()

    @classmethod
    def load(cls, weights: Path) -> Framing:
        """Needs no weights; the folder is ignored."""
        return cls()

    def examine(self, photo: Photo) -> Evidence:
        face = largest_face(photo)
        if face is None:
            return silent(self.name, "No face was found, so there are no eyes to place.")
        eyes = centres(face, photo)
        off = float(np.linalg.norm(eyes - EXPECTED, axis=1).max())
        square = abs(photo.width / photo.height - 1) <= self.limits.square
        where = " and ".join(f"({x:.3f}, {y:.3f})" for x, y in eyes)
        if square and off <= self.limits.near:
            finding = (
                f"The eyes sit at {where} of the frame, within {off:.3f} of where generators trained on FFHQ put"
                " them; few photos do by chance, but every photo aligned by FFHQ's rule does."
            )
        else:
            why = f"{off:.2f} from" if square else "in a frame that is not square, unlike"
            finding = (
                f"The eyes sit at {where} of the frame, {why} where generators trained on FFHQ put them;"
                " that says nothing, as any crop moves them."
            )
        lids = np.concatenate([face.points[list(EYE[side])] for side in ("left", "right")])
        mark = box(photo, lids, "eyes")
        return Evidence(
            self.name, None, finding, (mark,) if mark else (), partial(drawn, photo, eyes), caveats=CAVEATS
        )


def centres(face: Face, photo: Photo) -> np.ndarray:
    """(2, 2): left and right eye as shares of the photo's width and height."""
    eyes = np.array([face.points[list(EYE[side])].mean(0) for side in ("left", "right")])
    return eyes / (photo.width, photo.height)


def drawn(photo: Photo, eyes: np.ndarray) -> np.ndarray:
    """The photo, small; crosses where the rule puts the eyes, circles where they are."""
    shrink = SIDE / max(photo.width, photo.height)
    size = max(1, round(photo.width * shrink)), max(1, round(photo.height * shrink))
    how = cv2.INTER_AREA if shrink < 1 else cv2.INTER_CUBIC
    shown = cv2.resize(photo.pixels, size, interpolation=how)
    for rule, found in zip(EXPECTED, eyes, strict=True):
        at = [round(float(v)) for v in rule * size]
        cv2.drawMarker(shown, at, RULE, cv2.MARKER_CROSS, 21, 1, cv2.LINE_AA)
        spot = np.clip(found * size, -1000, 2000)
        cv2.circle(shown, [round(float(v)) for v in spot], 9, FOUND, 1, cv2.LINE_AA)
    return shown
