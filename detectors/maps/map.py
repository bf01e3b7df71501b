"""A map: a picture that shows one trait of a photo's pixels, for the eye only.

Maps are barred from the verdict by what they are: a `Drawing` has no score and a `Map` no `examine`, so that no map
keeps `forensics.evidence.Detector`, no panel can ask one, and no calibration can weigh one. What looks odd in a map
is often light, texture or a re-posting; none was measured against untouched photos.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from forensics.photo import Photo


@dataclass(frozen=True)
class Drawing:
    """What a map shows of one photo: no number, nothing that could be weighed."""

    picture: np.ndarray = field(repr=False)  # (H, W, 3) uint8, at most `reach.LONGEST` px a side
    words: str  # what was done with this photo, and what came of it


class Map(Protocol):
    """One way to look. The same photo gives the same drawing; none is too small, too large or too long."""

    name: ClassVar[str]  # "ghost": a word
    title: ClassVar[str]  # "JPEG ghost"
    source: ClassVar[str]  # who described it: a paper
    shows: ClassVar[str]  # what can be seen in it
    misses: ClassVar[str]  # what it does not show, and what fools the eye

    def draw(self, photo: Photo) -> Drawing: ...
