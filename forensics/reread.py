"""A report that comes back from somebody else: JSON, or the HTML or PDF of a case with that JSON inside.

Such a file may be anything: it is read up to a size, checked field by field, and refused in one line.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from forensics.chain import Entry
from forensics.refusal import Refusal
from forensics.verdict import Conclusion

KIND = "deepfake-forensics case"
HTML_START, HTML_END = b'<template id="forensics-record">', b"</template>"
PDF_START, PDF_END = b'stream\n{"kind":"%s"' % KIND.encode(), b"\nendstream"
MOST_BYTES = 64 * 2**20  # of a file, pictures and all
MOST_RECORD = 16 * 2**20  # of the JSON
MOST = 10_000  # entries of any list
HEX = re.compile(r"[0-9a-f]{64}")
REPORT = "file sha256 status reason conclusion log10_lr words evidence versions".split()
EVIDENCE = "detector score log10_lr finding marks caveats".split()
MARK = "label left top width height".split()
CASE = "notes own_conclusion own_reason state taken_by".split()
ENTRY = list(Entry.__dataclass_fields__)


@dataclass(frozen=True)
class Reread:
    """A report as it was written, and the case around it, if there was one."""

    report: dict  # one object of report.schema.json
    case: dict | None
    entries: tuple[Entry, ...]


def reread(path: Path, sha256: str | None = None) -> Reread:
    """The report in a file. `sha256`: which one, where the file holds reports on several photos."""
    try:
        return record(json_of(content(path)), sha256)
    except Refusal as refusal:
        raise Refusal(f"{path}: {refusal}") from None


def content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise Refusal("is no file; name a report in JSON, HTML or PDF" if path.exists() else "no such file")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, Refusal):
            raise
        raise Refusal(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > MOST_BYTES:
        raise Refusal(f"is over {MOST_BYTES // 2**20} MiB: no report is")
    return data


def json_of(data: bytes) -> bytes:
    """The JSON itself, or what a HTML or PDF of ours holds of it, once."""
    if data.lstrip()[:1] in (b"[", b"{"):
        return data
    if data.startswith(b"%PDF-"):
        return b'{"kind":"%s"' % KIND.encode() + between(data, PDF_START, PDF_END)
    return html.unescape(between(data, HTML_START, HTML_END).decode("utf-8", "replace")).encode("utf-8", "replace")


def between(data: bytes, start: bytes, end: bytes) -> bytes:
    if data.count(start) != 1:
        raise Refusal("holds no record of a case, or more than one; name the JSON, HTML or PDF of a saved case")
    rest = data.split(start, 1)[1]
    if end not in rest:
        raise Refusal("ends in the middle of its record; get the whole file")
    return rest.split(end, 1)[0]


def record(text: bytes, sha256: str | None = None) -> Reread:
    """A record, checked field by field. Raises Refusal for whatever is none of ours."""
    if len(text) > MOST_RECORD:
        raise Refusal(f"its record is over {MOST_RECORD // 2**20} MiB: none of ours is")
    try:
        found = json.loads(text.decode("utf-8"), parse_constant=never, object_pairs_hook=unique)
    except RecursionError:
        raise Refusal("is nested too deeply to be a report") from None
    except (ValueError, MemoryError) as error:
        if isinstance(error, Refusal):
            raise
        raise Refusal("is no JSON that can be read") from None
    if isinstance(found, dict) and found.get("kind") == KIND:
        case = checked_case(found.get("case"))
        entries = tuple(checked_entry(entry, i) for i, entry in enumerate(items(found.get("log"), "log")))
        return Reread(checked(found.get("report"), "report"), case, entries)
    if isinstance(found, list):
        return Reread(chosen(items(found, "the file"), sha256), None, ())
    return Reread(checked(found, "the file"), None, ())


def chosen(reports: list, sha256: str | None) -> dict:
    """The report on the one photo that is asked for."""
    if len(reports) == 1:
        return checked(reports[0], "report 1")
    same = [r for r in reports if isinstance(r, dict) and sha256 is not None and r.get("sha256") == sha256]
    if not same:
        raise Refusal(f"holds {len(reports):,} reports, and none on this photo; give the right one with --photo")
    return checked(same[0], "the report")


def never(constant: str) -> NoReturn:
    raise Refusal(f"holds {constant}, which no report does")


def unique(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal("names a field twice, so that readers may differ on it")
    return found


def checked(given: object, where: str) -> dict:
    """A report with the fields of report.schema.json, and no value that surprises."""
    report = shaped(given, REPORT, where)
    for name in ("file", "status"):
        need(isinstance(report[name], str), f"{where}.{name}", "text")
    for name in ("reason", "conclusion", "words"):
        need(optional(report[name], text), f"{where}.{name}", "text or null")
    need(optional(report["sha256"], digest), f"{where}.sha256", "a SHA-256 or null")
    need(optional(report["log10_lr"], number), f"{where}.log10_lr", "a number or null")
    need(report["status"] in ("ok", "unreadable"), f"{where}.status", '"ok" or "unreadable"')
    need(report["conclusion"] in (None, *Conclusion), f"{where}.conclusion", "a conclusion of ours")
    names = [evidence(e, f"{where}.evidence[{i}]") for i, e in enumerate(items(report["evidence"], where))]
    need(len(set(names)) == len(names), f"{where}.evidence", "one entry a detector")
    versions = shaped(report["versions"], ["forensics", "weights", "calibration"], f"{where}.versions")
    need(digest(versions["calibration"]), f"{where}.versions.calibration", "a SHA-256")
    need(text(versions["forensics"]), f"{where}.versions.forensics", "text")
    need(isinstance(versions["weights"], dict), f"{where}.versions.weights", "detectors with a SHA-256 each")
    need(all(digest(v) for v in versions["weights"].values()), f"{where}.versions.weights", "SHA-256s")
    if "stability" in report:
        stability(report["stability"], f"{where}.stability")
    return report


def evidence(given: object, where: str) -> str:
    found = shaped(given, EVIDENCE, where)
    need(text(found["detector"]) and text(found["finding"]), where, "a detector and its finding, as text")
    need(optional(found["score"], number) and optional(found["log10_lr"], number), where, "numbers or null")
    need(all(text(caveat) for caveat in items(found["caveats"], where)), f"{where}.caveats", "texts")
    for mark in items(found["marks"], where):
        sides = shaped(mark, MARK, f"{where}.marks")
        need(text(sides["label"]), f"{where}.marks", "labels as text")
        need(all(whole(sides[side]) for side in MARK[1:]), f"{where}.marks", "whole numbers of pixels")
    return found["detector"]


def stability(given: object, where: str) -> None:
    found = shaped(given, ["agree", "original", "copies"], where)
    need(whole(found["agree"]), f"{where}.agree", "a whole number")
    for copy in [found["original"], *items(found["copies"], where)]:
        told = shaped(copy, ["name", "log10_lr", "conclusion"], where)
        need(text(told["name"]) and text(told["conclusion"]), where, "names and conclusions as text")
        need(optional(told["log10_lr"], number), where, "numbers or null")


def checked_case(given: object) -> dict:
    case = shaped(given, CASE, "case")
    need(all(text(case[name]) for name in CASE), "case", "notes, conclusion and state as text")
    return case


def checked_entry(given: object, i: int) -> Entry:
    entry = shaped(given, ENTRY, f"log[{i}]")
    for name in ENTRY:
        fits = whole if name in ("number", "case") else text
        need(fits(entry[name]), f"log[{i}].{name}", "a whole number" if fits is whole else "text")
    return Entry(**{name: entry[name] for name in ENTRY})


def shaped(given: object, names: list[str], where: str) -> dict:
    need(isinstance(given, dict), where, "an object")
    lacking = [name for name in names if name not in given]
    need(not lacking, where, f"the field {lacking[0]}" if lacking else "")
    return given


def items(given: object, where: str) -> list:
    need(isinstance(given, list) and len(given) <= MOST, where, f"a list of at most {MOST:,}")
    return given


def need(fits: bool, where: str, what: str) -> None:
    if not fits:
        raise Refusal(f"is no report of ours: {where} should have {what}")


def optional(value: object, fits: Callable[[object], bool]) -> bool:
    return value is None or fits(value)


def text(value: object) -> bool:
    return isinstance(value, str)


def digest(value: object) -> bool:
    return isinstance(value, str) and HEX.fullmatch(value) is not None


def whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def details(entry: Entry) -> Mapping:
    """What an entry tells beyond who, what and when; nothing where that is no object."""
    try:
        found = json.loads(entry.detail or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
