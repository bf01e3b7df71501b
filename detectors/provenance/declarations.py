"""What a file declares of itself without a signature: source type, generation settings, maker's names.

Anyone can write or remove such words, so a claim from here is never `verified`, camera EXIF is only
reported, and the absence of every mark says nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from detectors.provenance.marks import Declared, declared, excerpt
from detectors.provenance.statements import Statements, statements
from forensics.evidence import Claim, Evidence, silent
from forensics.photo import Photo

EASY = "Such words are easily written and easily removed: they are never verified."
PIXELS = "Watermarks in the pixels (SynthID, TrustMark and others) are not read."
NOTHING = "Nothing in the file declares a generator; most that circulates declares nothing: this says nothing."


class Declarations:
    """Reads IPTC and XMP source types, AI labels, generation settings and makers' names. Never raises."""

    name: ClassVar[str] = "declarations"
    question: ClassVar[str] = "What does the file declare of itself, unsigned?"
    scores: ClassVar[bool] = False
    weights: str | None = None

    @classmethod
    def load(cls, weights: Path) -> Self:
        return cls()

    def examine(self, photo: Photo) -> Evidence:
        try:
            read = statements(photo)
            marks = declared(read.found)
        except Exception as error:  # hostile metadata must not cost the verdict
            return silent(self.name, f"The metadata could not be read ({type(error).__name__}).", EASY)
        claim = next((claim_of(mark) for mark in marks if mark.says), None)
        return Evidence(self.name, None, finding(marks, read, photo), claim=claim, caveats=(EASY, PIXELS))


def claim_of(mark: Declared) -> Claim:
    return Claim(mark.says, False, f"{mark.what} in {mark.place}")


def finding(marks: list[Declared], read: Statements, photo: Photo) -> str:
    if marks:
        words = "The file declares " + "; ".join(f"{mark.what} in {mark.place}" for mark in marks[:4])
        words += f" and {len(marks) - 4} more" if len(marks) > 4 else ""
        words += "."
    else:
        words = NOTHING
    camera = camera_of(photo)
    if camera:
        words += f" Its EXIF names the camera {camera}; anyone can write that."
    if read.unreadable:
        words += f" There is also {', '.join(read.unreadable)}."
    return words


def camera_of(photo: Photo) -> str | None:
    """Make and model as EXIF has them, the make not said twice."""
    make, model = (excerpt(photo.exif.get(key, "")) for key in ("Make", "Model"))
    return model if make and model.lower().startswith(make.lower()) else f"{make} {model}".strip() or None
