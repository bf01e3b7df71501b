"""The card that goes with spectrum weights: what they were fitted on, how good they are, where they fail."""

from __future__ import annotations

from collections.abc import Mapping

LIMITS = """\
- Faces of up to about 256 px in height were seen in both classes; larger ones only as fakes, and those
  were left out of the fit. Faces over 224 px are examined shrunk to that, and encoded again.
- It looks at 32 numbers a photo. A generator whose upsampling was made to follow a camera's spectrum,
  or a heavy re-encoding, leaves nothing to see.
- Photos without a face are measured as a whole; no such photos were fitted or validated.
- The value of a score is decided by `calibration.json`, on other photos; 0 is no threshold."""


def card(report: Mapping) -> str:
    """Markdown from the report that `fitting.fit` saves beside the weights."""
    train = report["train"]
    lines = [
        "# spectrum.safetensors",
        "",
        f"Logistic regression on the radial power spectrum of the luminance residual; {report['features']}.",
        f"Fitted {report['date']}, seed {report['recipe']['seed']}, C = {report['C']}. SHA-256 `{report['sha256']}`.",
        "",
        "## Data",
        f"Training photos, {report['recipe']['draws']} random histories each, the same for both classes:",
        f"real {listed(train['real'])}; generated {listed(train['fake'])}.",
        f"Terms of the training data: {'; '.join(report['licences']) or 'not stated'}.",
        "The weights are given under them: where one says non-commercial, use these weights for research only.",
        "",
        "## Measured on photos that were not fitted",
        "AUC [95 % interval], one history a photo; 0.5 = chance.",
    ]
    for history, found in report["test"].items():
        n = found["n"]
        domains = [d for d in n if any(d in row for row in found["auc"].values())]
        lines += [
            "",
            f"### {history}",
            f"| maker (n) | {' | '.join(f'{d} ({n[d]})' for d in domains)} |",
            f"|---|{'---|' * len(domains)}",
        ]
        for maker, row in found["auc"].items():
            values = (f"{row[d][0]:.2f} [{row[d][1]:.2f}–{row[d][2]:.2f}]" for d in domains)
            lines.append(f"| {maker} ({n[maker]}) | {' | '.join(values)} |")
        alarms = (f"{found['flagged_above_0'][d][0]:.0%}" for d in domains)
        lines.append(f"| *real photos scored above 0* | {' | '.join(alarms)} |")
    lines += ["", "## Limits", LIMITS, "", "## Again", "`make weights` fits one like it from the same sets.", ""]
    return "\n".join(lines)


def listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())
