"""Panel + photos that no detector was trained on → calibration: what each score is worth.

Photos of the split "calibration" are laundered and examined (examined.py), lines fitted to their scores
(weighing.py); the verdicts that follow are then tried on the split "test".
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from detectors.examined import Examined, measure
from detectors.weighing import counts, cross_fitted, figures, fit_others, fit_rows, judge, threshold, withheld
from forensics.calibration import Calibration
from forensics.corpus import Corpus
from forensics.evidence import Detector
from forensics.refusal import Refusal
from forensics.saving import write_at_once

FEWEST = 4  # photos a class; what so few support is next to nothing, and the ceiling says so


def calibrate(
    corpora: Sequence[Corpus], panel: Sequence[Detector], out: Path, seed: int = 0, rounds: int = 300
) -> tuple[Calibration, list[Examined]]:
    """Measure, fit, save `out/calibration.json`; the scores stay in `out/calibration.csv`.

    Raises Refusal when a class has fewer than 4 photos with a face and a score.
    """
    scorers = [detector for detector in panel if detector.scores]
    rows = list(measure(corpora, scorers, "calibration", out / "calibration.csv", seed))
    usable = [row for row in rows if row.face and row.scores]
    for label in ("real", "fake"):
        count = sum(row.label == label for row in usable)
        if count < FEWEST:
            total = sum(row.label == label for row in rows)
            raise Refusal(f"{count} of {total} {label} calibration photos have a usable face; {FEWEST} are needed")
    names = [detector.name for detector in scorers]
    others = [row for row in rows if row.scores and not row.face]
    tried = cross_fitted(usable, names)
    accuse = threshold(usable, tried)
    about = {
        "date": datetime.date.today().isoformat(),
        "seed": seed,
        "corpora": {corpus.root.name: corpus.sha256 for corpus in corpora},
        "weights": {detector.name: detector.weights for detector in scorers if detector.weights},
        "photos": counts(usable),
        "without_a_face": counts(others),
        "left_out": counts([row for row in rows if not row.scores]),
        "cross_fitted": figures(usable, [withheld(its, accuse) for its in tried], rounds),
    }
    calibration = replace(fit_rows(usable, names, about), accuse=accuse, others=fit_others(others, names))
    calibration.save(out / "calibration.json")
    return calibration, usable


def assess(
    corpora: Sequence[Corpus],
    panel: Sequence[Detector],
    calibration: Calibration,
    run: Path,
    seed: int = 0,
    rounds: int = 300,
) -> dict[str, object]:
    """Verdicts and scores on the split "test"; saved as `run/test.json`, and in the networks' cards."""
    from detectors.classifier.card import card
    from detectors.classifier.detector import Classifier

    scorers = [detector for detector in panel if detector.scores]
    rows = [row for row in measure(corpora, scorers, "test", run / "test.csv", seed) if row.face and row.scores]
    found = figures(rows, [judge(row, calibration) for row in rows], rounds)
    write_at_once(run / "test.json", json.dumps(found, indent=2) + "\n")
    for detector in scorers:
        if isinstance(detector, Classifier) and detector.weights:
            scored: dict[str, tuple[str, list[float]]] = {}
            for row in rows:
                if detector.name in row.scores:
                    scored.setdefault(row.source, (row.label, []))[1].append(row.scores[detector.name])
            weights = run / f"{detector.name}.safetensors"
            write_at_once(weights.with_suffix(".md"), card(weights, detector.weights, corpora, scored))
    return found
