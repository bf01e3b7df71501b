"""How good a cue is on photos that were not fitted: AUC of each maker against each domain, a history at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.frequency.histories import HISTORIES, Sample
from forensics.metrics import auc, interval, share

ROUNDS = 200  # of the bootstrap behind the intervals


def measures(tested: Sequence[Sample], scores: np.ndarray, seed: int) -> dict:
    """For each kind of history, one draw a photo: `measured`. Histories that lack a class are left out."""
    found = {}
    for draw, history in enumerate(HISTORIES):
        of = np.array([s.draw == draw for s in tested], dtype=bool)
        fakes = sum(s.fake for s, o in zip(tested, of, strict=True) if o)
        if 0 < fakes < of.sum():
            found[history] = measured([s for s, o in zip(tested, of, strict=True) if o], scores[of], seed)
    return found


def measured(tested: Sequence[Sample], scores: np.ndarray, seed: int) -> dict:
    """AUC of each maker against each domain, share of each source scored above 0: (value, low, high), 95 %; n."""
    source = np.array([s.source for s in tested])
    fake = np.array([s.fake for s in tested], dtype=bool)
    found: dict = {"auc": {}, "flagged_above_0": {}, "n": {}}
    for maker in sorted(set(source[fake].tolist())):
        found["auc"][maker] = {}
        for domain in sorted(set(source[~fake].tolist())):
            both = (fake & (source == maker)) | (~fake & (source == domain))
            values = interval(auc, scores[both], fake[both], rounds=ROUNDS, seed=seed)
            found["auc"][maker][domain] = [round(v, 3) for v in values]
    for name in sorted(set(source.tolist())):
        of = source == name
        found["n"][name] = int(of.sum())
        found["flagged_above_0"][name] = [round(v, 3) for v in share(int((scores[of] > 0).sum()), int(of.sum()))]
    return found
