"""Does a report still say what the photo says? Examined anew with the weights at hand, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from forensics.calibration import Calibration
from forensics.chain import first_misfit
from forensics.evidence import Panel
from forensics.inspection import inspect_file
from forensics.report import versions
from forensics.reread import CASE, Reread, details, number
from forensics.stability import REPOSTINGS

SAME = 1.5e-6  # numbers are written with six decimals; rounding may tell the same score apart by one in the last
SLIGHT = 1e-3  # differences under this come of other processors and numbers of threads
START = {"notes": "", "own_conclusion": "", "own_reason": "", "state": "open", "taken_by": ""}


@dataclass(frozen=True)
class Difference:
    """One place where the report says something else."""

    where: str  # "evidence.classifier.score"
    told: object
    now: object

    @property
    def slight(self) -> bool:
        """Whether another machine may have computed this."""
        both = number(self.told) and number(self.now)
        return both and abs(self.told - self.now) < SLIGHT


def other_makers(report: Mapping, panel: Panel, calibration: Calibration) -> list[Difference]:
    """Weights and calibration that are not those at hand: no score can be expected to be the same."""
    told, now = report["versions"], versions(panel, calibration)
    pairs = {"calibration": (told["calibration"], now["calibration"])}
    for name in dict.fromkeys([*now["weights"], *told["weights"]]):
        pairs[f"weights.{name}"] = (told["weights"].get(name), now["weights"].get(name))
    return [Difference(where, *pair) for where, pair in pairs.items() if pair[0] != pair[1]]


def differences(report: Mapping, data: bytes, panel: Panel, calibration: Calibration) -> list[Difference]:
    """What a report on a photo says otherwise than one that is made of it now."""
    repostings = REPOSTINGS if "stability" in report else ()
    now = inspect_file(data, panel, calibration, report["file"], repostings).as_dict()
    before, after = dict(leaves(report)), dict(leaves(now))
    return [
        Difference(where, before.get(where), after.get(where))
        for where in dict.fromkeys([*after, *before])
        if not same(before.get(where), after.get(where))
    ]


def same(told: object, now: object) -> bool:
    if number(told) and number(now):
        return abs(told - now) < SAME
    return told == now


def leaves(report: Mapping) -> Iterator[tuple[str, object]]:
    """Every single value of a report, by where it stands. The versions are compared by `other_makers`."""
    for name in ("sha256", "status", "reason", "conclusion", "log10_lr", "words"):
        yield name, report[name]
    for evidence in report["evidence"]:
        where = f"evidence.{evidence['detector']}"
        for name in ("score", "log10_lr", "finding"):
            yield f"{where}.{name}", evidence[name]
        yield f"{where}.caveats", list(evidence["caveats"])
        yield f"{where}.marks", [dict(mark) for mark in evidence["marks"]]
    if "stability" in report:
        stability = report["stability"]
        yield "stability.agree", stability["agree"]
        for i, copy in enumerate([stability["original"], *stability["copies"]]):
            for name in ("name", "log10_lr", "conclusion"):
                yield f"stability.{i}.{name}", copy[name]


def case_differences(read: Reread) -> list[Difference]:
    """Where a case's log is broken, or its notes and conclusion are not what the log tells."""
    broken = first_misfit(read.entries)
    if broken:
        return [Difference(f"log.{broken.entry}", broken.why, "an entry that fits")]
    if read.case is None:
        return []
    told = dict(START)
    for entry in read.entries:
        told |= {name: value for name, value in details(entry).items() if name in START}
    return [Difference(f"case.{name}", read.case[name], told[name]) for name in CASE if read.case[name] != told[name]]
