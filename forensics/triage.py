"""Which photos of many to look at first: a threshold on the log10 LR, by the rate of false alarms that one will bear.

A calibration is honest on the photos that it was fitted on: of the real ones of each source at most 1 in k reach a
ratio of k, and at most 1 % the ratio from which "generated" is said. n real photos bound no rate under about 3/n.
Photos outside of what was validated have no known rate, and are never among the first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from forensics.calibration import ACCUSED, CONCLUSIVE, Calibration
from forensics.refusal import Refusal
from forensics.verdict import Conclusion

MOST = 10**-CONCLUSIVE  # a tenth: smaller ratios are inconclusive, and nothing was promised of them
RATES = (MOST, ACCUSED)


@dataclass(frozen=True)
class Triage:
    """At most `rate` of the photos that cameras took are expected at or over `threshold`.

    `n`: real photos that the calibration rests on, as they were weighted; `least`: the smallest rate that they bound.
    """

    rate: float
    threshold: float  # log10 LR
    n: int
    least: float

    def first(self, conclusion: str | None, log10_lr: float | None, within: bool | None) -> bool:
        """Whether to look at a photo first. `within`: what was validated. A signed capture is no case for it."""
        if not within or log10_lr is None or conclusion == Conclusion.CAMERA:
            return False
        return log10_lr >= self.threshold


def triage(calibration: Calibration, rate: float) -> Triage:
    """Raises Refusal for a rate that the calibration cannot promise, or over a tenth."""
    n, least = bound(calibration)
    if not least <= rate <= MOST:
        raise Refusal(f"a false-alarm rate of {rate:.3g}: {n} real photos can bound {least:.2g} to {MOST:g}")
    threshold = -math.log10(rate)
    if rate >= ACCUSED:  # measured, each photo by a calibration that it had no part in
        threshold = min(threshold, calibration.accuse)
    return Triage(rate, threshold, n, least)


def bound(calibration: Calibration) -> tuple[int, float]:
    """The number of real photos, as weighted, and the smallest rate that they bound."""
    n = int((calibration.support or (calibration.n_real, 0))[0])
    return n, min(3 / max(n, 1), 1.0)


def rates(calibration: Calibration) -> tuple[float, ...]:
    """The rates that one may choose from, the largest first; none where there are too few photos."""
    _, least = bound(calibration)
    return tuple(sorted({rate for rate in (*RATES, least) if least <= rate <= MOST}, reverse=True))
