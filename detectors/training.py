"""Trains whatever is trained in the panel, from corpora of real photos and of fakes: one folder of weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import forensics
from detectors.frequency import CUES
from detectors.frequency.fitting import fit as fit_cues
from forensics.corpus import Corpus
from forensics.refusal import Refusal
from forensics.saving import write_at_once

if TYPE_CHECKING:
    from detectors.classifier.training import TrainingConfig

CONFIG = "config.json"
MAY_CHANGE = {"steps", "validate", "shown"}  # of the classifier's settings, in a run that goes on
TRAINED = (*(cue.name for cue in CUES), "pairs", "regions", "classifier", "patches")  # what `only` may name


def train(
    real: Sequence[Corpus],
    fake: Sequence[Corpus],
    out: Path,
    config: TrainingConfig | None = None,
    init: Path | None = None,
    only: str | None = None,
    patches: TrainingConfig | None = None,
) -> tuple[Path, ...]:
    """Train on the split "train" of corpora and return the weights' paths. Interrupted, the same call goes on.

    config, patches: of the classifier and of its patch network. init: ImageNet weights for their backbones, or
    the classifier of another run. only: one of `TRAINED` instead of all but "pairs" and "regions", which take
    thousands of real photos and no fakes, and are trained when they are named: what ships goes with any panel.
    Raises Refusal when a class is missing or has too few usable photos, and, before anything is written, when
    `out` holds a run on other corpora or with other settings.
    """
    from detectors.classifier import training as classifier
    from detectors.classifier.descent import PATCHES

    config, patches = config or classifier.TrainingConfig(), patches or PATCHES
    for label, corpora in (("real", real), ("fake", fake)):
        if not any(entry.label == label for corpus in corpora for entry in corpus):
            raise Refusal(f"no {label} photos in {', '.join(str(c.root) for c in corpora) or f'no --{label} folder'}")
    settings = {"classifier": asdict(config), "patches": asdict(patches), "init": init and str(init)}
    refuse_another(out, real, fake, settings)
    save_config(out, real, fake, settings)
    cues = [cue for cue in CUES if only in (None, cue.name)]
    paths = list(fit_cues(cues, real, fake, out, seed=config.seed)) if cues else []
    if only == "regions":
        from detectors.structure import regions_fitting

        paths.append(regions_fitting.fit(real, out))
    if only == "pairs":
        from detectors.asymmetry import pairs_training

        paths.append(pairs_training.train(real, out))
    for name, its in (("classifier", config), ("patches", patches)):
        if only in (None, name):
            paths.append(classifier.train([*real, *fake], out, its, init_of(init, name)))
    return tuple(paths)


def init_of(init: Path | None, name: str) -> Path | None:
    """What a network starts from: of a panel's weights its own, otherwise the file that was given."""
    if init is None or init.name != "classifier.safetensors":
        return init
    return init.with_name(f"{name}.safetensors")


def refuse_another(out: Path, real: Sequence[Corpus], fake: Sequence[Corpus], settings: dict[str, Any]) -> None:
    """Raises Refusal when `out` holds a run that this call would not continue. Writes nothing.

    As long as the classifier has learnt nothing, only what its cuts depend on must stay.
    """
    learnt, cuts = out / "checkpoint.safetensors", out / "cuts" / "cuts.jsonl"
    if not (out / CONFIG).exists() or not (learnt.exists() or cuts.exists()):
        return
    before = read_config(out)
    had, has = (json.loads(json.dumps(its.get("classifier", {}))) for its in (before, settings))
    matters = has.keys() - MAY_CHANGE if learnt.exists() else {"network"}
    differ = [key for key in has if key in matters and had.get(key) != has[key]]
    if differ:
        raise Refusal(f"{out} holds a run with another {', '.join(differ)}; use another --out, or the same values")
    if not learnt.exists():
        return
    for label, corpora in (("real", real), ("fake", fake)):
        if [before["corpora"].get(root) for root in before[label]] != [corpus.sha256 for corpus in corpora]:
            raise Refusal(
                f"{out} holds a run on other {label} photos, or in another order; use another --out, and --init "
                f"{out / 'classifier.safetensors'} to go on from what it learnt"
            )
    if Path(before.get("init") or "").resolve() != Path(settings["init"] or "").resolve():
        given = f"--init {before['init']}" if before.get("init") else "no --init"
        raise Refusal(f"{out} holds a run that began with {given}; use another --out, or the same")


def save_config(out: Path, real: Sequence[Corpus], fake: Sequence[Corpus], settings: dict[str, Any]) -> None:
    from importlib.metadata import version

    settings = {
        "real": [str(corpus.root) for corpus in real],
        "fake": [str(corpus.root) for corpus in fake],
        "corpora": {str(corpus.root): corpus.sha256 for corpus in (*real, *fake)},
        "versions": {"forensics": forensics.__version__, **{n: version(n) for n in ("torch", "timm", "numpy")}},
        **settings,
    }
    out.mkdir(parents=True, exist_ok=True)
    write_at_once(out / CONFIG, json.dumps(settings, indent=2) + "\n")


def read_config(run: Path) -> dict[str, Any]:
    """Raises Refusal when it is missing, or not what `save_config` wrote."""
    path = run / CONFIG
    if not path.exists():
        raise Refusal(f"{path} is missing: name the corpora with --real and --fake, or a run of `detector train`")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        sound = all(
            isinstance(settings[key], kind) for key, kind in (("real", list), ("fake", list), ("corpora", dict))
        )
    except (OSError, ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise Refusal(f"{path} is not of a run of `detector train`; use another folder")
    return settings


def corpora_of(run: Path) -> list[Corpus]:
    """The corpora that a run was trained on. Raises Refusal when the run does not say."""
    settings = read_config(run)
    return [Corpus.open(root, label) for label in ("real", "fake") for root in settings[label]]
