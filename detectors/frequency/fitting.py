"""Fits frequency cues: laundered photos → numbers of each cue → logistic regression → NAME.safetensors.

Both classes pass through the same random histories. What JPEG steps are expected to add is taken off first.
Every domain of real photos weighs the same, every maker of fakes too: a large corpus does not drown a small
one. And at each size of face both classes weigh the same: where fakes come larger than real photos, "sharp
and large" is no trace, nor is having been shrunk to the size of known faces (`forensics.view`). The strength
of the ridge is the one that carries best to makers that were held out.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from detectors.frequency.card import card
from detectors.frequency.cue import LIMIT, Cue, Model
from detectors.frequency.histories import Recipe, Sample, all_rows, samples
from detectors.frequency.measures import measures
from detectors.frequency.region import LEAST
from forensics.corpus import Corpus
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once

RIDGES = (0.001, 0.003, 0.01, 0.03, 0.1)  # scikit-learn's C: larger = freer
FOLDS = 5
STIFF = 1e-3  # keeps the slopes finite where all photos have the same steps


def fit(
    cues: Sequence[type[Cue]],
    real: Sequence[Corpus],
    fake: Sequence[Corpus],
    out: Path,
    seed: int = 0,
    recipe: Recipe | None = None,
) -> tuple[Path, ...]:
    """Fit on the split "train", measure on "test", write `out/NAME.safetensors` a cue; beside it a report and a card.

    Interrupted, it goes on where it stopped: what was measured so far is kept in `out` until the end.
    Raises Refusal when a class has fewer than 4 training photos that can be measured.
    """
    out, recipe, corpora = Path(out), recipe or Recipe(seed), (*real, *fake)
    out.mkdir(parents=True, exist_ok=True)
    train, test = (samples(corpora, split, recipe) for split in ("train", "test"))
    store = out / "frequency.npz"
    measured = all_rows(cues, train + test, store, recipe)
    about = {"recipe": asdict(recipe), "corpora": {c.root.name: c.sha256 for c in corpora}}
    paths = tuple(fit_cue(cue, rows, train, test, out, about) for cue, rows in zip(cues, measured, strict=True))
    store.unlink(missing_ok=True)
    return paths


def fit_cue(
    cue: type[Cue], rows: np.ndarray, train: Sequence[Sample], test: Sequence[Sample], out: Path, about: dict
) -> Path:
    """One cue from the (N, 2K + 2) rows of all samples: weights, report and card."""
    used, tested = usable(rows[: len(train)], train), usable(rows[len(train) :], test)
    kept, told = ([s for s, m in zip(part, mask, strict=True) if m] for part, mask in ((train, used), (test, tested)))
    for label, wanted in (("real", False), ("fake", True)):
        n = len({s.path for s in kept if s.fake == wanted})
        if n < 4:
            raise Refusal(
                f"{n} {label} training photos could be measured; at least 4 of {LEAST} px a side are needed"
            )
    fitting, testing = rows[: len(train)][used], rows[len(train) :][tested]
    model, chosen = fit_model(fitting, kept)
    about = {**about, "features": cue.method, "train": counts(kept), **chosen}
    path = out / f"{cue.name}.safetensors"
    write(path, model, about)
    cue.load(out)  # what was written can be read
    report = about | {
        "name": cue.name,
        "date": datetime.date.today().isoformat(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licences": sorted({s.entry.licence for s in kept if s.entry.licence}),
        "test": measures(told, scores(model, testing), about["recipe"]["seed"]),
        "unseen": unseen(fitting, kept, testing, told, chosen["C"], about["recipe"]["seed"]),
    }
    write_at_once(out / f"{cue.name}.json", json.dumps(report, indent=2) + "\n")
    write_at_once(out / f"{cue.name}.md", card(report))
    return path


def usable(rows: np.ndarray, its: Sequence[Sample]) -> np.ndarray:
    """(N,) bool: measured; and on a face, where both classes have such photos: scenes are of one class only."""
    told = ~np.isnan(rows).any(1)
    fake = np.array([s.fake for s in its], dtype=bool)
    face = told & (rows[:, -1] == 1)
    return face if (face & fake).any() and (face & ~fake).any() else told


def scores(model: Model, rows: np.ndarray) -> np.ndarray:
    values, steps = np.split(rows[:, :-2], 2, axis=1)
    return np.array([model.score(level) for level in model.levels(values, steps)])


def unseen(
    fitting: np.ndarray, kept: Sequence[Sample], testing: np.ndarray, told: Sequence[Sample], c: float, seed: int
):
    """What `measures` finds for each maker by a model that was fitted without it; empty where there is only one."""
    found: dict = {}
    makers = sorted({s.source for s in kept if s.fake})
    for maker in makers if len(makers) > 1 else ():
        rest = np.array([not (s.fake and s.source == maker) for s in kept])
        model = regression(fitting[rest], [s for s, r in zip(kept, rest, strict=True) if r], c)
        mine = np.array([not s.fake or s.source == maker for s in told], dtype=bool)
        if mine.any():
            its = measures([s for s, m in zip(told, mine, strict=True) if m], scores(model, testing[mine]), seed)
            for history, line in its.items():
                found.setdefault(history, {}).update(line["auc"])
    return found


def fit_model(rows: np.ndarray, kept: Sequence[Sample]) -> tuple[Model, dict]:
    """The model of (N, 2K + 2) rows, and how its strength was chosen: by AUC on what `held_out` holds out."""
    from sklearn.metrics import roc_auc_score

    fake, weight = np.array([s.fake for s in kept]), balance(kept, rows[:, -2])
    scored: dict[float, float] = {}
    for c in RIDGES:
        found = []
        for rest, other in held_out(kept):
            if (
                0 < fake[rest].sum() < rest.sum()
                and 0 < (fake & other & (weight > 0)).sum() < (other & (weight > 0)).sum()
            ):
                model = regression(rows[rest], [s for s, r in zip(kept, rest, strict=True) if r], c)
                found.append(roc_auc_score(fake[other], scores(model, rows[other]), sample_weight=weight[other]))
        scored[c] = float(np.mean(found)) if found else 0.5
    best = max(scored, key=lambda c: (round(scored[c], 3), -c))  # of equals the stiffest
    return regression(rows, kept, best), {"C": best, "held_out_auc": {str(c): round(v, 4) for c, v in scored.items()}}


def held_out(kept: Sequence[Sample]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(fitted on, tried on), each (N,) bool: one maker and a fold of the real photos are tried by a fit without them.

    Where there is one maker only, folds of both classes.
    """
    fake, fold = np.array([s.fake for s in kept]), folds_of([s.entry.group or str(s.path) for s in kept])
    source = np.array([s.source for s in kept])
    makers = sorted(set(source[fake].tolist()))
    if len(makers) < 2:
        yield from ((fold != n, fold == n) for n in range(FOLDS))
    else:
        for n, maker in enumerate(makers):
            its = np.where(fake, source == maker, fold == n % FOLDS)
            yield ~its, its


