"""Trains whatever is trained in the panel, from corpora of real photos and of fakes: one folder of weights."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import forensics
from forensics.corpus import Corpus
from forensics.refusal import Refusal

if TYPE_CHECKING:
    from detectors.classifier.training import TrainingConfig

CONFIG = "config.json"
Trained = Literal["spectrum", "classifier"]


def train(
    real: Sequence[Corpus],
    fake: Sequence[Corpus],
    out: Path,
    config: TrainingConfig | None = None,
    init: Path | None = None,
    only: Trained | None = None,
) -> tuple[Path, ...]:
    """Train on the split "train" of corpora and return the weights' paths. Interrupted, the same call goes on.

    config: of the classifier. init: ImageNet weights for its backbone. only: one detector instead of all.
    Raises Refusal when a class is missing or has too few usable photos.
    """
    from detectors.classifier import training as classifier
    from detectors.frequency import fitting as spectrum

    config = config or classifier.TrainingConfig()
    for label, corpora in (("real", real), ("fake", fake)):
        if not any(entry.label == label for corpus in corpora for entry in corpus):
            raise Refusal(f"no {label} photos in {', '.join(str(c.root) for c in corpora) or f'no --{label} folder'}")
    save_config(out, real, fake, {"classifier": asdict(config), "init": init and str(init)})
    paths = []
    if only in (None, "spectrum"):
        paths.append(spectrum.fit(real, fake, out, seed=config.seed))
    if only in (None, "classifier"):
        paths.append(classifier.train([*real, *fake], out, config, init))
    return tuple(paths)


def save_config(out: Path, real: Sequence[Corpus], fake: Sequence[Corpus], settings: dict[str, object]) -> None:
    from importlib.metadata import version

    settings = {
        "real": [str(corpus.root) for corpus in real],
        "fake": [str(corpus.root) for corpus in fake],
        "corpora": {str(corpus.root): corpus.sha256 for corpus in (*real, *fake)},
        "versions": {"forensics": forensics.__version__, **{n: version(n) for n in ("torch", "timm", "numpy")}},
        **settings,
    }
    out.mkdir(parents=True, exist_ok=True)
    part = out / (CONFIG + ".part")
    part.write_text(json.dumps(settings, indent=2) + "\n")
    os.replace(part, out / CONFIG)


def corpora_of(run: Path) -> list[Corpus]:
    """The corpora that a run was trained on. Raises Refusal when the run does not say."""
    path = run / CONFIG
    if not path.exists():
        raise Refusal(f"{path} is missing: name the corpora with --real and --fake, or a run of `detector train`")
    settings = json.loads(path.read_text())
    return [Corpus.open(root, label) for label in ("real", "fake") for root in settings[label]]
