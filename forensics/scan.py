"""A folder → one Parquet file, one row a file. Interrupted in any way, a scan goes on where it stopped.

Columns: path (below the folder, forward slashes), sha256, status (ok | unreadable), reason,
conclusion, log10_lr, then `<detector>.score` and `<detector>.log10_lr` for each detector of the
panel, null where it was silent. Rows are sorted by path and do not depend on engine or number of workers.

How rows are kept: forensics/ledger.py. A row counts as done while its file's bytes are the same: workers read them
again, and examine what changed.

Folder and result may be at an address (forensics/far.py). Workers fetch the photos themselves, one at a time; a
photo that is too large, or could not be fetched, has no sha256.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from forensics.calibration import Calibration
from forensics.corpus import file_sha256
from forensics.crew import MEMORY, PATIENCE, Lost
from forensics.engine import Engine, crew_of
from forensics.evidence import Panel
from forensics.far import Far, place
from forensics.far_ledger import FarLedger
from forensics.inspection import inspect_file
from forensics.ledger import Ledger, Record, Row
from forensics.photo import UnreadableImage
from forensics.refusal import Refusal
from forensics.report import rounded, versions

Examiners = tuple[Panel, Calibration]


@dataclass(frozen=True)
class Known:
    """A file, and what its bytes were when it was examined."""

    file: str
    sha256: str | None


@dataclass(frozen=True)
class Gone:
    """In place of a row: no file of the folder can be read any more."""

    why: str


@dataclass(frozen=True)
class Summary:
    """A finished scan. `kept` rows are from an earlier run; `passed_over` is what is no regular file."""

    rows: int
    kept: int
    conclusions: Mapping[str, int]
    reasons: Mapping[str, int]  # of unreadable files
    passed_over: tuple[str, ...]


def scan(
    folder: Path | Far,
    out: Path | Far,
    load: Callable[[], Examiners],
    workers: int,
    watch: Callable[[int, int, int], None] = lambda done, total, kept: None,
    patience: float = PATIENCE,
    engine: Engine = Engine.LOCAL,
    memory: float = MEMORY,
    parts: Path | None = None,
) -> Summary:
    """Inspect every file below `folder` and write `out`.

    load: an importable function (or partial of one) that gives panel and calibration; called once
    a worker. watch(done, total, kept) is told of every row; `kept` are from an earlier run.
    patience, memory: seconds and bytes that one photo may take; it is `unreadable` beyond them.
    parts: where finished rows are kept until `out`, at an address, is whole.
    Raises Refusal for a folder, an output or a panel that cannot be used.
    """
    folder, out = place(folder), place(out)
    ledger = FarLedger.at(out, parts) if isinstance(out, Far) else Ledger(out)
    check(folder)
    if isinstance(folder, Far):
        here, name = folder, folder.url.rstrip("/")
        files, passed_over = folder.files(leave_out=(out,) if isinstance(out, Far) else ())
    else:
        here, name = folder.absolute(), str(folder.resolve())  # workers may have another working directory
        files, passed_over = files_below(folder, leave_out=(ledger.out, ledger.parts))
    if not files:
        raise Refusal(f"{folder}: no files in it or below it")
    kept = 0
    with ledger.locked(), crew_of(engine, partial(beside, here, load), workers, patience, memory) as crew:
        [(_, (detectors, used))] = crew.map(describe, [None])
        ledger.agree(Record(name, detectors, used))
        finished = ledger.finished()
        known = (Known(file, finished.get(text(file))) for file in files)
        with ledger.writing():
            for done, (of, row) in enumerate(crew.map(partial(examine_anew, here), known), start=1):
                if isinstance(row, Gone):
                    raise Refusal(f"{row.why}; finished rows are kept, the same command goes on")
                if isinstance(row, Lost):
                    row = unreadable(of.file, hashed(folder, of.file), row.why)
                if row is None:
                    kept += 1
                else:
                    ledger.add(row)
                watch(done, len(files), kept)
        table = ledger.merge(sorted(text(file) for file in files))
    conclusions, reasons = (Counter(table[name].drop_null().to_pylist()) for name in ("conclusion", "reason"))
    return Summary(table.num_rows, kept, conclusions, reasons, passed_over)


def check(folder: Path | Far) -> None:
    """Raises Refusal unless this is a folder that can be read."""
    if isinstance(folder, Far):
        folder.there()
    elif not folder.is_dir():
        raise Refusal(f"{folder}: no such folder; `forensics scan` takes a folder, `forensics inspect` takes files")


def hashed(folder: Path | Far, file: str) -> str | None:
    return folder.sha256(file) if isinstance(folder, Far) else file_sha256(folder / file)


def beside(folder: Path | Far, load: Callable[[], Examiners]) -> Examiners:
    """What `load` gives, in a worker; on a machine that has not the photos, all would be called unreadable."""
    try:
        check(folder)
    except Refusal as refusal:
        where = f"{folder} is not there for the worker on {socket.gethostname()}; all must see the same files"
        raise Refusal(f"{where} ({refusal})" if isinstance(folder, Far) else where) from None
    return load()


def describe(examiners: Examiners, _: None) -> tuple[tuple[str, ...], dict[str, object]]:
    panel, calibration = examiners
    return tuple(detector.name for detector in panel), versions(panel, calibration)


def examine_anew(folder: Path | Far, examiners: Examiners, known: Known) -> Row | Gone | None:
    """The row of one file, in a worker; None while its bytes are those that were examined."""
    if known.sha256 and known.sha256 == hashed(folder, known.file):
        return None
    row = examine(folder, examiners, known.file)
    if row["sha256"] is None:
        try:
            check(folder)
        except Refusal as refusal:
            return Gone(str(refusal))
    return row


def examine(folder: Path | Far, examiners: Examiners, file: str) -> Row:
    """The row of one file, in a worker."""
    panel, calibration = examiners
    try:
        source = folder.read(file) if isinstance(folder, Far) else folder / file
        report = inspect_file(source, panel, calibration, name=text(file))
    except UnreadableImage as error:  # it could not be fetched
        return unreadable(file, None, error.reason)
    except Exception as error:  # a mistake of ours on one photo must not end a scan of a million
        why = f"the examination failed ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        return unreadable(file, hashed(folder, file), why)
    if report.verdict is None:
        return unreadable(file, report.sha256, report.reason)
    row = {
        "path": text(file),
        "sha256": report.sha256,
        "status": report.status,
        "reason": None,
        "conclusion": str(report.verdict.conclusion),
        "log10_lr": rounded(report.verdict.log10_lr),
    }
    for weighed in report.verdict.weighed:
        row[f"{weighed.evidence.detector}.score"] = rounded(weighed.evidence.score)
        row[f"{weighed.evidence.detector}.log10_lr"] = rounded(weighed.log10_lr)
    return row


def unreadable(file: str, sha256: str | None, why: str | None) -> Row:
    return {"path": text(file), "sha256": sha256, "status": "unreadable", "reason": why}


def files_below(folder: Path, leave_out: tuple[Path, ...] = ()) -> tuple[list[str], tuple[str, ...]]:
    """All regular files, hidden ones too, relative and in order; and what was passed over, with the reason.

    Links to files are followed, links to folders are not: they could lead in circles.
    """
    found: list[str] = []
    passed_over: list[str] = []
    skip = {path.resolve() for path in leave_out}

    def closed(error: OSError) -> None:
        passed_over.append(f"{text(os.path.relpath(error.filename, folder))} ({error.strerror})")

    for here, subfolders, names in os.walk(folder, onerror=closed):
        place = Path(here)
        linked = {name for name in subfolders if (place / name).is_symlink()}
        passed_over += [f"{text((place / name).relative_to(folder))} (link to a folder)" for name in sorted(linked)]
        subfolders[:] = sorted(n for n in subfolders if n not in linked and (place / n).resolve() not in skip)
        for name in sorted(names):
            file = place / name
            relative = file.relative_to(folder).as_posix()
            if not file.is_file():
                passed_over.append(f"{text(relative)} ({'broken link' if file.is_symlink() else 'no regular file'})")
            elif file.resolve() not in skip:
                found.append(relative)
    return found, tuple(passed_over)


def text(path: str | Path) -> str:
    """A path as valid Unicode: bytes that are no UTF-8 are written as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
