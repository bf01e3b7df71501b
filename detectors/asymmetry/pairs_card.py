"""The card that goes with `pairs.safetensors`: what it learnt from, how well it knows people, what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from detectors.asymmetry.pairs_network import read
from forensics.corpus import Corpus
from forensics.metrics import auc, interval

LIMITS = """\
- It judges whether two sides match, not who made them: generators of today make sides that match.
- Light of two colours, hair over one side, profile poses and odd dress make two sides of a person differ.
- Parts under 18 px, out of the photo, or of a head turned too far are left out; often only the eyes remain.
- The value of a score is decided by `calibration.json`, on other photos; 0 is no threshold."""

Scored = Mapping[str, tuple[str, Sequence[float]]]  # source -> label, scores of photos that were not silent


def card(weights: Path, corpora: Sequence[Corpus], scored: Scored | None = None) -> str:
    """Markdown. scored: of the split "test"."""
    _, sha256, about = read(weights)
    config = about["training"]
    licences = sorted({e.licence for c in corpora for e in c.where(label="real", split="train") if e.licence})
    lines = [
        "# pairs.safetensors",
        "",
        "Siamese network on eyes, ears and collars of 48 px: do both sides belong to one photo? Real faces only.",
        f"Trained {about['date']}: {about['step']} steps of {config['groups'] * config['alike']} photos,"
        f" seed {config['seed']}. SHA-256 `{sha256}`.",
        "",
        "## Data",
        "Real photos with both sides of a part in view; no generated face was shown:",
        *(f"- {part}: " + ", ".join(f"{s} {n}" for s, n in each.items()) for part, each in about["photos"].items()),
        "",
        f"Terms of the training data: {'; '.join(licences) or 'not stated'}.",
        "The weights are given under them: where one says non-commercial, use these weights for research only.",
        "",
        "## How well it knows people",
        "AUC of one photo's sides against look-alikes' (matched for light, colour and pose), on photos kept aside:",
        ", ".join(f"{part} {value:.2f}" for part, value in about["known"].items()) + ".",
    ]
    if scored:
        lines += ["", *measured(scored)]
    lines += ["", "## Limits", LIMITS, "", "## Again", "`make weights` trains one like it from the same sets.", ""]
    return "\n".join(lines)


def measured(scored: Scored) -> list[str]:
    """A table: AUC of each maker against all real photos, and medians."""
    reals = np.concatenate([np.asarray(v, dtype=float) for label, v in scored.values() if label == "real"] or [[]])
    lines = ["## Measured on the split test", "", "| source | n | median score | AUC against all real photos |"]
    lines.append("|---|---|---|---|")
    for source, (label, values) in scored.items():
        own = np.asarray(values, dtype=float)
        if not len(own):
            continue
        told = ""
        if label == "fake" and len(reals):
            both = np.concatenate([reals, own])
            told = "{:.2f} ({:.2f}–{:.2f})".format(
                *interval(auc, both, np.arange(len(both)) >= len(reals), rounds=300)
            )
        lines.append(f"| {label} {source} | {len(own)} | {np.median(own):+.2f} | {told} |")
    return lines
