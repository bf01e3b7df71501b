"""A verdict as people and machines receive it: JSON with a published schema, and one-file HTML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import forensics
from forensics.calibration import Calibration
from forensics.corpus import file_sha256
from forensics.evidence import Panel
from forensics.photo import Photo
from forensics.stability import Copy, Stability
from forensics.verdict import Verdict

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


@dataclass(frozen=True)
class Report:
    """One photo's answer. `photo` and `verdict` are None when the file was unreadable; then `reason` says why."""

    file: str
    sha256: str | None  # of the file's bytes; None when there were none to read
    photo: Photo | None
    verdict: Verdict | None
    reason: str | None
    questions: Mapping[str, str]  # detector → its question
    versions: Mapping[str, object]
    stability: Stability | None = None  # None = it was not asked for

    @property
    def status(self) -> str:
        return "ok" if self.verdict else "unreadable"

    @classmethod
    def of(
        cls,
        photo: Photo,
        verdict: Verdict,
        panel: Panel,
        calibration: Calibration,
        stability: Stability | None = None,
    ) -> Report:
        questions = {d.name: d.question for d in panel}
        made_with = versions(panel, calibration)
        return cls(photo.name, photo.sha256, photo, verdict, None, questions, made_with, stability)

    @classmethod
    def unreadable(
        cls, file: str, source: Path | bytes, reason: str, panel: Panel, calibration: Calibration
    ) -> Report:
        questions = {d.name: d.question for d in panel}
        sha256 = hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else file_sha256(Path(source))
        return cls(file, sha256, None, None, reason, questions, versions(panel, calibration))

    def as_dict(self) -> dict:
        """The published form; see report.schema.json."""
        verdict = self.verdict
        published = {
            "file": self.file.encode("utf-8", "backslashreplace").decode(),  # names may hold bytes that are no text
            "sha256": self.sha256,
            "status": self.status,
            "reason": self.reason,
            "conclusion": verdict and str(verdict.conclusion),
            "log10_lr": verdict and rounded(verdict.log10_lr),
            "words": verdict and verdict.words,
            "evidence": [
                {
                    "detector": w.evidence.detector,
                    "score": rounded(w.evidence.score),
                    "log10_lr": rounded(w.log10_lr),
                    "finding": w.evidence.finding,
                    "marks": [vars(mark) for mark in w.evidence.marks],
                    "caveats": list(w.evidence.caveats),
                }
                for w in (verdict.weighed if verdict else ())
            ],
            "versions": dict(self.versions),
        }
        if self.stability:
            published["stability"] = {
                "agree": self.stability.agree,
                "original": scored(self.stability.original),
                "copies": [scored(copy) for copy in self.stability.copies],
            }
        return published


def scored(copy: Copy) -> dict[str, object]:
    return {"name": copy.name, "log10_lr": rounded(copy.log10_lr), "conclusion": str(copy.conclusion)}


def as_json(reports: list[Report]) -> str:
    return json.dumps([report.as_dict() for report in reports], indent=2, ensure_ascii=False) + "\n"


@cache
def schema() -> dict:
    """JSON Schema (2020-12) of the array that `forensics inspect --json` writes."""
    return json.loads(SCHEMA_FILE.read_text())


def versions(panel: Panel, calibration: Calibration) -> dict[str, object]:
    """What must be the same for the same photo to get the same report."""
    weights = {detector.name: detector.weights for detector in panel if detector.weights}
    return {"forensics": forensics.__version__, "weights": weights, "calibration": calibration.sha256}


def rounded(value: float | None) -> float | None:
    """Six decimals: more than any score means, few enough to read."""
    return None if value is None else round(float(value), 6)
