"""Would the verdict outlive the internet? A dozen re-postings of a photo, and what the scores say after each.

A copy that went through a site shows the same scene; a conclusion that holds for one copy and is turned round
by the next says more about encoders than about the photo. So one re-posting that supports the opposite makes
a verdict inconclusive. Re-postings that are inconclusive take traces away and turn nothing: they are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from forensics.laundering import crop, jpeg, resize, webp
from forensics.photo import Photo
from forensics.verdict import Conclusion, Verdict, by_claim, ratio, strongest

LARGEST = 4096  # px of the longer side: larger photos are shrunk to it first, as every site does
OPPOSITE = {Conclusion.GENERATED: Conclusion.CAMERA, Conclusion.CAMERA: Conclusion.GENERATED}
SHORT = {
    Conclusion.INCONCLUSIVE: "inconclusive",
    Conclusion.GENERATED: "for a generator",
    Conclusion.CAMERA: "for a camera",
    Conclusion.EDITED: "for an edit",
}


@dataclass(frozen=True)
class Reposting:
    """One way through the internet. `through` takes and gives (H, W, 3) uint8 RGB; the same in, the same out."""

    name: str
    through: Callable[[np.ndarray], np.ndarray]

    def __call__(self, photo: Photo) -> Photo:
        """The photo as it would come back: other pixels, and nothing left of what its file said of itself."""
        pixels = resize(photo.pixels, min(1.0, LARGEST / max(photo.width, photo.height)))
        return Photo.from_pixels(self.through(pixels), photo.name)


def cropped(pixels: np.ndarray) -> np.ndarray:
    """Nine tenths of each side, off the grid of the blocks it was coded in; the same window every time."""
    return crop(pixels, 0.9, np.random.default_rng(0))


REPOSTINGS = (  # from gentle to harsh: scores move least after the first, most after the last
    Reposting("JPEG 95, 4:4:4", lambda p: jpeg(p, 95, "4:4:4")),
    Reposting("JPEG 90, 4:2:0", lambda p: jpeg(p, 90)),
    Reposting("cropped, JPEG 90, 4:4:4", lambda p: jpeg(cropped(p), 90, "4:4:4")),
    Reposting("JPEG 80, 4:2:2", lambda p: jpeg(p, 80, "4:2:2")),
    Reposting("screenshot, 9/10 bilinear", lambda p: resize(p, 0.9, "bilinear")),
    Reposting("WebP 80", lambda p: webp(p, 80)),
    Reposting("JPEG 70, 4:2:0", lambda p: jpeg(p, 70)),
    Reposting("JPEG 50, 4:2:0", lambda p: jpeg(p, 50)),
    Reposting("3/4 bicubic, JPEG 85", lambda p: jpeg(resize(p, 3 / 4, "bicubic"), 85)),
    Reposting("2/3 Lanczos, JPEG 80", lambda p: jpeg(resize(p, 2 / 3, "lanczos"), 80)),
    Reposting("3/4 WebP 70, then cropped JPEG 70", lambda p: jpeg(cropped(webp(resize(p, 3 / 4), 70)), 70)),
    Reposting("1/2 area, JPEG 85", lambda p: jpeg(resize(p, 1 / 2), 85)),
)


@dataclass(frozen=True)
class Copy:
    """What the scores alone say of one copy of a photo. `log10_lr` is None where nothing was scored."""

    name: str
    log10_lr: float | None
    conclusion: Conclusion

    @classmethod
    def of(cls, name: str, verdict: Verdict) -> Copy:
        return cls(name, verdict.log10_lr, verdict.conclusion)


@dataclass(frozen=True)
class Stability:
    """The scores of a photo as it came, and of its re-posted copies.

    No copies: nothing is concluded from the scores whatever they are (no face, a detector failed), and none
    was examined.
    """

    original: Copy
    copies: tuple[Copy, ...]

    def count(self, conclusion: Conclusion) -> int:
        return sum(copy.conclusion is conclusion for copy in self.copies)

    @property
    def agree(self) -> int:
        """How many copies give the conclusion of the photo as it came."""
        return self.count(self.original.conclusion)

    @property
    def flip(self) -> str | None:
        """Why the scores conclude nothing: the gentlest re-posting that turns them round; None if there is none."""
        opposite = OPPOSITE.get(self.original.conclusion)
        for copy in self.copies:
            if copy.conclusion is opposite:
                came, went = ratio(self.original.log10_lr), ratio(copy.log10_lr)
                return (
                    f"re-posting turns the scores round: as it came, the evidence is {came}, "
                    f"but re-posted ({copy.name}) it is {went}"
                )
        return None

    @property
    def words(self) -> str:
        """How many re-postings agree, as one sentence."""
        if not self.copies:
            return "Re-postings were not tried: they could not change this."
        others = {name: self.count(c) for c, name in SHORT.items() if c is not self.original.conclusion}
        told = ", ".join(f"{n} {name}" for name, n in others.items() if n)
        agree = f"{self.agree} of {len(self.copies)} re-postings agree{f' ({told})' if told else ''}"
        if self.flip or self.original.conclusion is Conclusion.INCONCLUSIVE or 2 * self.agree >= len(self.copies):
            return f"{agree}."
        return f"Only {agree}: what it rests on does not outlive most of them."

    def told(self, verdict: Verdict) -> Verdict:
        """The verdict, its words ending in how many re-postings agree.

        What a file declares is no score: beside such a conclusion, the words say that of the scores alone.
        """
        words, claim = self.words, strongest([w.evidence.claim for w in verdict.weighed if w.evidence.claim])
        if self.copies and claim and by_claim(claim):
            words = f"The scores alone: {SHORT[self.original.conclusion]}. {words}"
        return replace(verdict, words=f"{verdict.words} {words}")
