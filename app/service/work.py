"""What a worker process does with one photo. It holds the models; it may die of the photo, and is then replaced."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from forensics.inspection import inspect_file
from forensics.report import Report
from forensics.scan import Examiners
from forensics.stability import REPOSTINGS

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Order:
    """A photo to examine. `until`: on the machine's monotonic clock, which all its processes share."""

    name: str
    stability: bool
    until: float
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """A report, as it is published. `conclusion` may be `unreadable`."""

    conclusion: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Failed:
    """A mistake of ours. `why` names its kind only: messages may hold what is in the photo."""

    why: str


@dataclass(frozen=True)
class Late:
    """Nobody waits any more: the photo hung its first worker, or waited too long."""


def examine(examiners: Examiners, order: Order) -> Answer | Failed | Late:
    if time.monotonic() >= order.until:
        return Late()
    repostings = REPOSTINGS if order.stability else ()
    try:
        report = inspect_file(order.data, *examiners, name=order.name, repostings=repostings)
        return Answer(str(report.verdict.conclusion) if report.verdict else UNREADABLE, published(report))
    except Exception as error:
        return Failed(type(error).__name__)


def published(report: Report) -> bytes:
    """The object that `forensics inspect --json` writes for this photo, indented as there."""
    text = json.dumps(report.as_dict(), indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")  # half a surrogate pair becomes its JSON escape


def nothing(examiners: Examiners, _: None) -> None:
    """A job that is done as soon as the models are loaded."""
