"""Eyes: people's irises have one colour, one light shines at the same place on both corneas.

Early generators give a face two different eyes (Matern et al. 2019, "Exploiting Visual Artifacts",
section 3.1; Hu, Li & Lyu 2021, "Exposing GAN-generated Faces Using Inconsistent Corneal Specular
Highlights"), or pupils that are no ellipse (Guo et al. 2022, "Eyes Tell All: Irregular Pupil Shapes Reveal
GAN-generated Faces"). Two hand-made measures, each against the value that 9 of 10 camera faces stay under:

    colour      ΔE = the smaller of |Δ(a, b)| of the irises, and the same less that of the whites beside
                them (coloured light from one side tints both)                    limit 4.5
    highlights  from the main highlight of one eye to the nearest of the other, in iris radii, each
                placed from the middle of its own iris                            limit 0.5
    score     = mean over what could be measured of (measure / limit − 1), each at most 3

Lightness is not compared: light from one side makes it differ in most photos. Irises darker than
L = 12 have no colour that a photo shows, so it is not judged. The limits were read off 1,000
comparisons of real faces; they depend on neither the lightness nor the size of the iris from 5 px on.

Pupils are looked for where both irises have 8 px in radius, and outlined where they are 8 L darker than the iris,
whole, and of a pupil's size; 1 - IoU with the ellipse of the same moments is told, and not scored: of 38 camera
faces that large, 3 showed both pupils so clearly, which is too few to say what is usual. In dark eyes a pupil
cannot be told from its iris: nothing is guessed there.

What it is worth (measured on FFHQ, official portraits and web faces against StyleGAN,
StyleGAN2 and Stable Diffusion 3): AUC 0.38-0.57, as fakes of today have irises at least as alike as
people's. A calibration gives such a score no weight; what remains is the picture, for people to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from detectors.asymmetry.iris import RADIUS, SIZE, Iris, highlight_distance, irregularity, measure
from forensics.evidence import Evidence, Mark, silent
from forensics.face import largest_face
from forensics.photo import Photo

CAVEATS = (
    "Recent generators make eyes that match; a match says little.",
    "Heterochromia, a glass eye, a squint, one contact lens or lamps close to the face make real eyes differ.",
)
SCALE = 4  # the exhibit shows the frame this much enlarged
BAR = 44  # px: the exhibit's head line


@dataclass(frozen=True)
class Limits:
    """When eyes are compared, and from where a difference is unusual."""

    radius: float = 5.0  # px of the smaller iris
    turn: float = 1.25  # ratio of the irises' radii: beyond, the head is turned too far
    visible: float = 0.55  # share of the iris that the lids leave free
    contrast: float = 5.0  # L of the white of the eye above the iris: below, glasses or haze
    dark: float = 12.0  # L of the iris: below, its colour cannot be told
    colour: float = 4.5  # ΔE in a, b that 9 of 10 camera faces stay under
    highlights: float = 0.5  # iris radii that 9 of 10 camera faces stay under
    pupil_radius: float = 8.0  # px of both irises, to tell the shape of a pupil
    most: float = 3.0  # a part's largest value: one odd eye does not decide alone


class Eyes:
    """Compares the colours and the corneal highlights of the largest face's irises."""

    name: ClassVar[str] = "eyes"
    question: ClassVar[str] = "Do the two eyes match?"
    scores: ClassVar[bool] = True
    weights: str | None = None

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()

    @classmethod
    def load(cls, weights: Path) -> Eyes:
        """Needs no weights; the folder is ignored."""
        return cls()

    def examine(self, photo: Photo) -> Evidence:
        face = largest_face(photo)
        if face is None:
            return silent(self.name, "No face was found, so there are no eyes to compare.")
        smaller = min(face.iris("left")[1], face.iris("right")[1])
        if smaller < self.limits.radius:
            why = f"The irises are {smaller:.1f} px in radius; at least {self.limits.radius:.0f} px are needed."
            return silent(self.name, why)
        left, right = (measure(photo.pixels, face, side) for side in ("left", "right"))
        marks = marks_of(photo, left, right)
        exhibit = partial(side_by_side, left, right)
        reason = self.unfit(photo, left, right)
        if reason:
            return Evidence(self.name, None, reason, marks, exhibit)
        colour, apart = self.colour_difference(left, right), highlight_distance(left, right)
        shape = self.pupil_shape(left, right)
        limits = self.limits
        measured = ((colour, limits.colour), (apart, limits.highlights))
        parts = [min(value / limit - 1, limits.most) for value, limit in measured if value is not None]
        if not parts:
            why = "The irises are too dark to tell their colour, and they do not both show a highlight."
            return Evidence(self.name, None, why, marks, exhibit)
        return Evidence(
            self.name, float(np.mean(parts)), self.finding(colour, apart, shape), marks, exhibit, caveats=CAVEATS
        )

    def unfit(self, photo: Photo, left: Iris, right: Iris) -> str | None:
        """Why these eyes cannot be compared, or None."""
        ratio = max(left.radius, right.radius) / min(left.radius, right.radius)
        if ratio > self.limits.turn:
            return f"The head is turned too far: one iris appears {ratio:.2f} times as large as the other."
        for iris, side in ((left, "left"), (right, "right")):
            low, high = iris.centre - iris.radius, iris.centre + iris.radius
            if (low < 0).any() or high[0] > photo.width or high[1] > photo.height:
                return f"The {side} eye is cut off by the edge of the photo."
        for iris, side in ((left, "left"), (right, "right")):
            if iris.visible < self.limits.visible:
                return f"The {side} eye is too far closed: {iris.visible:.0%} of the iris can be seen."
            contrast = iris.white[0] - iris.colour[0]
            if not contrast >= self.limits.contrast:  # also when nothing of the white is seen
                return f"The {side} iris cannot be told from the white of the eye (glasses, haze or shadow)."
        return None

    def colour_difference(self, left: Iris, right: Iris) -> float | None:
        """ΔE in a and b, or None where an iris is too dark."""
        if min(left.colour[0], right.colour[0]) < self.limits.dark:
            return None
        irises = (left.colour - right.colour)[1:]
        whites = (left.white - right.white)[1:]
        return float(min(np.linalg.norm(irises), np.linalg.norm(irises - whites)))

    def pupil_shape(self, left: Iris, right: Iris) -> float | None:
        """The less regular pupil's 1 - IoU with its ellipse, or None where one is too small or not told apart."""
        if min(left.radius, right.radius) < self.limits.pupil_radius or left.pupil is None or right.pupil is None:
            return None
        return max(irregularity(left.pupil), irregularity(right.pupil))

    def finding(self, colour: float | None, apart: float | None, shape: float | None) -> str:
        limits = self.limits
        said = [
            f"the iris colours differ by {colour:.1f} ΔE (9 of 10 camera faces: under {limits.colour})"
            if colour is not None
            else "the irises are too dark to compare their colour",
            f"the highlights sit {apart:.2f} iris radii apart (9 of 10: under {limits.highlights})"
            if apart is not None
            else "not both eyes show a highlight",
        ]
        if shape is not None:
            said.append(f"the less regular pupil differs from an ellipse by {shape:.0%} (told, not scored)")
        sentence = "; ".join(said) + "."
        return sentence[0].upper() + sentence[1:]


