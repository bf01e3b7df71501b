"""Evidence, weighed → a verdict, in words that say how sure it is.

The words never say "fake" or "authentic": they say which of two explanations the evidence
supports, and how strongly, on the verbal scale of the ENFSI guideline for evaluative
reporting (2015). Absence of metadata is never evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from forensics.calibration import CONCLUSIVE, Calibration, disagreement
from forensics.evidence import Claim, Evidence

# Measured: `forensics bench attacks`, 72 of 72 fakes that were changed by 4 grey levels against the known weights.
PASSES = "A generated picture that was changed so as to pass these detectors would get the same words."
SCALE = ((1, "weak"), (2, "moderate"), (3, "moderately strong"), (4, "strong"), (6, "very strong"))


class Conclusion(StrEnum):
    GENERATED = "supports_generated"
    EDITED = "supports_edited"
    CAMERA = "supports_camera"
    DECLARED_VERIFIED = "declared_generated_verified"
    DECLARED = "declared_generated_unverified"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Weighed:
    """Evidence with what it is worth: `log10_lr` is None where the detector was silent or does not score."""

    evidence: Evidence
    log10_lr: float | None


@dataclass(frozen=True)
class Verdict:
    """What the evidence supports, how strongly, and why not more."""

    conclusion: Conclusion
    log10_lr: float | None  # the number also where the conclusion is inconclusive; None = nothing was scored
    words: str
    weighed: tuple[Weighed, ...]


def weigh(evidence: Sequence[Evidence], calibration: Calibration, outside: str | None) -> Verdict:
    """Weigh all evidence about one photo. `outside`: why nothing may be concluded from its scores, or None."""
    weighed = tuple(Weighed(e, calibration.part(e.detector, e.score)) for e in evidence)
    log10_lr = calibration.total({e.detector: e.score for e in evidence})
    claim = strongest([e.claim for e in evidence if e.claim])
    declared = by_claim(claim) if claim else None
    if declared:
        return Verdict(declared[0], log10_lr, declared[1], weighed)
    told = ""
    if claim and claim.says == "edited":
        told = f" The file declares generated parts, unverified: {claim.by}; such a mark can be added or removed."
    local = by_region(evidence)
    parts = [w.log10_lr for w in weighed if w.log10_lr is not None]
    reason = None
    if log10_lr is None:
        reason = outside or "no detector that is weighed could examine this photo"
    elif outside:
        reason = outside
    elif disagreement(parts) > calibration.conflict + 1e-9:
        reason = "the detectors contradict each other more than they ever did on validation photos"
    elif abs(log10_lr) < CONCLUSIVE:
        reason = f"the evidence is less than 10 times likelier under either explanation ({ratio(log10_lr)})"
    elif 0 < log10_lr < calibration.accuse:
        reason = (
            f"the evidence is {ratio(log10_lr)}, but of some sources more than 1 in 100 photos by cameras look so; "
            f"it takes {10**calibration.accuse:.0f} times"
        )
    if local and (reason or log10_lr < 0):  # a camera's photo may hold an edited part, with or without a face
        return Verdict(Conclusion.EDITED, log10_lr, f"{local}{told}", weighed)
    if reason:
        return Verdict(Conclusion.INCONCLUSIVE, log10_lr, f"Inconclusive: {reason}.{told}", weighed)
    if log10_lr > 0:
        told = f" {local}{told}" if local else told
        words = f"The evidence gives {strength(log10_lr)} support that a generator made this picture, not a camera"
        return Verdict(Conclusion.GENERATED, log10_lr, f"{words}: {ratio(log10_lr)}.{told}", weighed)
    known = f" of a kind that was validated ({', '.join(calibration.makers)})" if calibration.makers else ""
    words = f"The evidence gives {strength(log10_lr)} support that a camera took this picture, not a generator{known}"
    return Verdict(Conclusion.CAMERA, log10_lr, f"{words}: {ratio(log10_lr)}. {PASSES}{told}", weighed)


def strongest(claims: Sequence[Claim]) -> Claim | None:
    """The claim to report first: verified before unverified, generated before edited before captured."""
    order = ("generated", "edited", "captured")
    return min(claims, key=lambda c: (not c.verified, order.index(c.says)), default=None)


def by_claim(claim: Claim) -> tuple[Conclusion, str] | None:
    """What a claim alone concludes. Anyone can write an unverified one: of those, only "generated" is reported
    as a conclusion, and as what it is; "edited" and "captured" stay in the words and the evidence.
    """
    if claim.says == "generated":
        if claim.verified:
            return Conclusion.DECLARED_VERIFIED, f"The file declares itself generated, verified: {claim.by}."
        words = f"The file declares itself generated, unverified: {claim.by}. Such a mark can be added or removed."
        return Conclusion.DECLARED, words
    if claim.says == "edited" and claim.verified:
        return Conclusion.EDITED, f"The file declares generated parts in an edited photo, verified: {claim.by}."
    if claim.says == "captured" and claim.verified:
        return Conclusion.CAMERA, f"The file is signed as a camera's capture: {claim.by}."
    return None


def by_region(evidence: Sequence[Evidence]) -> str | None:
    """What pixels alone tell of a local edit, in words with the rate of false alarms; None where they don't."""
    untouched = min((e.edited for e in evidence if e.edited), default=None)
    if untouched is None:
        return None
    return (
        f"A part of the photo disagrees with the rest by more than any part of {untouched:,} untouched photos did, "
        f"with a margin: at most 1 in {untouched // 3:,} such photos is expected to (95 %). A portrait mode or local "
        "smoothing does this as well as changed content."
    )


def strength(log10_lr: float) -> str:
    """ENFSI's word for a likelihood ratio of 10^|log10_lr|."""
    for limit, word in SCALE:
        if abs(log10_lr) < limit:
            return word
    return "extremely strong"


def ratio(log10_lr: float) -> str:
    """The likelihood ratio in plain digits, two of them significant."""
    if abs(log10_lr) < 0.02:
        return "equally likely either way"
    value = 10 ** abs(log10_lr)
    digits = 10 ** (math.floor(math.log10(value)) - 1)
    rounded = f"{math.floor(value / digits + 1e-9) * digits:,.10g}"  # down: never more than was measured
    return f"{rounded} times likelier if {'generated' if log10_lr > 0 else 'from a camera'}"
