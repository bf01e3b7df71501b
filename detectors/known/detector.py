"""Does a given generator reproduce this face as closely as only its own pictures?

The face is framed as the generator's training photos were and projected (`projection.py`). The distance reached is
compared with those reached for the generator's own pictures and for photos (`reference.py`).

    score = (log nearest - s - log d) / s      nearest: the nearest photo's distance; s: standard deviation of photos'

Above 0: nearer than all photos of the reference by a margin. It speaks of one generator only: pictures of others are
about as far away as photos. Silent: no face, too small a one, one that leaves the photo, or a reference whose two
kinds overlap (the AUC's 95 % interval reaches below 0.9).

What it is worth with two generators that ship (fresh seeds against real faces of four sets, cut alike; score above
0, own : photos; pictures in which no face is found again are left out): DCGAN, 64 px, 20 of 20 : 0 of 20 as made, 19
of 19 : 0 of 19 after JPEG 75, 8 of 8 : 0 of 8 cropped off centre; StyleGAN2, 32 px, 16 of 17 : 0 of 18 as made, 10 of
16 : 0 of 11 after JPEG 75. These are small and weak generators: photos hold detail that they cannot draw. One of
1024 px that can draw nearly anything may come near to photos too; its reference would say so.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detectors.asymmetry.two_sides import box
from detectors.known.exhibit import draw
from detectors.known.projection import Settings, Watch, project
from detectors.known.reference import Reference, region_of
from detectors.known.suspect import Suspect
from forensics.evidence import Evidence, silent
from forensics.photo import Photo
from forensics.tensors import to_tensor

APART = 0.9  # the reference's AUC must be above it, with its whole interval
CAVEATS = (
    "Far says only that this generator, as given, did not draw the face: other generators' pictures are as far"
    " away as photos.",
    "Blurred photos, and those that the generator was trained on, come nearer than others.",
    "Retouching, strong compression and other crops move its own pictures away.",
)


class KnownGenerator:
    """Asks one generator for one photo. Takes seconds a photo; not one of PANEL, so that no verdict rests on it.

    Raises Refusal for a reference that is not of this generator and these settings.
    """

    name: ClassVar[str] = "known"
    question: ClassVar[str] = "Does a given generator reproduce this face as closely as only its own pictures?"
    scores: ClassVar[bool] = True

    def __init__(
        self,
        suspect: Suspect,
        reference: Reference,
        settings: Settings | None = None,
        watch: Watch = lambda done, total, distance, picture: None,
    ):
        settings = settings or Settings()
        reference.check(suspect, settings)
        self.suspect, self.reference, self.settings, self.watch = suspect, reference, settings, watch
        self.weights: str | None = suspect.sha256
        self.region = region_of(suspect, settings)

    def examine(self, photo: Photo) -> Evidence:
        suspect, reference = self.suspect, self.reference
        value, low, high = reference.auc
        if low < APART:
            why = (
                f"{suspect.name} comes about as near to photos as to its own pictures (AUC {value:.2f},"
                f" {low:.2f}-{high:.2f}), so that how near it comes to this one tells nothing."
            )
            return silent(self.name, why, *CAVEATS)
        frame = suspect.frame(photo)
        if isinstance(frame, str):
            return silent(self.name, frame, *CAVEATS)
        seen = suspect.cut(photo, frame)
        if np.ptp(seen.reshape(-1, 3), axis=0).max() == 0:
            return silent(self.name, "The photo is blank where the generator would draw.", *CAVEATS)
        found = project(suspect.module, to_tensor([seen]).to(suspect.device), self.region, self.settings, self.watch)
        if not found.finished:
            return silent(self.name, "The search was stopped before its end.", *CAVEATS)
        mark = box(photo, frame, f"as {suspect.name} frames faces")
        return Evidence(
            self.name,
            reference.score(found.distance),
            finding(suspect.name, found.distance, reference),
            (mark,) if mark else (),
            draw(seen, found, reference, suspect.name),
            caveats=CAVEATS,
        )


def finding(name: str, distance: float, reference: Reference) -> str:
    """One sentence: the distance, both ranges, and which of them it lies in."""
    near, far = reference.near, reference.far
    if reference.score(distance) > 0:
        so = f"clearly nearer than all {len(far)} photos"
        so += ", as its own" if distance <= max(near) else ", but further than its own"
    elif distance < min(far) or distance <= max(near):
        so = "between the two, which says nothing"
    else:
        so = f"as far as photos, so nothing says that {name} drew it"
    return (
        f"{name} comes as near to this face as {distance:.3f}; to its own pictures it comes to {min(near):.3f}-"
        f"{max(near):.3f} (n = {len(near)}), to photos to {min(far):.3f}-{max(far):.3f} (n = {len(far)}): {so}."
    )