def marks_of(photo: Photo, left: Iris, right: Iris) -> tuple[Mark, ...]:
    """A box around each iris, clipped to the photo."""
    found = []
    for iris, label in ((left, "left iris"), (right, "right iris")):
        x0, y0 = np.clip(np.floor(iris.centre - iris.radius), 0, (photo.width - 1, photo.height - 1)).astype(int)
        x1, y1 = np.clip(np.ceil(iris.centre + iris.radius), (x0 + 1, y0 + 1), (photo.width, photo.height)).astype(
            int
        )
        found.append(Mark(label, int(x0), int(y0), int(x1 - x0), int(y1 - y0)))
    return tuple(found)


def side_by_side(left: Iris, right: Iris) -> np.ndarray:
    """(428, 780, 3) uint8: both eyes enlarged, the iris's rim green, highlights magenta, pupils yellow.

    Not mirrored: one light shines on the same side of both corneas.
    """
    panels = []
    for iris, label in ((left, "left eye"), (right, "right eye")):
        panel = cv2.resize(iris.patch, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        middle = (SIZE * SCALE // 2, SIZE * SCALE // 2)
        cv2.circle(panel, middle, RADIUS * SCALE, (0, 200, 90), 1, cv2.LINE_AA)
        spots = cv2.resize(
            iris.highlights.astype(np.uint8), None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST
        )
        outlines, _ = cv2.findContours(spots, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(panel, outlines, -1, (255, 0, 255), 2, cv2.LINE_AA)
        if iris.pupil is not None:
            dark = cv2.resize(iris.pupil.astype(np.uint8), None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)
            outlines, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            cv2.drawContours(panel, outlines, -1, (230, 200, 0), 1, cv2.LINE_AA)
        head = np.full((BAR, panel.shape[1], 3), 255, dtype=np.uint8)
        spoken = f"{label}: {iris.count} highlight{'' if iris.count == 1 else 's'}, {iris.visible:.0%} of iris free"
        cv2.putText(head, spoken, (8, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
        if np.isfinite(iris.colour).all():
            head[36:, :] = swatch(iris.colour)
        panels += [np.vstack([head, panel]), np.full((BAR + panel.shape[0], 12, 3), 255, dtype=np.uint8)]
    return np.hstack(panels[:-1])


def swatch(colour: np.ndarray) -> np.ndarray:
    """(3,) uint8 sRGB of L, a, b."""
    lab = colour.astype(np.float32).reshape(1, 1, 3)
    return (np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1) * 255).round().astype(np.uint8)[0, 0]
