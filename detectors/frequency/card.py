"""The card that goes with a cue's weights: what they were fitted on, how good they are, where they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LIMITS = """\
- Faces over 224 px in height are examined shrunk to that and encoded again, here as in inspections. Fakes of
  512 px and more are shrunk so, most real photos here are not: "encoded again" flatters the cue on them.
  "Shrunk to 224 px" is the fair comparison.
- Domains of real photos differ as much as makers do: read the worst column of a row, not the best.
- It looks at a few numbers a photo. A generator made to follow a camera's statistics, or a heavy
  re-encoding, leaves nothing to see.
- Photos without a face are measured in their middle; no such photos were fitted or validated.
- The value of a score is decided by `calibration.json`, on other photos; 0 is no threshold."""


def card(report: Mapping) -> str:
    """Markdown from the report that `fitting.fit_cue` saves beside the weights."""
    train, name = report["train"], report["name"]
    lines = [
        f"# {name}.safetensors",
        "",
        f"Logistic regression on {report['features']}; and their squares.",
        "What the photo's JPEG steps are expected to add is taken off first. The strength of the fit is the one that",
        "carries best to makers held out.",
        f"Fitted {report['date']}, seed {report['recipe']['seed']}, C = {report['C']}. SHA-256 `{report['sha256']}`.",
        "",
        "## Data",
        f"Training photos, {report['recipe']['draws']} random histories each, the same for both classes:",
        f"real {listed(train['real'])}; generated {listed(train['fake'])}.",
        f"Terms of the training data: {'; '.join(report['licences']) or 'not stated'}.",
        "The weights are given under them: where one says non-commercial, use these weights for research only.",
        "",
        "## Measured on photos that were not fitted",
        "AUC [95 % interval], one history a photo; 0.5 = chance. *Unseen*: by a fit without that maker.",
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
        lines += [line(f"{maker} ({n[maker]})", row, domains) for maker, row in found["auc"].items()]
        without = report["unseen"].get(history, {})
        lines += [line(f"{maker}, *unseen*", row, domains) for maker, row in without.items()]
        alarms = (f"{found['flagged_above_0'][d][0]:.0%}" for d in domains)
        lines.append(f"| *real photos scored above 0* | {' | '.join(alarms)} |")
    again = f"`forensics detector train --only {name}` on the same corpora; `make weights` fits all anew."
    lines += ["", "## Limits", LIMITS, "", "## Again", again, ""]
    return "\n".join(lines)


def line(what: str, row: Mapping[str, Sequence[float]], domains: Sequence[str]) -> str:
    values = (f"{row[d][0]:.2f} [{row[d][1]:.2f}–{row[d][2]:.2f}]" for d in domains)
    return f"| {what} | {' | '.join(values)} |"


def listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())
