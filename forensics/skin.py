"""How light the skin in a photo is: the individual typology angle, so that errors can be told by skin tone.

    ITA = atan2(L* - 50, b*) in degrees         Chardon, Cretois & Hourseau 1991, "Skin colour typology
                                                and suntanning pathways", Int. J. Cosmetic Science 13

with L*, b* in CIELAB (D65 white, sRGB photo). Categories of the same paper, lightest first: very light
over 55°, light over 41°, intermediate over 28°, tan over 10°, brown over -30°, dark otherwise.

Read off three parts of the face, both cheeks and the forehead: the median colour of each without highlights,
then the median of the parts, so that a fringe, a beard or one cheek in shadow does not decide.

It is the skin *as this photo shows it*: light, exposure, white balance and make-up move it by tens of
degrees. Of 389 web faces (UTKFace) it put under 10° 45 % of those that annotators called black and 6 % of
those they called white. It describes groups of photos, not a person, and is never evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from forensics.face import Face
from forensics.photo import Photo

# Landmarks around each part (their convex hull), clear of eyes, nose, mouth, brows and hairline.
PARTS = {
    "left cheek": (117, 118, 101, 36, 205, 187, 123),
    "right cheek": (346, 347, 330, 266, 425, 411, 352),
    "forehead": (107, 69, 108, 151, 337, 299, 336, 9),
}
CATEGORIES = ((55, "very light"), (41, "light"), (28, "intermediate"), (10, "tan"), (-30, "brown"), (-90, "dark"))
CLIPPED = 250  # of a channel: a highlight or overexposed, so its colour is lost
SHINE = 12.0  # L* above a part's median: a highlight
LEAST = 20  # px of a part that are left
COLOURLESS = 4.0  # chroma C*ab: under it the photo is grey, or the skin's colour is lost


@dataclass(frozen=True)
class Tone:
    """The skin's colour in one photo: L* in [0, 100], a*, b*."""

    lightness: float
    a: float
    b: float

    @property
    def ita(self) -> float:
        """Individual typology angle in degrees, within (-90, 90); higher is lighter."""
        return math.degrees(math.atan2(self.lightness - 50, self.b))

    @property
    def category(self) -> str:
        return next((name for limit, name in CATEGORIES if self.ita > limit), CATEGORIES[-1][1])


def skin_tone(photo: Photo, face: Face) -> Tone | None:
    """The tone of a face, or None where it cannot be told.

    None: fewer than two parts with 20 px free of highlights; a photo without colour; a blue cast (b* ≤ 0).
    """
    seen = [colour for name in PARTS if (colour := part_colour(photo.pixels, face, name)) is not None]
    if len(seen) < 2:
        return None
    lightness, a, b = (float(value) for value in np.median(seen, axis=0))
    if b <= 0 or math.hypot(a, b) < COLOURLESS:
        return None
    return Tone(lightness, a, b)


def part_colour(pixels: np.ndarray, face: Face, name: str) -> np.ndarray | None:
    """(3,) median L*, a*, b* of a part in (H, W, 3) uint8, without highlights; None where too little is seen."""
    corners = cv2.convexHull(face.points[list(PARTS[name])].astype(np.float32))[:, 0]
    height, width = pixels.shape[:2]
    left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, (width, height))
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, (width, height))
    if right <= left or bottom <= top:
        return None
    inside = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillConvexPoly(inside, np.round(corners - (left, top)).astype(np.int32), 1)
    skin = pixels[top:bottom, left:right][inside > 0]
    skin = skin[(skin < CLIPPED).all(1)]
    if len(skin) < LEAST:
        return None
    lab = cv2.cvtColor(skin[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0]
    kept = lab[lab[:, 0] <= np.median(lab[:, 0]) + SHINE]
    return np.median(kept, axis=0) if len(kept) >= LEAST else None
