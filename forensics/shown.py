"""What is shown of a report: its words, numbers and pictures, made small (previews, never the pixels).

The HTML file and the app draw from the same `Page`. Nothing is examined or weighed here.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from PIL import Image

from forensics.evidence import Claim, Evidence, Mark
from forensics.photo import Photo
from forensics.report import Report
from forensics.stability import Stability
from forensics.verdict import CONCLUSIVE, Conclusion, Verdict, Weighed, strongest
from forensics.whereabouts import without_place

PREVIEW = 900  # px of the longer side of the photo's preview
LARGEST_EXHIBIT = 2000  # px of the longer side; larger ones are shrunk
LONGEST = 400  # characters shown of one metadata value
MOST_VALUES = 80  # metadata values shown

HEADINGS = {
    Conclusion.GENERATED: "Supports: made by a generator",
    Conclusion.EDITED: "Supports: edited with generated parts",
    Conclusion.CAMERA: "Supports: taken by a camera, against the generators known here",
    Conclusion.DECLARED_VERIFIED: "Declared generated, verified",
    Conclusion.DECLARED: "Declared generated, unverified",
    Conclusion.INCONCLUSIVE: "Inconclusive",
}
LEANING = {  # which colour and sign a conclusion gets
    Conclusion.CAMERA: "camera",
    Conclusion.INCONCLUSIVE: "open",
}
UNSEEN = re.compile(  # control, format and direction-changing characters, line separators, lone surrogates
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True)
class Picture:
    """A picture inside the page. `uri` is a data: URI; width and height in pixels as stored in it."""

    uri: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True)
class Numbered:
    """A mark and its number on the photo."""

    number: int
    mark: Mark


@dataclass(frozen=True)
class Item:
    """One detector's evidence. `part` is its share of the log10 LR, None = not weighed."""

    detector: str
    question: str
    finding: str
    part: float | None
    claim: Claim | None
    marks: tuple[Numbered, ...]
    exhibit: Picture | None
    caveats: tuple[str, ...]
    edited: bool = False  # it alone may conclude an edit


@dataclass(frozen=True)
class Page:
    """Everything that is shown of one report. An unreadable file has a `reason`, and no verdict or picture."""

    file: str
    sha256: str | None
    reason: str | None
    heading: str
    leaning: str  # "camera", "generator" or "open"
    words: str
    log10_lr: float | None
    based_on: tuple[str, ...]
    would_change: tuple[str, ...]
    size: tuple[int, int]  # width, height of the photo, which `marks` are pixels of
    picture: Picture | None
    items: tuple[Item, ...]
    facts: tuple[tuple[str, str], ...]
    metadata: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    stability: Stability | None = None
    conclusion: str = "unreadable"

    @property
    def marks(self) -> tuple[Numbered, ...]:
        return tuple(numbered for item in self.items for numbered in item.marks)


def page_of(report: Report) -> Page:
    """What is shown of a report."""
    verdict, photo = report.verdict, report.photo
    name = PurePath(report.file).name or report.file  # the folders are the user's own business
    common = {"file": name, "sha256": report.sha256, "versions": tuple(version_rows(report.versions))}
    if verdict is None or photo is None:
        return Page(
            **common,
            reason=report.reason,
            heading="This file could not be examined",
            leaning="open",
            words=f"{report.reason[:1].upper()}{report.reason[1:].rstrip('.')}.",
            log10_lr=None,
            based_on=(),
            would_change=(),
            size=(0, 0),
            picture=None,
            items=(),
            facts=(("File", name), ("SHA-256", report.sha256 or "unknown: the file could not be read")),
            metadata=(),
        )
    return Page(
        **common,
        reason=None,
        heading=HEADINGS[verdict.conclusion],
        leaning=LEANING.get(verdict.conclusion, "generator"),
        words=verdict.words,
        log10_lr=verdict.log10_lr,
        based_on=tuple(based_on(verdict)),
        would_change=tuple(would_change(verdict)),
        size=(photo.width, photo.height),
        picture=preview(photo, f"The photo {plain(name)}"),
        items=tuple(items(verdict, report.questions)),
        facts=tuple(file_facts(photo, name)),
        metadata=tuple(metadata(photo)),
        stability=report.stability,
        conclusion=str(verdict.conclusion),
    )


def strongest_first(weighed: Sequence[Weighed]) -> list[Weighed]:
    """What weighs most, then what the file claims, then the rest, each in the panel's order."""
    return sorted(weighed, key=lambda w: (w.log10_lr is None, w.evidence.claim is None, -abs(w.log10_lr or 0)))


def items(verdict: Verdict, questions: Mapping[str, str]) -> Iterator[Item]:
    number = 0
    for w in strongest_first(verdict.weighed):
        e = w.evidence
        marks = tuple(Numbered(number + i, mark) for i, mark in enumerate(e.marks, 1))
        number += len(marks)
        yield Item(
            detector=e.detector,
            question=questions.get(e.detector, e.detector),
            finding=e.finding,
            part=w.log10_lr,
            claim=e.claim,
            marks=marks,
            exhibit=exhibit(e),
            caveats=e.caveats,
            edited=bool(e.edited),
        )


