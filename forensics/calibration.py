"""Scores → log10 likelihood ratios: fitted once on photos that no detector was trained on.

Joint logistic regression (Brümmer & du Preez 2006; Morrison 2013): with s_d the score of detector d,

    log10 LR = Σ_d  slope_d · s_d + offset_d      over the detectors that gave a score,

a silent detector adds 0, and so does one whose score is neutral: that a detector could speak is no
evidence. Both classes weigh the same in the fit, so that the log-odds are the log-LR.
Slopes are not negative: a detector may turn out to be worthless, never to mean its opposite.

Then all lines shrink by one factor until no source of photos contradicts them: an honest LR exceeds
k for at most 1 in k photos of the other class (Good 1950), among portraits as among web faces. And "generated"
is said only from the LR on that at most 1 % of the real photos of each source reach.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from forensics.refusal import Refusal
from forensics.saving import write_at_once

CONCLUSIVE = 1.0  # |log10 LR| under this is inconclusive: evidence less than 10 times likelier either way
ACCUSED = 0.01  # of real photos of any one source: more may not be called generated
SEAL = "sha256"  # in the file: of all numbers, so that none of them changes unseen
RIDGE = 1e-3  # on standardised slopes: keeps the fit finite when a detector separates perfectly


@dataclass(frozen=True)
class Line:
    """One detector's part: log10 LR = slope · score + offset. `n` = calibration photos it scored."""

    slope: float
    offset: float
    n: int

    def __call__(self, score: float) -> float:
        return self.slope * score + self.offset

    def __bool__(self) -> bool:
        """Whether it weighs anything: a detector that was worthless on the calibration photos does not."""
        return self.slope != 0


@dataclass(frozen=True)
class Domain:
    """What the calibration photos were like. Outside it no claim is made. Sizes in pixels.

    There is no upper bound: larger faces are examined at the largest size that was validated (view.py).
    """

    min_side: int  # of the photo's shorter side
    min_face: int | None  # face height, chin to brow line; None: photos without a face

    def outside(self, width: int, height: int, face: int | None) -> str | None:
        """Why a photo is outside, or None. `face` = height of the largest face, None = no face."""
        if face is None and self.min_face is not None:
            return "no face was found, and only faces were validated"
        if min(width, height) < self.min_side:
            return f"the photo is {width}x{height} px; at least {self.min_side} px a side were validated"
        if face is not None and face < (self.min_face or 0):
            return f"the largest face is {face} px high; at least {self.min_face} px were validated"
        return None


@dataclass(frozen=True)
class Calibration:
    """How much each score is worth, for which photos, and how much may be claimed at most."""

    lines: Mapping[str, Line]
    domain: Domain
    n_real: int
    n_fake: int
    conflict: float  # the largest disagreement (log10 units) seen on calibration photos
    makers: tuple[str, ...] = ()  # generators it was fitted on: "not generated" means not by one of these
    support: tuple[float, float] | None = None  # effective numbers of reals and fakes, as weighted in the fit
    about: Mapping[str, object] = field(default_factory=dict)  # corpora, date, seed, hashes
    accuse: float = CONCLUSIVE  # log10 LR from which "generated" is said; see `accusing`
    others: Calibration | None = None  # the same for photos without a face; None: they were not validated

    def of(self, face: bool) -> Calibration:
        """The part for photos with a face, or without one; where that was not validated, the one that says so."""
        return self if face or self.others is None else self.others

    @property
    def ceiling(self) -> float:
        """Largest log10 LR for "generated": n reals without a false alarm bound its rate near 3/n."""
        return math.log10(max((self.support or (self.n_real, 0))[0] / 3, 1))

    @property
    def floor(self) -> float:
        """Lowest log10 LR (for "camera"), bounded in the same way by the number of fakes."""
        return -math.log10(max((self.support or (0, self.n_fake))[1] / 3, 1))

    def part(self, detector: str, score: float | None) -> float | None:
        """A detector's share of the log10 LR, within what the validation set can support."""
        line = self.lines.get(detector)
        if score is None or not line:
            return None
        return float(np.clip(line(score), self.floor, self.ceiling))

    def total(self, scores: Mapping[str, float | None]) -> float | None:
        """log10 LR of all scores together; None when every detector was silent."""
        parts = [self.lines[name](s) for name, s in scores.items() if s is not None and self.lines.get(name)]
        return float(np.clip(sum(parts), self.floor, self.ceiling)) if parts else None

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {**asdict(self), SEAL: self.sha256}
        text = json.dumps(told, indent=2, sort_keys=True, default=str) + "\n"
        write_at_once(path, text)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Raises Refusal for a file that holds no calibration, or other numbers than were saved."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            seal = values.pop(SEAL, None)  # early ones had none
            found = cls.of_values(values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(
                f"{path} holds no calibration ({error!r}); `forensics detector calibrate` makes one"
            ) from None
        if seal not in (None, found.sha256):
            raise Refusal(f"{path} was changed since it was written (its {SEAL} is another); restore it")
        return found

    @classmethod
    def of_values(cls, values: dict) -> Calibration:
        values["lines"] = {name: Line(**line) for name, line in values["lines"].items()}
        values["domain"] = Domain(**values["domain"])
        values["makers"] = tuple(values.get("makers", ()))
        values["support"] = tuple(values["support"]) if values.get("support") else None
        values["others"] = cls.of_values(values["others"]) if values.get("others") else None
        return cls(**values)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, default=str).encode()).hexdigest()