def regression(rows: np.ndarray, kept: Sequence[Sample], c: float) -> Model:
    """The model of (N, 2K + 2) rows at one strength: slopes over JPEG steps, logistic regression, bands."""
    from sklearn.linear_model import LogisticRegression

    fake, weight = np.array([s.fake for s in kept]), balance(kept, rows[:, -2])
    values, steps = np.split(rows[:, :-2].astype(np.float64), 2, axis=1)
    slopes = slopes_of(values, steps, weight)
    levels = values - slopes[0] * steps - slopes[1] * steps**2
    mean = np.average(levels, axis=0, weights=weight)
    scale = np.sqrt(np.average((levels - mean) ** 2, axis=0, weights=weight)) + 1e-3
    z = np.clip((levels - mean) / scale, -LIMIT, LIMIT)
    design, own = np.concatenate([z, z**2], axis=1), weight > 0
    fitted = LogisticRegression(C=c, max_iter=5000).fit(design[own], fake[own], sample_weight=weight[own])
    weights, square_weights = fitted.coef_[0].reshape(2, -1)
    bands = {name: bands_of(levels[fake == it], weight[fake == it]) for name, it in (("real", False), ("fake", True))}
    found = {
        "mean": mean, "scale": scale, "weights": weights, "square_weights": square_weights, "bias": fitted.intercept_,
        "slopes": slopes,
        **{f"{label}_{what}": line for label, lines in bands.items() for what, line in lines.items()},
    }  # fmt: skip
    return Model(**{name: np.asarray(v, dtype=np.float32) for name, v in found.items()})


