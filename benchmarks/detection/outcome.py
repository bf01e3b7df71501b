"""What a benchmark counts: one photo, and what was said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.shots import Shot


@dataclass(frozen=True)
class Outcome:
    """What was said about a shot, and what kind of photo it was. `scores` of silent detectors are absent."""

    shot: Shot
    conclusion: str  # empty: no verdict was wanted
    log10_lr: float | None
    scores: Mapping[str, float]
    face: int  # px from brow line to chin of the largest face, as laundered; 0 = none
    face_before: int  # the same in the photo as it came
    side: int  # px of the shorter side, as laundered
    ita: float | None  # skin tone of that face as it came (forensics.skin); None = could not be told