def disagreement(parts: Sequence[float]) -> float:
    """How far detectors contradict each other: the weaker of the two camps, in log10 units."""
    return min(sum(p for p in parts if p > 0), -sum(p for p in parts if p < 0))


def fit(
    names: Sequence[str],
    scores: np.ndarray,
    fake: np.ndarray,
    domain: Domain,
    weight: np.ndarray | None = None,
    source: np.ndarray | None = None,
    makers: Sequence[str] = (),
    about: Mapping[str, object] | None = None,
) -> Calibration:
    """Fit lines for `names` jointly.

    scores: (N, D) float, NaN = silent. fake: (N,) bool. weight: (N,) photo weights within their
    class (to let each source count the same), default equal. source: (N,) names of where photos
    come from, each of which must bear the lines out; default one per class. makers: the generators
    of the fakes. Raises Refusal unless
    both classes are there.
    """
    fake = np.asarray(fake, dtype=bool)
    if fake.all() or not fake.any():
        raise Refusal(f"calibration needs both classes: {int((~fake).sum())} real, {int(fake.sum())} fake given")
    spoke = ~np.isnan(scores)
    count = np.maximum(spoke.sum(0), 1)
    mean = np.where(spoke, scores, 0).sum(0) / count
    spread = np.sqrt(np.where(spoke, (scores - mean) ** 2, 0).sum(0) / count) + 1e-9
    weight = np.ones(len(fake)) if weight is None else np.asarray(weight, dtype=float)
    standard = (scores - mean) / spread  # (N, D), silent = NaN
    neutral = np.array(
        [neutral_score(column[s], fake[s], weight[s]) for column, s in zip(standard.T, spoke.T, strict=True)]
    )
    slopes = logistic(np.where(spoke, standard - neutral, 0.0), fake, weight, scores.shape[1]) / math.log(10) / spread
    offsets = -slopes * (mean + neutral * spread)
    raw = np.where(spoke, slopes * np.where(spoke, scores, 0) + offsets, 0).sum(1)
    shrink = honest_factor(raw, fake, np.zeros(len(fake)) if source is None else np.asarray(source))
    lines = {
        name: Line(float(slopes[i] * shrink), float(offsets[i] * shrink), int(spoke[:, i].sum()))
        for i, name in enumerate(names)
    }
    support = effective(weight[~fake]), effective(weight[fake])
    fitted = Calibration(lines, domain, int((~fake).sum()), int(fake.sum()), 0.0, tuple(makers), support)
    spoken = ([fitted.part(n, s) for n, s in zip(names, row, strict=True) if not np.isnan(s)] for row in scores)
    parts = ([part for part in its if part is not None] for its in spoken)
    return replace(fitted, conflict=float(max(map(disagreement, parts))), about={**(about or {}), "shrink": shrink})


