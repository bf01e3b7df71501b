"""The card that goes with classifier weights: data, terms, and what was measured on photos never trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from forensics.corpus import Corpus
from forensics.metrics import auc, interval, share

LIMITS = """\
- It knows the generators named above. Of others, recent diffusion models first of all, it may see nothing;
  a low score is weak evidence of a camera.
- It looks at one face, shrunk or enlarged to {size} px: edits elsewhere, and traces finer than that, are not seen.
- Faces under {least} px in height are not judged. Heavy filters, make-up and paintings were hardly in the data.
- A score is worth what `calibration.json` says, for photos like those it was fitted on; 0 is no threshold."""


def card(weights: Path, digest: str, corpora: Sequence[Corpus], scored: Mapping[str, tuple[str, list[float]]]) -> str:
    """Markdown. scored: source → (label, scores of its laundered photos of the split "test")."""
    from safetensors import safe_open

    with safe_open(weights, "np") as file:
        config = json.loads(file.metadata()["config"])
    about, training = config["about"], config["about"]["training"]
    trained: dict[str, dict[str, int]] = {"real": {}, "fake": {}}
    for entry in (entry for corpus in corpora for entry in corpus.where(split="train")):
        source = entry.maker if entry.label == "fake" else entry.domain
        trained[entry.label][source] = trained[entry.label].get(source, 0) + 1
    terms = sorted({entry.licence for corpus in corpora for entry in corpus if entry.licence})
    reals = {name: values for name, (label, values) in scored.items() if label == "real"}
    pooled = np.concatenate([np.array(values) for values in reals.values()])
    lines = [
        f"# {weights.name}",
        "",
        f"EfficientNet-Lite0 (timm), first {config['depth']} stages with a patch head, faces of {config['size']} px.",
        f"Started from {about['start']}. Trained {about['date']}:",
        f"{about['step']} steps of {training['batch']} faces, seed {training['seed']}. SHA-256 `{digest}`.",
        "",
        "## Data",
        "Photos in the training split, each laundered at random in the same way for both classes:",
        f"real {listed(trained['real'])}; generated {listed(trained['fake'])}.",
        f"Terms of the training data: {'; '.join(terms) or 'not stated'}.",
        "The weights are given under them: where one says non-commercial, use these weights for research only.",
        "",
        "## Measured on the test split",
        "Each photo laundered once (encoded again, or re-posted one to three times, faces down to "
        f"{config['min_face']} px).",
        "AUC of the raw score against all real photos below, with its 95 % interval.",
        "",
        "| generator | n | AUC | scored above 0 |",
        "|---|---|---|---|",
    ]
    for name, (label, values) in scored.items():
        if label == "fake":
            both = np.concatenate([pooled, values])
            value, low, high = interval(auc, both, np.arange(len(both)) >= len(pooled), rounds=300)
            lines.append(f"| {name} | {len(values)} | {value:.3f} ({low:.3f}–{high:.3f}) | {above(values)} |")
    lines += ["", "| real photos | n | scored above 0 |", "|---|---|---|"]
    lines += [f"| {name} | {len(values)} | {above(values)} |" for name, values in reals.items()]
    lines += ["", "## Limits", LIMITS.format(size=config["size"], least=config["min_face"])]
    lines += ["", "## Again", "`make weights` trains it anew from the same corpora.", ""]
    return "\n".join(lines)


def above(values: Sequence[float]) -> str:
    value, low, high = share(sum(v > 0 for v in values), len(values))
    return f"{value:.1%} ({low:.1%}–{high:.1%})"


def listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda item: -item[1]))
