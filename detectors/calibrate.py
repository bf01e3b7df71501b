"""Panel + photos that no detector was trained on → calibration: what each score is worth.

Each photo of the split "calibration" is laundered once, both classes in the same way, and examined by the
detectors that give scores. Scores are kept as they come; an interrupted run goes on. The lines are fitted
with every source (domain of real photos, maker of fakes) weighing the same within its class. How good the
result is, is measured by cross-fitting: five folds by group, each judged by lines that never saw it. Photos
with a face and photos without one have lines of their own, where there are enough of both classes.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

import forensics
from forensics import laundering
from forensics.calibration import Calibration, Domain, fit
from forensics.corpus import Corpus, Entry
from forensics.evidence import Detector, Evidence
from forensics.face import largest_face
from forensics.metrics import auc, cllr, ece, interval, share
from forensics.photo import Photo, UnreadableImage
from forensics.refusal import Refusal
from forensics.saving import write_at_once
from forensics.verdict import Conclusion, weigh
from forensics.view import LARGEST_FACE, at_known_size

FOLDS = 5
ONCE = 0.4  # share of photos encoded once at their size; the others were re-posted
SCALES = (0.5, 1.0)  # of one re-posting
FEWEST = 4  # photos a class; what so few support is next to nothing, and the ceiling says so
LEAST = 10  # photos of a source that speaks for itself


@dataclass(frozen=True)
class Examined:
    """One laundered photo and what the panel scored. Sizes are those at which it was seen; `face` 0 = none."""

    photo: str
    label: str
    source: str  # domain of a real photo, maker of a fake
    group: str
    width: int
    height: int
    face: int
    scores: dict[str, float]  # without the silent ones

    @property
    def fake(self) -> bool:
        return self.label == "fake"


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
    about = {
        "date": datetime.date.today().isoformat(),
        "seed": seed,
        "corpora": {corpus.root.name: corpus.sha256 for corpus in corpora},
        "weights": {detector.name: detector.weights for detector in scorers if detector.weights},
        "photos": counts(usable),
        "without_a_face": counts(others),
        "left_out": counts([row for row in rows if not row.scores]),
        "cross_fitted": figures(usable, cross_fitted(usable, names), rounds),
    }
    calibration = replace(fit_rows(usable, names, about), others=fit_others(others, names))
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
    """Verdicts and scores on the split "test"; saved as `run/test.json`, and in the classifier's card."""
    from detectors.classifier.card import card

    scorers = [detector for detector in panel if detector.scores]
    rows = [row for row in measure(corpora, scorers, "test", run / "test.csv", seed) if row.face and row.scores]
    found = figures(rows, [judge(row, calibration) for row in rows], rounds)
    write_at_once(run / "test.json", json.dumps(found, indent=2) + "\n")
    for detector in scorers:
        if detector.name == "classifier" and detector.weights:
            scored: dict[str, tuple[str, list[float]]] = {}
            for row in rows:
                if detector.name in row.scores:
                    scored.setdefault(row.source, (row.label, []))[1].append(row.scores[detector.name])
            weights = run / "classifier.safetensors"
            write_at_once(weights.with_suffix(".md"), card(weights, detector.weights, corpora, scored))
    return found


def measure(
    corpora: Sequence[Corpus], scorers: Sequence[Detector], split: str, store: Path, seed: int = 0
) -> Iterator[Examined]:
    """Examine each photo of a split once, laundered; what is in `store` is not examined again."""
    from rich.console import Console
    from rich.progress import track

    scored_by = [(detector.name, detector.weights) for detector in scorers]
    identity = repr((forensics.__version__, "faces and others", seed, split, ONCE, SCALES, LARGEST_FACE, scored_by))
    known = read_store(store)
    todo = [(key_of(identity, c, entry), c, entry) for c in corpora for entry in c.where(split=split)]
    store.parent.mkdir(parents=True, exist_ok=True)
    with open(store, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        fresh = any(key not in known for key, _, _ in todo)
        for key, corpus, entry in track(todo, "examining", console=Console(stderr=True), disable=not fresh):
            if key not in known:
                row = examine(corpus, entry, scorers, seed)
                scores = ";".join(f"{name}={value!r}" for name, value in row.scores.items())
                writer.writerow([key, *(getattr(row, f.name) for f in fields(Examined)[:-1]), scores])
                file.flush()
                known[key] = row
            yield known[key]


def key_of(identity: str, corpus: Corpus, entry: Entry) -> str:
    """What a row depends on: who scored how, the manifest's line, and the file as it is now."""
    path = corpus.path(entry)
    stat = path.stat() if path.exists() else None
    file = stat and (stat.st_size, stat.st_mtime_ns)
    return hashlib.sha256(repr((identity, str(path), entry, file)).encode()).hexdigest()[:16]


def read_store(store: Path) -> dict[str, Examined]:
    """Rows by their key. A replaced photo, other weights or another manifest line has another key."""
    known: dict[str, Examined] = {}
    if not store.exists():
        return known
    with open(store, newline="", encoding="utf-8") as file:
        for line in csv.reader(file):
            if len(line) != 9:
                continue  # cut off
            scores = {n: float(v) for n, v in (part.split("=") for part in line[8].split(";") if part)}
            known[line[0]] = Examined(*line[1:5], *map(int, line[5:8]), scores)
    return known


def examine(corpus: Corpus, entry: Entry, scorers: Sequence[Detector], seed: int) -> Examined:
    source = (entry.domain or corpus.root.name) if entry.label == "real" else entry.maker
    told = (str(corpus.path(entry)), entry.label, source, entry.group or entry.path)
    try:
        pixels = Photo.open(corpus.path(entry)).pixels
    except UnreadableImage:
        return Examined(*told, 0, 0, 0, {})
    photo = Photo.from_pixels(laundered(pixels, f"{seed} {entry.sha256 or entry.path}"))
    seen = at_known_size(photo)
    face = largest_face(seen)
    found = ((detector.name, detector.examine(photo).score) for detector in scorers)
    scores = {name: float(score) for name, score in found if score is not None}
    return Examined(*told, seen.width, seen.height, face.height if face else 0, scores)


def laundered(pixels: np.ndarray, key: str) -> np.ndarray:
    """A photo after a history that depends on `key` only: encoded once, or re-posted one to three times."""
    rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
    if rng.random() < ONCE:
        return laundering.jpeg(pixels, int(rng.integers(70, 97)))
    return laundering.history(pixels, rng, SCALES)


def fit_rows(rows: Sequence[Examined], names: Sequence[str], about: dict[str, object] | None = None) -> Calibration:
    """Lines for `names`: sources weigh alike, and each must bear the lines out (see forensics.calibration)."""
    scores = np.array([[row.scores.get(name, math.nan) for name in names] for row in rows])
    fake = np.array([row.fake for row in rows])
    sources = np.array(with_the_large([f"{row.label}: {row.source}" for row in rows]))
    each = {source: (sources == source).sum() for source in set(sources)}
    weight = np.array([1 / each[source] for source in sources])
    makers = sorted({row.source for row in rows if row.fake})
    return fit(names, scores, fake, domain_of(rows), weight, sources, makers, about)


def with_the_large(sources: Sequence[str]) -> list[str]:
    """Sources of fewer than 10 photos join the largest of their class: alone they prove nothing."""
    count = {source: sources.count(source) for source in sorted(set(sources))}
    largest = {
        label: max((s for s in count if s.startswith(label)), key=count.get, default="") for label in ("real", "fake")
    }
    return [source if count[source] >= LEAST else largest[source[:4]] for source in sources]


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