def effective(weight: np.ndarray) -> float:
    """How many equally weighted photos weighted ones are worth (Kish 1965): (Σw)² / Σw²."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def neutral_score(scores: np.ndarray, fake: np.ndarray, weight: np.ndarray) -> float:
    """The score that is worth nothing, from a detector's own photos: to speak at all is no evidence then.

    Were the offset fitted jointly, "this detector could speak" would count as a trace of whichever class has
    the larger faces in this set of photos.
    """
    if fake.all() or not fake.any():
        return float(scores.mean()) if len(scores) else 0.0
    slope, offset = logistic(np.stack([scores, np.ones(len(scores))], 1), fake, weight, 1)
    if slope < RIDGE:  # worthless: any point between the classes will do
        return float((scores[fake].mean() + scores[~fake].mean()) / 2)
    return float(-offset / slope)


def logistic(design: np.ndarray, fake: np.ndarray, weight: np.ndarray, positive: int) -> np.ndarray:
    """Coefficients (natural log-odds) of a design (N, K), both classes of the same weight; the first are ≥ 0."""
    from scipy.optimize import minimize  # half a second to import, and only fitting needs it

    weight = np.where(fake, weight / weight[fake].sum(), weight / weight[~fake].sum()) / 2
    sign = np.where(fake, 1.0, -1.0)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (design @ theta)
        value = (weight * np.logaddexp(0, -margin)).sum() + 0.5 * RIDGE * (theta**2).sum()
        slope = -(weight * sign / (1 + np.exp(np.clip(margin, -500, 500)))) @ design
        return value, slope + RIDGE * theta

    bounds = [(0, None)] * positive + [(None, None)] * (design.shape[1] - positive)
    return minimize(loss, np.zeros(design.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B").x


def honest_factor(log10_lr: np.ndarray, fake: np.ndarray, source: np.ndarray) -> float:
    """The largest factor ≤ 1 under which no source breaks P(LR ≥ k | other class) ≤ 1/k, for any k ≥ 10.

    Of n photos of one source, let the i-th most misleading have log10 LR = L. Then i/n ≤ 10^(-factor · L)
    must hold, so factor ≤ log10(n/i) / L. Only L > 1 counts: less is inconclusive anyway.
    """
    factor = 1.0
    for wrong_way, members in ((log10_lr, ~fake), (-log10_lr, fake)):
        for name in np.unique(source[members]):
            worst = np.sort(wrong_way[members & (source == name)])[::-1]
            allowed = np.log10(len(worst) / np.arange(1, len(worst) + 1))
            # Where even one photo in n is too many to say 10, staying inconclusive is enough.
            bounds = np.maximum(allowed, 0.999 * CONCLUSIVE)[worst > CONCLUSIVE] / worst[worst > CONCLUSIVE]
            factor = min(factor, float(bounds.min(initial=1.0)))
    return factor


def accusing(log10_lr: np.ndarray, source: np.ndarray) -> float:
    """The least log10 LR ≥ 1 that at most 1 % of the real photos of each source reach, to two digits.

    log10_lr: (N,) of real photos, each by a calibration that it had no part in; source: (N,) where they come from.
    """
    least = CONCLUSIVE
    for name in np.unique(source):
        worst = np.sort(log10_lr[source == name])[::-1]
        first_too_many = worst[int(len(worst) * ACCUSED)]
        if first_too_many >= least:
            least = math.floor(first_too_many * 100 + 1) / 100
    return least


def separates(scores: np.ndarray, fake: np.ndarray) -> bool:
    """Whether scores (N,) tell the classes apart at all: AUC over 0.5 by 1.96 standard errors (Hanley & McNeil
    1982).
    """
    reals, fakes = np.sort(scores[~fake]), scores[fake]
    if not len(reals) or not len(fakes):
        return False
    below = (np.searchsorted(reals, fakes) + np.searchsorted(reals, fakes, "right")) / 2
    a = float(below.mean() / len(reals))
    spread = a * (1 - a) + (len(fakes) - 1) * (a / (2 - a) - a**2) + (len(reals) - 1) * (2 * a**2 / (1 + a) - a**2)
    return a - 1.96 * math.sqrt(max(spread, 0.0) / (len(reals) * len(fakes))) > 0.5
