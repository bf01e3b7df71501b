"""Fits the spectrum detector: laundered photos → 32 levels each → logistic regression → spectrum.safetensors.

Both classes pass through the same random histories. Every domain of real photos weighs the same,
every maker of fakes too: a large corpus does not drown a small one. And at each size of face both
classes weigh the same: where fakes come larger than real photos, "sharp and large" is no trace.
The strength of the ridge is chosen by cross-validation over groups (persons, source pictures).
"""

from __future__ import annotations

import datetime
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from detectors.frequency.card import card
from detectors.frequency.histories import HISTORIES, Recipe, Sample, all_levels, samples
from detectors.frequency.spectrum import BLOCK, LIMIT, Model, Spectrum
from forensics.corpus import Corpus
from forensics.metrics import auc, interval, share
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once

RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # scikit-learn's C: larger = freer
ROUNDS = 300  # of the bootstrap behind the intervals


def fit(real: Sequence[Corpus], fake: Sequence[Corpus], out: Path, seed: int = 0) -> Path:
    """Fit on the split "train", measure on "test", write `out/spectrum.safetensors`; beside it a report and a card.

    Interrupted, it goes on where it stopped: levels measured so far are kept in `out` until the end.
    Raises Refusal when a class has fewer than 4 training photos that can be measured.
    """
    out, recipe = Path(out), Recipe(seed)
    out.mkdir(parents=True, exist_ok=True)
    corpora = (*real, *fake)
    train = samples(corpora, "train", recipe)
    test = samples(corpora, "test", recipe)
    store = out / "spectrum.levels.npz"
    rows = all_levels(train + test, store, recipe)
    levels, heights = rows[:, :-1], rows[:, -1]
    told = ~np.isnan(rows).any(1)
    used = told[: len(train)]
    kept = [s for s, m in zip(train, used, strict=True) if m]
    for label, wanted in (("real", False), ("fake", True)):
        n = len({s.path for s in kept if s.fake == wanted})
        if n < 4:
            raise Refusal(
                f"{n} {label} training photos could be measured; at least 4 of {BLOCK} px a side are needed"
            )
    model, chosen = fit_model(levels[: len(train)][used], heights[: len(train)][used], kept)
    tested = [s for s, m in zip(test, told[len(train) :], strict=True) if m]
    scores = np.array([model.score(row) for row in levels[len(train) :][told[len(train) :]]])
    about = {
        "recipe": asdict(recipe),
        "features": "32 levels (dB) of the median residual's radial spectrum, and their squares",
        "corpora": {c.root.name: c.sha256 for c in corpora},
        "train": counts(kept),
        **chosen,
    }
    path = out / "spectrum.safetensors"
    write(path, model, about)
    report = about | {
        "date": datetime.date.today().isoformat(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licences": sorted({s.entry.licence for s in kept if s.entry.licence}),
        "test": measures(tested, scores, seed),
    }
    write_at_once(out / "spectrum.json", json.dumps(report, indent=2) + "\n")
    write_at_once(out / "spectrum.md", card(report))
    store.unlink(missing_ok=True)
    return path


def fit_model(levels: np.ndarray, heights: np.ndarray, kept: Sequence[Sample]) -> tuple[Model, dict]:
    """The regression on (N, 32) levels of areas (N,) px high, and how its strength was chosen."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    fake = np.array([s.fake for s in kept])
    weight = balance(kept, heights)
    mean = np.average(levels, axis=0, weights=weight)
    scale = np.sqrt(np.average((levels - mean) ** 2, axis=0, weights=weight)) + 1e-3
    z = np.clip((levels - mean) / scale, -LIMIT, LIMIT)
    design = np.concatenate([z, z**2], axis=1)

    def regression(c: float, rows: np.ndarray) -> LogisticRegression:
        return LogisticRegression(C=c, max_iter=5000).fit(design[rows], fake[rows], sample_weight=weight[rows])

    folds = folds_of([s.entry.group or str(s.path) for s in kept])
    scored: dict[float, float] = {}
    for c in RIDGES:
        held_out = np.full(len(kept), np.nan)
        for fold in np.unique(folds):
            rest = folds != fold
            if fake[rest].any() and not fake[rest].all():
                held_out[~rest] = regression(c, rest).decision_function(design[~rest])
        seen = ~np.isnan(held_out)
        both = 0 < fake[seen].sum() < seen.sum()
        scored[c] = float(roc_auc_score(fake[seen], held_out[seen], sample_weight=weight[seen])) if both else 0.5
    best = max(scored, key=lambda c: (round(scored[c], 3), -c))  # of equals the stiffest
    fitted = regression(best, np.ones(len(kept), dtype=bool))
    weights, square_weights = fitted.coef_[0].reshape(2, -1)
    bands = {name: bands_of(levels[fake == it], weight[fake == it]) for name, it in (("real", False), ("fake", True))}
    values = {
        "mean": mean, "scale": scale, "weights": weights, "square_weights": square_weights, "bias": fitted.intercept_,
        **{f"{label}_{what}": line for label, lines in bands.items() for what, line in lines.items()},
    }  # fmt: skip
    model = Model(**{name: np.asarray(v, dtype=np.float32) for name, v in values.items()})
    return model, {"C": best, "cv_auc": {str(c): round(v, 4) for c, v in scored.items()}}


def balance(kept: Sequence[Sample], heights: np.ndarray) -> np.ndarray:
    """(N,) weights, mean 1: within a class each source alike, then in each half octave of height both classes alike.

    Steps that only one class reaches weigh nothing; if none is shared, heights are not looked at.
    """
    number: dict[tuple[bool, str], int] = {}
    for s in kept:
        number[s.fake, s.source] = number.get((s.fake, s.source), 0) + 1
    sources = {it: sum(1 for fake, _ in number if fake == it) for it in (False, True)}
    fake = np.array([s.fake for s in kept])
    weight = np.array([1 / (sources[s.fake] * number[s.fake, s.source]) for s in kept])
    octave = np.floor(2 * np.log2(heights)).astype(int)  # halves of one
    matched = np.zeros(len(kept))
    for step in np.unique(octave):
        real_part, fake_part = ((octave == step) & (fake == it) for it in (False, True))
        least = min(weight[real_part].sum(), weight[fake_part].sum())
        for part in (real_part, fake_part) if least > 0 else ():
            matched[part] = weight[part] * least / weight[part].sum()
    weight = matched if matched.any() else weight
    return weight / weight.mean()


def folds_of(groups: Sequence[str], count: int = 5) -> np.ndarray:
    """(N,) a fold for each photo, the same for all of one group and on every machine."""
    return np.array([zlib.crc32(group.encode()) % count for group in groups])


def bands_of(levels: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Weighted mean, and the levels under which a tenth and nine tenths lie: each (32,) dB."""
    low, high = np.array([[quantile(column, weight, q) for column in levels.T] for q in (0.1, 0.9)])
    return {"mean": np.average(levels, axis=0, weights=weight), "low": low, "high": high}


def quantile(values: np.ndarray, weight: np.ndarray, q: float) -> float:
    order = np.argsort(values)
    below = np.cumsum(weight[order]) / weight.sum()
    return float(values[order[min(np.searchsorted(below, q), len(values) - 1)]])


def counts(kept: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """Photos (not draws) a source."""
    found: dict[str, dict[str, set[Path]]] = {"real": {}, "fake": {}}
    for s in kept:
        found[s.entry.label].setdefault(s.source, set()).add(s.path)
    return {label: {source: len(paths) for source, paths in sources.items()} for label, sources in found.items()}


def measures(tested: Sequence[Sample], scores: np.ndarray, seed: int) -> dict:
    """On photos that were not fitted, for each kind of history with one draw a photo: `measured`."""
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


def write(path: Path, model: Model, about: dict) -> None:
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(value) for name, value in asdict(model).items()}
    with at_once(path) as part:
        part.write_bytes(save(tensors, {"about": json.dumps(about, sort_keys=True)}))
    Spectrum.load(path.parent)  # what was written can be read
