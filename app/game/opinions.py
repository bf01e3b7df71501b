"""What the detectors say of a question's pictures, as guesses of the same kind as a player's."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.verdict import Verdict

Guess = int | None  # which picture is generated; None: none is
TOGETHER = "together"  # all detectors, weighed


def guesses(verdicts: Sequence[Verdict]) -> dict[str, Guess]:
    """Each detector's guess; who cannot tell is not in it.

    Of two pictures, the one with the higher score. Of one: generated if its part of the log10 LR is above 0.
    """
    if len(verdicts) == 1:
        parts = {w.evidence.detector: w.log10_lr for w in verdicts[0].weighed} | {TOGETHER: verdicts[0].log10_lr}
        return {name: 0 if part > 0 else None for name, part in parts.items() if part}
    first, second = map(scores, verdicts)
    both = [name for name in first if name in second and first[name] != second[name]]
    return {name: 0 if first[name] > second[name] else 1 for name in both}


def scores(verdict: Verdict) -> dict[str, float]:
    """Higher is more like a generator's, by detector and together."""
    found = {w.evidence.detector: w.evidence.score for w in verdict.weighed if w.evidence.score is not None}
    return found if verdict.log10_lr is None else {**found, TOGETHER: verdict.log10_lr}
