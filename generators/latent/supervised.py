"""Directions that somebody labelled: seeds with and without a thing, and the normal of the plane that parts their w.

Shen et al. 2020, "Interpreting the Latent Space of GANs for Semantic Face Editing" (InterFaceGAN), section 3.2: a
linear SVM; logistic regression does the same with a smoother loss.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from forensics.metrics import auc, interval
from forensics.refusal import Refusal
from generators.latent.direction import NAME, Direction
from generators.latent.points import Point
from generators.latent.space import Space

LEAST = 10  # seeds of each kind: with fewer, any plane parts them
FOLDS = 5
SEED = re.compile(r"\d{1,18}")
YES, NO = {"1", "yes", "true"}, {"0", "no", "false"}
Model = Literal["logistic", "svm"]
Labels = dict[str, dict[int, bool]]  # thing → seed → whether its picture has it


def read_labels(path: Path) -> Labels:
    """A CSV file of columns seed and a thing each: 1 or 0, empty where nobody said.

    Raises Refusal for other columns and cells, for seeds told in two ways, and for things with fewer than 10 seeds
    of a kind.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            reader.fieldnames = columns = [name.strip() for name in reader.fieldnames or ()]
            labels: Labels = {name: {} for name in columns if name != "seed"}
            if "seed" not in columns or not labels:
                raise Refusal(f"{path}: columns must be seed and one or more things, e.g. seed,smiles")
            if len(set(columns)) < len(columns):
                raise Refusal(f"{path}: two columns have one name; rename one")
            for row in reader:
                seed, line = (row["seed"] or "").strip(), f"{path}, line {reader.line_num}"
                for name, seeds in labels.items():
                    cell = (row[name] or "").strip().lower()
                    if not SEED.fullmatch(seed) or cell not in {*YES, *NO, ""}:
                        raise Refusal(f"{line}: give a seed, and 1, 0 or nothing for each thing")
                    has = cell in YES
                    if cell and seeds.setdefault(int(seed), has) != has:
                        raise Refusal(f"{line}: seed {seed} has {name} here, and elsewhere has not, or the reverse")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refusal(f"{path} cannot be read as CSV ({error})") from None
    for name, seeds in labels.items():
        if not NAME.fullmatch(name):
            raise Refusal(f"{path}: {name!r} is no name for a direction (letters, digits, spaces, . - _)")
        check(name, seeds)
    return labels


def check(name: str, seeds: dict[int, bool]) -> None:
    have = sum(seeds.values())
    if min(have, len(seeds) - have) < LEAST:
        raise Refusal(f"{name}: {have} seeds have it and {len(seeds) - have} don't; {LEAST} of each are needed")


def parted(
    space: Space,
    name: str,
    seeds: dict[int, bool],
    model: Model = "logistic",
    layers: Sequence[int] | None = None,
) -> Direction:
    """The direction from without to with.

    Tells how well it parts seeds that it was not fitted to (5 folds): AUC with its 95 % interval.
    Raises Refusal for fewer than 10 seeds of a kind, and for an unknown model.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    check(name, seeds)
    if model not in ("logistic", "svm"):
        raise Refusal(f"model {model!r}: must be logistic or svm")
    w = torch.stack([space.w(Point(f"seed {seed}", seed))[0] for seed in seeds]).double().cpu().numpy()  # (n, W)
    has = np.array(list(seeds.values()))
    plane = LogisticRegression(C=0.1, max_iter=2000) if model == "logistic" else LinearSVC(C=0.01, random_state=0)
    pipeline = make_pipeline(StandardScaler(), plane)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    told = cross_val_predict(pipeline, w, has, cv=folds, method="decision_function")
    value, low, high = interval(auc, told, has)
    pipeline.fit(w, has)
    scaler, fitted = pipeline[0], pipeline[-1]
    normal = torch.from_numpy(fitted.coef_[0] / scaler.scale_)
    where = None if layers is None else tuple(layers)
    about = {"auc": value, "auc_95": [low, high], "n": len(seeds), "have": int(has.sum())}
    return Direction.along(name, normal, space, where, method=model, **about)