def slopes_of(values: np.ndarray, steps: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(2, K): how each value (N, K) goes with log2 of its JPEG step (N, K) and its square, in both classes."""
    design = np.stack([np.ones_like(steps), steps, steps**2], 2).transpose(1, 2, 0)  # (K, 3, N)
    weighted = design * weight
    stiff = STIFF * weight.sum() * np.diag([0.0, 1.0, 1.0])
    found = np.linalg.solve(weighted @ design.transpose(0, 2, 1) + stiff, weighted @ values.T[:, :, None])
    return found[:, 1:, 0].T


def balance(kept: Sequence[Sample], heights: np.ndarray) -> np.ndarray:
    """(N,) weights, mean 1: in a class each source alike, then in each quarter octave of height both classes alike.

    Steps that only one class reaches weigh nothing; if none is shared, heights are not looked at.
    """
    number: dict[tuple[bool, str], int] = {}
    for s in kept:
        number[s.fake, s.source] = number.get((s.fake, s.source), 0) + 1
    sources = {it: sum(1 for fake, _ in number if fake == it) for it in (False, True)}
    fake = np.array([s.fake for s in kept])
    weight = np.array([1 / (sources[s.fake] * number[s.fake, s.source]) for s in kept])
    octave = np.floor(4 * np.log2(heights)).astype(int)  # quarters of one: 215-256 px holds what was shrunk to 224
    matched = np.zeros(len(kept))
    for step in np.unique(octave):
        real_part, fake_part = ((octave == step) & (fake == it) for it in (False, True))
        least = min(weight[real_part].sum(), weight[fake_part].sum())
        for part in (real_part, fake_part) if least > 0 else ():
            matched[part] = weight[part] * least / weight[part].sum()
    weight = matched if matched.any() else weight
    return weight / weight.mean()


def folds_of(groups: Sequence[str]) -> np.ndarray:
    """(N,) a fold for each photo, the same for all of one group and on every machine."""
    return np.array([zlib.crc32(group.encode()) % FOLDS for group in groups])


def bands_of(levels: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Weighted mean, and the levels under which a tenth and nine tenths lie: each (K,)."""
    low, high = (quantile(levels, weight, q) for q in (0.1, 0.9))
    return {"mean": np.average(levels, axis=0, weights=weight), "low": low, "high": high}


def quantile(values: np.ndarray, weight: np.ndarray, q: float) -> np.ndarray:
    """(K,): the value in each column of (N, K) under which a share `q` of the weights (N,) lies."""
    order = np.argsort(values, axis=0)
    below = np.cumsum(weight[order], axis=0) / weight.sum()
    row = np.minimum((below < q).sum(0), len(values) - 1)
    columns = np.arange(values.shape[1])
    return values[order[row, columns], columns]


def counts(kept: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """Photos (not draws) a source."""
    found: dict[str, dict[str, set[Path]]] = {"real": {}, "fake": {}}
    for s in kept:
        found[s.entry.label].setdefault(s.source, set()).add(s.path)
    return {label: {source: len(paths) for source, paths in sources.items()} for label, sources in found.items()}


def write(path: Path, model: Model, about: dict) -> None:
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(value) for name, value in asdict(model).items() if value is not None}
    with at_once(path) as part:
        part.write_bytes(save(tensors, {"about": json.dumps(about, sort_keys=True)}))
