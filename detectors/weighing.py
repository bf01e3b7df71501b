"""Scores of photos → lines: what each score is worth, and how well that held on photos the lines never saw.

Sources (domain of real photos, maker of fakes) weigh the same within their class. Cross-fitting: five folds by
group, each judged by lines that never saw it. Photos with a face and photos without one have lines of their own,
where there are enough of both classes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from detectors.examined import Examined
from forensics.calibration import Calibration, Domain, Line, accusing, fit, separates
from forensics.evidence import Evidence
from forensics.metrics import auc, cllr, ece, interval, share
from forensics.verdict import Conclusion, weigh

FOLDS = 5
LEAST = 10  # photos of a source that speaks for itself


def fit_rows(rows: Sequence[Examined], names: Sequence[str], about: dict[str, object] | None = None) -> Calibration:
    """Lines for `names`: sources weigh alike, and each must bear the lines out (see forensics.calibration).

    A detector whose scores do not tell the classes apart by themselves weighs nothing: beside a dozen others, chance
    would give it a weight.
    """
    scores = np.array([[row.scores.get(name, math.nan) for name in names] for row in rows])
    fake = np.array([row.fake for row in rows])
    sources = np.array(with_the_large([f"{row.label}: {row.source}" for row in rows]))
    each = {source: (sources == source).sum() for source in set(sources)}
    weight = np.array([1 / each[source] for source in sources])
    makers = sorted({row.source for row in rows if row.fake})
    speaks = [separates(column[~np.isnan(column)], fake[~np.isnan(column)]) for column in scores.T]
    spoke = (~np.isnan(scores)).sum(0)
    used = [name for name, its in zip(names, speaks, strict=True) if its] or list(names)
    columns = [names.index(name) for name in used]
    fitted = fit(used, scores[:, columns], fake, domain_of(rows), weight, sources, makers, about)
    worthless = {n: Line(0.0, 0.0, int(k)) for n, k in zip(names, spoke, strict=True) if n not in used}
    return replace(fitted, lines={**fitted.lines, **worthless})


def fit_others(rows: Sequence[Examined], names: Sequence[str]) -> Calibration | None:
    """Lines for photos without a face, from 10 of each class that somebody could score; None with fewer."""
    if min(sum(row.fake == fake for row in rows) for fake in (False, True)) < LEAST:
        return None
    spoke = [name for name in names if any(name in row.scores for row in rows)]
    return fit_rows(rows, spoke, {"photos": counts(rows), "cross_fitted": figures(rows, cross_fitted(rows, spoke))})


def domain_of(rows: Sequence[Examined]) -> Domain:
    """The sizes at which both classes were seen: a likelihood ratio needs both likelihoods."""
    kinds = [[row for row in rows if row.fake == fake] for fake in (False, True)]
    return Domain(
        min_side=max(reached([min(row.width, row.height) for row in kind]) for kind in kinds),
        min_face=max(reached([row.face for row in kind]) for kind in kinds) if all(r.face for r in rows) else None,
    )


def reached(sizes: Sequence[int]) -> int:
    """The smallest size that 10 photos are within; one odd photo validates nothing."""
    return sorted(sizes)[min(LEAST, len(sizes)) - 1]


def with_the_large(sources: Sequence[str]) -> list[str]:
    """Sources of fewer than 10 photos join the largest of their class: alone they prove nothing."""
    count = {source: sources.count(source) for source in sorted(set(sources))}
    largest = {
        label: max((s for s in count if s.startswith(label)), key=count.get, default="") for label in ("real", "fake")
    }
    return [source if count[source] >= LEAST else largest[source[:4]] for source in sources]


def cross_fitted(rows: Sequence[Examined], names: Sequence[str]) -> list[tuple[float | None, Conclusion]]:
    """log10 LR and conclusion of each photo, by a calibration fitted on the other folds."""
    fold = [int.from_bytes(hashlib.sha256(row.group.encode()).digest()[:4], "big") % FOLDS for row in rows]
    fitted = {}
    for number in set(fold):
        rest = [row for row, its in zip(rows, fold, strict=True) if its != number]
        if {row.fake for row in rest} == {False, True}:
            fitted[number] = fit_rows(rest, names)
    return [
        judge(row, fitted[its]) if its in fitted else (None, Conclusion.INCONCLUSIVE)
        for row, its in zip(rows, fold, strict=True)
    ]


def threshold(rows: Sequence[Examined], judged: Sequence[tuple[float | None, Conclusion]]) -> float:
    """From which log10 LR "generated" may be said (`accusing`); photos of which nothing is said do not count."""
    real = [i for i, row in enumerate(rows) if not row.fake]
    sources = np.array(with_the_large([f"real: {rows[i].source}" for i in real]))
    said = np.array([judged[i][0] if judged[i][1] is Conclusion.GENERATED else -math.inf for i in real])
    return accusing(said, sources)


def withheld(judged: tuple[float | None, Conclusion], accuse: float) -> tuple[float | None, Conclusion]:
    """A verdict by a calibration without that threshold, with it."""
    log10_lr, conclusion = judged
    if conclusion is Conclusion.GENERATED and log10_lr < accuse:
        return log10_lr, Conclusion.INCONCLUSIVE
    return judged


def judge(row: Examined, calibration: Calibration) -> tuple[float | None, Conclusion]:
    """What `inspect` would conclude from these scores."""
    evidence = [Evidence(name, score, "") for name, score in row.scores.items()]
    calibration = calibration.of(bool(row.face))
    outside = calibration.domain.outside(row.width, row.height, row.face or None)
    verdict = weigh(evidence, calibration, outside)
    return verdict.log10_lr, verdict.conclusion


def figures(
    rows: Sequence[Examined], judged: Sequence[tuple[float | None, Conclusion]], rounds: int = 300
) -> dict[str, object]:
    """Cllr, AUC and ECE over all; wrong and inconclusive shares of each source; with 95 % intervals.

    rounds: of the bootstrap.
    """
    value = np.array([0.0 if lr is None else lr for lr, _ in judged])
    fake = np.array([row.fake for row in rows])
    found: dict[str, object] = {
        "n": {"real": int((~fake).sum()), "fake": int(fake.sum())},
        "cllr": round(cllr(value, fake), 4),
        "ece": round(ece(value, fake), 4),
        "auc": [round(v, 4) for v in interval(auc, value, fake, rounds=rounds)],
        "auc_of_maker": {},
        "sources": {},
    }
    for source in sorted({row.source for row in rows}):
        mine = np.array([row.source == source for row in rows])
        ended = [end for (_, end), own in zip(judged, mine, strict=True) if own]
        its_label = "fake" if fake[mine].any() else "real"
        wrong = Conclusion.CAMERA if its_label == "fake" else Conclusion.GENERATED
        found["sources"][source] = {
            "label": its_label,
            "n": len(ended),
            "wrong": [round(v, 4) for v in share(ended.count(wrong), len(ended))],
            "inconclusive": [round(v, 4) for v in share(ended.count(Conclusion.INCONCLUSIVE), len(ended))],
        }
        if its_label == "fake":
            both = mine | ~fake
            found["auc_of_maker"][source] = [
                round(v, 4) for v in interval(auc, value[both], fake[both], rounds=rounds)
            ]
    return found


def counts(rows: Sequence[Examined]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[f"{row.label}: {row.source}"] = found.get(f"{row.label}: {row.source}", 0) + 1
    return dict(sorted(found.items()))