def based_on(verdict: Verdict) -> Iterator[str]:
    """Sentences: what was claimed, what was weighed, what said nothing."""
    for e in (w.evidence for w in verdict.weighed):
        if e.claim:
            yield f"The file's own declaration ({says(e.claim)}), read by {e.detector}."
    ordered = strongest_first(verdict.weighed)
    parts = [f"{w.evidence.detector} {signed(w.log10_lr)}" for w in ordered if w.log10_lr is not None]
    yield f"Weighed, in log10 units: {', '.join(parts)}." if parts else "No detector gave a score to weigh."
    rest = [w.evidence.detector for w in ordered if w.log10_lr is None and not w.evidence.claim]
    if rest:
        yield f"Looked, without weight in the number: {', '.join(rest)}."


def would_change(verdict: Verdict) -> Iterator[str]:
    """Sentences: what other evidence would move this conclusion."""
    claim = strongest([w.evidence.claim for w in verdict.weighed if w.evidence.claim])
    declared = verdict.conclusion in (Conclusion.DECLARED, Conclusion.DECLARED_VERIFIED, Conclusion.EDITED)
    if declared or (claim and claim.verified and verdict.conclusion is Conclusion.CAMERA):
        if claim and claim.verified:
            yield "Proof that the signing key was stolen or misused: the signature holds, and the signer is listed."
            if claim.says == "captured":
                yield "Signs that the camera photographed a screen or a print: a signature cannot tell."
        else:
            yield "Intact credentials of a signer on the trust list, saying the same, would verify it."
            yield "An earlier copy of the file: anyone can write or remove such a declaration."
        return
    yield from rests_on(verdict)
    yield "An earlier or larger copy: every re-posting shrinks, compresses and erases traces."
    yield "Intact credentials of a signer on the trust list would settle it, whatever the scores say."


def rests_on(verdict: Verdict) -> Iterator[str]:
    """How much hangs on the strongest detector alone."""
    parts = [w for w in strongest_first(verdict.weighed) if w.log10_lr is not None]
    if verdict.conclusion is Conclusion.INCONCLUSIVE or verdict.log10_lr is None or not parts:
        return
    first = parts[0].evidence.detector
    left = sum(w.log10_lr for w in parts[1:])
    if len(parts) == 1:
        yield f"If {first} is wrong: only this detector's score was weighed."
    elif left * verdict.log10_lr <= 0:
        yield f"If {first} is wrong: without it, the others do not lean this way."
    elif abs(left) < CONCLUSIVE:
        yield f"If {first} is wrong: without it, the others add up to {signed(left)}, which is inconclusive."
    else:
        yield f"More than one detector being wrong: without {first}, the others still lean this way."


def file_facts(photo: Photo, name: str) -> Iterator[tuple[str, str]]:
    yield "File", name
    yield "SHA-256", photo.sha256
    yield "Format", photo.format
    yield (
        "Size",
        f"{photo.width:,} × {photo.height:,} px, {photo.width * photo.height / 1e6:,.2f} megapixels, "
        f"{len(photo.data):,} bytes",
    )
    yield "Stored as", f"{photo.mode}, {photo.frames} frame{'s' if photo.frames != 1 else ''}"
    if photo.jpeg:
        order = "progressive" if photo.jpeg.progressive else "baseline"
        yield "JPEG", f"{order}, subsampling {photo.jpeg.subsampling}, {len(photo.jpeg.tables)} quantisation tables"
    for note in photo.notes:
        yield "Note", note


def metadata(photo: Photo) -> Iterator[tuple[str, str]]:
    """EXIF and text, shortened, without where the photo was taken (`whereabouts.py`)."""
    values = [(f"EXIF {k}", v) for k, v in photo.exif.items()]
    values += [(f"Text {k}", without_place(k, v)) for k, v in photo.text.items()]
    for key, value in values[:MOST_VALUES]:
        more = f" … ({len(value):,} characters)" if len(value) > LONGEST else ""
        yield key[:LONGEST], value[:LONGEST] + more
    if len(values) > MOST_VALUES:
        yield "and more", f"{len(values) - MOST_VALUES:,} values are not shown"


def version_rows(versions: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in versions.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}: {name}", str(digest)) for name, digest in value.items())
        else:
            yield key, str(value)


def preview(photo: Photo, alt: str) -> Picture:
    """The photo, shrunk: lossless if small, else as JPEG (evidence is taken from the original)."""
    image = shrunk(photo.pixels, PREVIEW)
    lossless = image.width * image.height <= 200_000
    return stored(image, "PNG" if lossless else "JPEG", alt)


def exhibit(evidence: Evidence) -> Picture | None:
    if evidence.exhibit is None:
        return None
    return stored(shrunk(evidence.exhibit, LARGEST_EXHIBIT), "PNG", f"{evidence.detector}: {evidence.finding}")


def shrunk(pixels: np.ndarray, longest: int) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def stored(image: Image.Image, kind: str, alt: str) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=90) if kind == "JPEG" else image.save(buffer, kind, compress_level=3)
    uri = f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return Picture(uri, image.width, image.height, alt)


def plain(text: object) -> str:
    """Text as one visible line: control, direction-changing and invisible characters are named, not obeyed."""
    flat = re.sub(r"[\t\n\r\v\f]+", " ", str(text))
    return UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", flat)


def says(claim: Claim) -> str:
    return f"{claim.says}, {'verified' if claim.verified else 'unverified'}: {claim.by}"


def signed(value: float) -> str:
    """Two decimals with a sign: +1.30, −0.42."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")
