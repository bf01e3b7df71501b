"""The card that goes with classifier weights: data, terms, and what was measured on photos never trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forensics.corpus import Corpus
from forensics.metrics import auc, interval, share

if TYPE_CHECKING:
    from detectors.classifier.cuts import Cut
    from detectors.classifier.sampling import Sampler

LIMITS = """\
- It knows the generators named above. Of others, recent diffusion models first of all, it may see nothing;
  a low score is weak evidence of a camera.
- {sees}: edits elsewhere are not seen.
- Faces under {least} px in height are not judged. Heavy filters, make-up and paintings were hardly in the data.
- A score is worth what `calibration.json` says, for photos like those it was fitted on; 0 is no threshold."""


def photos_of(sampler: Sampler, held: Sequence[Cut]) -> dict[str, dict[str, int]]:
    """Faces a source ("real: web faces") that were shown, kept aside, or too few to take part. Saved with weights."""
    smallest = sampler.config.smallest
    shown = {n: len(rows) for lb in ("real", "fake") for n, rows in sampler.eligible(lb, smallest, True).items()}
    counts: dict[str, dict[str, int]] = {"shown": shown, "kept_aside": {}, "too_few": {}}
    for row in (*sampler.cuts.rows, *held):
        if row.source not in shown:
            counts["too_few"][row.source] = counts["too_few"].get(row.source, 0) + 1
    for row in held:
        if row.source in shown:
            counts["kept_aside"][row.source] = counts["kept_aside"].get(row.source, 0) + 1
    return {what: dict(sorted(its.items())) for what, its in counts.items()}


def card(weights: Path, digest: str, corpora: Sequence[Corpus], scored: Mapping[str, tuple[str, list[float]]]) -> str:
    """Markdown. scored: source → (label, scores of its laundered photos of the split "test")."""
    from safetensors import safe_open

    with safe_open(weights, "np") as file:
        config = json.loads(file.metadata()["config"])
    about = config.get("about", {})
    training = about.get("training", {})
    size = config["size"]
    if config.get("view") == "patch":
        what, sees = f"patches of {size} px at the photo's own pixels", "It looks at up to nine patches over one face"
    else:
        what, sees = f"faces of {size} px", f"It looks at one face, shrunk or enlarged to {size} px"
    terms = sorted({entry.licence for corpus in corpora for entry in corpus if entry.licence})
    lines = [
        f"# {weights.name}",
        "",
        f"EfficientNet-Lite0 (timm), first {config['depth']} stages with a patch head, {what}.",
        f"Started from {about.get('start', 'unknown weights')}. Trained {about.get('date', '(date unknown)')}:",
        f"{about.get('step', '?')} steps of {training.get('batch', '?')} views, seed {training.get('seed', '?')}. "
        f"SHA-256 `{digest}`.",
        "",
        "## Data",
        *(told(about["photos"]) if "photos" in about else in_training_split(corpora)),
        f"Terms of the training data: {'; '.join(terms) or 'not stated'}.",
        "The weights are given under them: where one says non-commercial, use these weights for research only.",
        "",
        "## Measured on the test split",
        "Each photo laundered once (encoded again, or re-posted one to three times, faces down to "
        f"{config['min_face']} px).",
        *measured(scored),
    ]
    lines += ["", "## Limits", LIMITS.format(sees=sees, least=config["min_face"])]
    lines += ["", "## Again", "`make weights` trains one like it from the same sets.", ""]
    return "\n".join(lines)


def told(photos: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What the weights' header says of the faces behind them; see `photos_of`."""
    lines = [
        "Faces that it was shown, each laundered at random in the same way for both classes, after a first history",
        "borrowed from the other class:",
        both_listed(photos["shown"]) + ".",
    ]
    if photos["kept_aside"]:
        lines.append(f"Kept aside to watch progress: {both_listed(photos['kept_aside'])}.")
    if photos["too_few"]:
        lines.append(f"Too few to take part, so never shown: {both_listed(photos['too_few'])}.")
    return lines


def in_training_split(corpora: Sequence[Corpus]) -> list[str]:
    """For weights whose header does not say what they were shown."""
    counts: dict[str, int] = {}
    for corpus in corpora:
        for entry in corpus.where(split="train"):
            source = entry.maker if entry.label == "fake" else entry.domain or corpus.root.name
            counts[f"{entry.label}: {source}"] = counts.get(f"{entry.label}: {source}", 0) + 1
    return [
        "Photos in the training split, with a usable face or without; the weights do not say which were shown:",
        both_listed(counts) + ".",
    ]


def measured(scored: Mapping[str, tuple[str, list[float]]]) -> list[str]:
    """Tables of fakes and real photos; a line instead where a class was not scored."""
    reals = {name: values for name, (label, values) in scored.items() if label == "real"}
    fakes = {name: values for name, (label, values) in scored.items() if label == "fake"}
    if not reals or not fakes:
        return [f"No {'generated' if reals else 'real'} photo was scored, so nothing can be compared."]
    pooled = np.concatenate([np.array(values) for values in reals.values()])
    lines = [
        "AUC of the raw score against all real photos below, with its 95 % interval.",
        "",
        "| generator | n | AUC | scored above 0 |",
        "|---|---|---|---|",
    ]
    for name, values in fakes.items():
        both = np.concatenate([pooled, values])
        value, low, high = interval(auc, both, np.arange(len(both)) >= len(pooled), rounds=300)
        lines.append(f"| {name} | {len(values)} | {value:.3f} ({low:.3f}–{high:.3f}) | {above(values)} |")
    lines += ["", "| real photos | n | scored above 0 |", "|---|---|---|"]
    return lines + [f"| {name} | {len(values)} | {above(values)} |" for name, values in reals.items()]


def above(values: Sequence[float]) -> str:
    value, low, high = share(sum(v > 0 for v in values), len(values))
    return f"{value:.1%} ({low:.1%}–{high:.1%})"


def both_listed(counts: Mapping[str, int]) -> str:
    """Of {"real: web faces": 12, "fake: dcgan": 3}: "real web faces 12; generated dcgan 3", largest first."""
    parts = []
    for label, word in (("real", "real"), ("fake", "generated")):
        mine = sorted((-n, name.partition(": ")[2]) for name, n in counts.items() if name.startswith(label + ": "))
        if mine:
            parts.append(f"{word} " + ", ".join(f"{name} {-n:,}" for n, name in mine))
    return "; ".join(parts) or "none"
