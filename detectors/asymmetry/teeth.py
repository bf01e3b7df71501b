"""Teeth: the gap between the two middle incisors lies on the face's midline in most people.

Early generators place teeth freely under a face: one tooth sits in the middle, or the arch leans to one side
(Matern et al. 2019, "Exploiting Visual Artifacts", section 3.2; StyleGAN's teeth keep their place in the
picture when the head turns, Karras et al. 2021, "Alias-Free GANs"). Measured on the upper teeth, in a frame of
160 x 60 px between the corners of the mouth:

    profile   brightness of the teeth along the arch, its slow part taken away
    gaps      its dark dips; "edges" in the finding
    offset    distance of the nearest gap to the midline, in widths of a middle incisor, at most 0.5

The midline is the mean of the landmarks between the lips (0, 13) and under the nose (2). People's teeth are
not exact: the limit is the value that 9 of 10 camera faces stay under. score = offset / limit - 1.

What it is worth (split test): encoded once, AUC against StyleGAN 0.63 (0.54-0.72, n = 55) and StyleGAN2 0.60
(0.48-0.71, n = 33); re-posted 0.59 (0.48-0.70) and 0.59 (0.47-0.72), against 93 and 80 camera faces: weak at best.
It speaks of 22 % of camera faces and 40 % of StyleGAN's, which smile more; 0-12 % of camera faces score above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from detectors.asymmetry.two_sides import BAR, box, lab_of
from forensics.evidence import Evidence, silent
from forensics.face import LIPS_INSIDE, MOUTH, MOUTH_CORNERS, Face, cut_near, largest_face
from forensics.photo import Photo

WIDTH, HEIGHT = 160, 60  # px: the frame between the corners of the mouth
MIDLINE = (0, 13, 2)  # landmarks: upper lip outside and inside, under the nose
INCISOR = 0.155  # width of a middle incisor in widths of the mouth
SCALE = 4
CAVEATS = (
    "Crooked, missing or crowned teeth and an asymmetric smile are common in people.",
    "A match says little: recent generators draw good teeth.",
)


@dataclass(frozen=True)
class Limits:
    """When teeth can be seen, and from where their midline is unusual."""

    width: float = 40.0  # px between the corners of the mouth
    opening: float = 0.12  # height of the opening in widths of the mouth
    turn: float = 0.3  # see Face.turn
    bright: float = 8.0  # L of the teeth above the mouth's darkest tenth
    teeth: float = 0.3  # share of the opening's upper part that looks like teeth
    gaps: int = 3  # dips at least
    offset: float = 0.38  # incisor widths that 9 of 10 camera faces stay under


@dataclass(frozen=True)
class Teeth:
    """What an open mouth shows: the frame, its gaps in px of the frame, the face's midline there."""

    patch: np.ndarray
    where: np.ndarray  # (60, 160) bool: teeth
    gaps: np.ndarray  # (n,) columns
    midline: float

    @property
    def offset(self) -> float:
        """From the midline to the nearest gap, in widths of a middle incisor."""
        return float(min(0.5, np.abs(self.gaps - self.midline).min() / (INCISOR * WIDTH)))


class Midline:
    """Compares the incisors' midline with the face's."""

    name: ClassVar[str] = "teeth"
    question: ClassVar[str] = "Do the front teeth meet on the midline of the face?"
    scores: ClassVar[bool] = True
    weights: str | None = None

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()

    @classmethod
    def load(cls, weights: Path) -> Midline:
        """Needs no weights; the folder is ignored."""
        return cls()

    def examine(self, photo: Photo) -> Evidence:
        face = largest_face(photo)
        if face is None:
            return silent(self.name, "No face was found, so there are no teeth to look at.")
        reason = self.unfit(face)
        if reason:
            return silent(self.name, reason)
        mark = box(photo, face.points[list(MOUTH)], "mouth")
        marks = (mark,) if mark else ()
        if mark is None or mark.width < 0.9 * np.ptp(face.points[list(MOUTH), 0]):
            return Evidence(self.name, None, "The mouth is cut off by the edge of the photo.", marks)
        teeth = measure(photo.pixels, face, self.limits)
        picture = partial(drawn, teeth)
        if teeth.where.sum() < self.limits.teeth * upper(face, frame_of(face)).sum():
            return Evidence(self.name, None, "The mouth is open, but its teeth cannot be seen.", marks, picture)
        if len(teeth.gaps) < self.limits.gaps:
            n = len(teeth.gaps)
            why = f"The teeth show {n} edge{'' if n == 1 else 's'} between them; {self.limits.gaps} are needed."
            return Evidence(self.name, None, why, marks, picture)
        finding = (
            f"The gap between teeth nearest to the face's midline is {teeth.offset:.2f} incisor widths from it"
            f" (9 of 10 camera faces: under {self.limits.offset}); {len(teeth.gaps)} edges between teeth are seen."
        )
        return Evidence(self.name, teeth.offset / self.limits.offset - 1, finding, marks, picture, caveats=CAVEATS)

    def unfit(self, face: Face) -> str | None:
        """Why this mouth cannot be judged, or None."""
        limits = self.limits
        corners = face.points[list(MOUTH_CORNERS)]
        width = float(np.linalg.norm(corners[1] - corners[0]))
        if width < limits.width:
            return f"The mouth is {width:.0f} px wide; {limits.width:.0f} px are needed to tell teeth apart."
        opening = float(np.linalg.norm(face.points[14] - face.points[13])) / width
        if opening < limits.opening:
            return f"The mouth is closed: its opening is {opening:.0%} of its width."
        if abs(face.turn) > limits.turn:
            return "The head is turned too far to compare the midlines."
        return None


