"""Earrings: people mostly wear the same on both ears, or none.

Early generators draw an earring on one side only, or two unlike ones (Matern et al. 2019, "Exploiting Visual
Artifacts", section 3). No landmark lies on a lobe: its square is extrapolated from the jaw's points beside it
(`Face.part`), 96 px wide, the right one mirrored. In its middle, where lobe and pendant are:

    unlike      ΔE to the cheek's skin (differences in L count a third: shade) or to the nearest of the colours
                in the outer quarter, which is hair or background; whichever is less
    detail      how far L is above or below what a 9 px opening or closing leaves, beyond what the outer
                quarter reaches too: sparks and dark rims
    presence    mean of the largest 3 % of (unlike + detail), in ΔE
    appearance  ΔE in a, b between the two sides' such pixels

    score = max(|presence difference| / limit, appearance / limit where both wear one) - 1

Limits are values that 9 of 10 camera faces stay under. A lobe is taken as visible when enough of the small
field beside the jaw has the colour of the cheek; where skin and hair are about as dark, nobody can tell, so
that is silent.

What it is worth (split test, re-posted; 40 camera faces that it speaks of): AUC against StyleGAN 0.43 (0.29-0.57),
StyleGAN2 0.59 (0.45-0.72), Stable Diffusion 3 0.69 (0.44-0.91, n = 7): chance, as far as so few can tell. It speaks
of 18 % of camera faces and 45 % of fakes. Flags and other backgrounds beside the ears are its false alarms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from detectors.asymmetry.two_sides import beside, lab_of, marks_of
from forensics.evidence import Evidence, silent
from forensics.face import Face, cut_near, inside, largest_face
from forensics.photo import Photo

SIZE = 96  # px: side of a lobe's square
CHEEK = {"left": (50, 101, 36, 205), "right": (280, 330, 266, 425)}  # landmarks
_Y, _X = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
PENDANT = (np.abs(_X - 0.52) < 0.18) & (_Y > 0.2) & (_Y < 0.95)  # where lobe and pendant are
LOBE = (np.abs(_X - 0.53) < 0.15) & (_Y > 0.05) & (_Y < 0.42)
OUTSIDE = _X < 0.25  # hair or background
SPOT = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
CAVEATS = (
    "People wear a single earring, two unlike ones, or hide one under hair; a hearing aid looks like one.",
    "A match says little: recent generators draw pairs that match.",
)


@dataclass(frozen=True)
class Limits:
    """When lobes can be compared, and from where a difference is unusual."""

    side: float = 24.0  # px of a lobe's square in the photo
    turn: float = 0.3  # see Face.turn
    within: float = 0.75  # share of a square that the photo shows
    skin: float = 0.25  # share of the lobe's field that looks like the cheek
    like: float = 16.0  # ΔE up to which a pixel looks like the cheek
    dark: float = 25.0  # L of the cheek: below, skin, hair and shadow are not told apart
    worn: float = 24.0  # ΔE of presence from which an earring is taken as seen
    presence: float = 22.0  # ΔE that 9 of 10 camera faces stay under
    colour: float = 20.0  # ΔE in a, b that 9 of 10 stay under
    most: float = 3.0


@dataclass(frozen=True)
class Lobe:
    """One side: its square, presence, colour (a, b) of what stands out, and share of skin where the lobe is."""

    patch: np.ndarray
    presence: float
    colour: np.ndarray
    skin: float
    cheek: np.ndarray  # median L, a, b


class Earrings:
    """Compares what the two ear lobes of the largest face carry."""

    name: ClassVar[str] = "earrings"
    question: ClassVar[str] = "Do the two ears carry the same?"
    scores: ClassVar[bool] = True
    weights: str | None = None

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()

    @classmethod
    def load(cls, weights: Path) -> Earrings:
        """Needs no weights; the folder is ignored."""
        return cls()

    def examine(self, photo: Photo) -> Evidence:
        face = largest_face(photo)
        if face is None:
            return silent(self.name, "No face was found, so there are no ears to compare.")
        reason = self.unfit(photo, face)
        if reason:
            return silent(self.name, reason)
        left, right = (measure(photo.pixels, face, side, self.limits) for side in ("left", "right"))
        marks = marks_of(photo, face, "ear", "lobe")
        both = (("left", left), ("right, mirrored", right))
        captions = [f"{side}: stands out by {lobe.presence:.0f}" for side, lobe in both]
        picture = partial(beside, (left.patch, right.patch), captions)
        if min(left.cheek[0], right.cheek[0]) < self.limits.dark:
            why = "The skin is too dark in this photo to tell lobes from hair and shadow."
            return Evidence(self.name, None, why, marks, picture)
        for lobe, side in ((left, "left"), (right, "right")):
            if lobe.skin < self.limits.skin:
                return Evidence(self.name, None, f"The {side} lobe is hidden by hair or shadow.", marks, picture)
        score, finding = self.judge(left, right)
        return Evidence(self.name, score, finding, marks, picture, caveats=CAVEATS)

    def judge(self, left: Lobe, right: Lobe) -> tuple[float, str]:
        limits = self.limits
        apart = abs(left.presence - right.presence)
        parts = [apart / limits.presence]
        worn = [lobe.presence >= limits.worn for lobe in (left, right)]
        if all(worn):
            differ = float(np.linalg.norm(left.colour - right.colour))
            parts.append(differ / limits.colour)
            usual = f"9 of 10: under {limits.colour:.0f}"
            said = f"Both lobes carry something; its colour differs by {differ:.0f} ΔE ({usual})"
        elif any(worn):
            said = f"Something stands out at the {'left' if worn[0] else 'right'} lobe only"
        else:
            said = "Neither lobe carries anything that stands out"
        said += f"; what stands out differs by {apart:.0f} ΔE between them (9 of 10: under {limits.presence:.0f})."
        return min(max(parts) - 1, limits.most), said

    def unfit(self, photo: Photo, face: Face) -> str | None:
        """Why these lobes cannot be compared, or None."""
        limits = self.limits
        squares = {side: face.part("ear", side) for side in ("left", "right")}
        large = min(float(np.linalg.norm(square[3] - square[0])) for square in squares.values())
        if large < limits.side:
            return f"The lobes' squares are {large:.0f} px wide; {limits.side:.0f} px are needed to see an earring."
        if abs(face.turn) > limits.turn:
            return f"The head is turned too far: the {'right' if face.turn > 0 else 'left'} lobe is hidden."
        for side, square in squares.items():
            if inside(square, photo) < limits.within:
                return f"The {side} lobe is cut off by the edge of the photo."
        return None


def measure(pixels: np.ndarray, face: Face, side: str, limits: Limits) -> Lobe:
    """One lobe of a face in (H, W, 3) uint8."""
    patch = cut_near(pixels, face.part("ear", side), SIZE)
    lab = lab_of(patch)
    cheek = cheek_of(pixels, face, side)
    from_skin = skin_distance(lab, cheek)
    palette = lab[OUTSIDE][::36]  # about 64 colours
    unlike = np.minimum(from_skin[PENDANT], nearest(lab[PENDANT], palette))
    lightness = lab[..., 0]
    detail = np.maximum(
        lightness - cv2.morphologyEx(lightness, cv2.MORPH_OPEN, SPOT),
        cv2.morphologyEx(lightness, cv2.MORPH_CLOSE, SPOT) - lightness,
    )
    stands_out = unlike + np.maximum(detail[PENDANT] - np.quantile(detail[OUTSIDE], 0.95), 0)
    most = stands_out >= np.quantile(stands_out, 0.97)
    skin = float((from_skin[LOBE] < limits.like).mean())
    return Lobe(patch, float(stands_out[most].mean()), np.median(lab[PENDANT][most][:, 1:], axis=0), skin, cheek)


def nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """(n,) ΔE from each of (n, 3) colours to the nearest of (m, 3)."""
    squared = (palette**2).sum(1) - 2 * colours @ palette.T
    return np.sqrt(np.maximum(squared.min(1) + (colours**2).sum(1), 0))


def cheek_of(pixels: np.ndarray, face: Face, side: str) -> np.ndarray:
    """(3,) median L, a, b between four landmarks of the cheek."""
    x0, y0 = np.floor(face.points[list(CHEEK[side])].min(0)).astype(int)
    x1, y1 = np.ceil(face.points[list(CHEEK[side])].max(0)).astype(int)
    height, width = pixels.shape[:2]
    x0, y0 = np.clip((x0, y0), 0, (width - 1, height - 1))
    x1, y1 = np.clip((x1, y1), (x0 + 1, y0 + 1), (width, height))
    step = max(1, (x1 - x0) // 32)
    return np.median(lab_of(np.ascontiguousarray(pixels[y0:y1:step, x0:x1:step])).reshape(-1, 3), axis=0)


def skin_distance(lab: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """ΔE of (H, W, 3) L, a, b to skin that may be shaded: differences in L count a third."""
    away = (lab - skin) * np.float32((1 / 3, 1, 1))
    return np.linalg.norm(away, axis=-1)