def frame_of(face: Face) -> np.ndarray:
    """(4, 2) corners of a square: as wide as the mouth, the upper teeth in its upper part."""
    left, right = face.points[list(MOUTH_CORNERS)]
    x = right - left
    y = np.array([-x[1], x[0]])
    top = face.points[13] - y * 0.08
    start = left + y * float((top - left) @ y / (y @ y + 1e-9))
    return np.array([start, start + y, start + x + y, start + x], dtype=np.float32)


def within(points: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Points of the photo in pixels of the frame, 160 px wide."""
    corners = np.array([(0, 0), (0, WIDTH), (WIDTH, WIDTH)], dtype=np.float32)
    matrix = cv2.getAffineTransform(frame[:3], corners)
    return points @ matrix[:, :2].T + matrix[:, 2]


def upper(face: Face, frame: np.ndarray) -> np.ndarray:
    """(60, 160) bool: the open mouth as far down as upper teeth reach."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    cv2.fillPoly(mask, [within(face.points[list(LIPS_INSIDE)], frame).round().astype(np.int32)], 1)
    inside = cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0) > 0
    inside[:, : int(0.2 * WIDTH)] = inside[:, int(0.8 * WIDTH) :] = False
    return inside & (np.cumsum(inside, axis=0) <= 0.16 * WIDTH)


def measure(pixels: np.ndarray, face: Face, limits: Limits) -> Teeth:
    """The teeth of an open mouth in (H, W, 3) uint8."""
    frame = frame_of(face)
    patch = cut_near(pixels, frame, WIDTH)[:HEIGHT]
    lab = lab_of(patch)
    inside = upper(face, frame)
    midline = float(within(face.points[list(MIDLINE)], frame)[:, 0].mean())
    nothing = Teeth(patch, np.zeros_like(inside), np.zeros(0), midline)
    if inside.sum() < 200:
        return nothing
    dark, light = np.percentile(lab[..., 0][inside], (10, 75))
    if light - dark < limits.bright:
        return nothing
    chroma_limit = 0.75 * float(np.median(lab[HEIGHT - 8 :, :, 1])) + 6  # lips and gums are redder than teeth
    teeth = inside & (lab[..., 0] > dark + 0.35 * (light - dark)) & (lab[..., 1] < max(14.0, chroma_limit))
    columns = inside.sum(0) >= 6
    profile = np.array([lab[:, x, 0][inside[:, x]].mean() if columns[x] else np.nan for x in range(WIDTH)])
    return Teeth(patch, teeth, gaps_of(profile), midline)


def gaps_of(profile: np.ndarray) -> np.ndarray:
    """Columns of the dark dips in a row of brightness (NaN where nothing is seen)."""
    seen = np.flatnonzero(np.isfinite(profile))
    if len(seen) < 40:
        return np.zeros(0)
    line = np.interp(np.arange(len(profile)), seen, profile[seen]).astype(np.float32)[None]
    fine, slow = cv2.GaussianBlur(line, (0, 0), 1.5)[0], cv2.GaussianBlur(line, (0, 0), 9)[0]
    detail = (fine - slow)[seen[0] : seen[-1] + 1]
    threshold = -max(0.8, 0.5 * float(detail.std()))
    found: list[int] = []
    for x in np.argsort(detail, kind="stable"):
        low = 3 < x < len(detail) - 4 and detail[x] == detail[x - 3 : x + 4].min()
        if detail[x] < threshold and low and all(abs(x - other) > 8 for other in found):
            found.append(int(x))
    return np.sort(np.array(found, dtype=float)) + seen[0]


def drawn(teeth: Teeth) -> np.ndarray:
    """(272, 640, 3) uint8: the mouth enlarged, edges between teeth green, the face's midline magenta."""
    shown = cv2.resize(teeth.patch, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    for x in teeth.gaps:
        cv2.line(shown, (round((x + 0.5) * SCALE), 0), (round((x + 0.5) * SCALE), 50), (0, 200, 90), 2, cv2.LINE_AA)
    x = round(teeth.midline * SCALE)
    cv2.line(shown, (x, 0), (x, shown.shape[0]), (255, 0, 255), 1, cv2.LINE_AA)
    head = np.full((BAR, shown.shape[1], 3), 255, dtype=np.uint8)
    words = "green: edges between teeth; magenta: midline of the face"
    cv2.putText(head, words, (4, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([head, shown])
