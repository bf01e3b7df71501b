"""A folder → one Parquet file, one row a file. Interrupted in any way, a scan goes on where it stopped.

Columns: path (below the folder, forward slashes), sha256, status (ok | unreadable), reason,
conclusion, log10_lr, then `<detector>.score` and `<detector>.log10_lr` for each detector of the
panel, null where it was silent. Rows are sorted by path and do not depend on engine or number of workers.

How rows are kept: forensics/ledger.py. A row counts as done while its file's bytes are the same.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from forensics.calibration import Calibration
from forensics.corpus import file_sha256
from forensics.crew import PATIENCE, Lost
from forensics.engine import Engine, crew_of
from forensics.evidence import Panel
from forensics.inspection import inspect_file
from forensics.ledger import Ledger, Record, Row
from forensics.refusal import Refusal
from forensics.report import rounded, versions

Examiners = tuple[Panel, Calibration]


@dataclass(frozen=True)
class Summary:
    """A finished scan. `kept` rows are from an earlier run; `passed_over` is what is no regular file."""

    rows: int
    kept: int
    conclusions: Mapping[str, int]
    reasons: Mapping[str, int]  # of unreadable files
    passed_over: tuple[str, ...]


def scan(
    folder: Path,
    out: Path,
    load: Callable[[], Examiners],
    workers: int,
    watch: Callable[[int, int, int], None] = lambda done, total, kept: None,
    patience: float = PATIENCE,
    engine: Engine = Engine.LOCAL,
) -> Summary:
    """Inspect every file below `folder` and write `out`.

    load: an importable function (or partial of one) that gives panel and calibration; called once
    a worker. watch(done, total, kept) is told of every row; `kept` are from an earlier run.
    Raises Refusal for a folder, an output or a panel that cannot be used.
    """
    folder, ledger = Path(folder), Ledger(Path(out))
    if not folder.is_dir():
        raise Refusal(f"{folder}: no such folder; `forensics scan` takes a folder, `forensics inspect` takes files")
    files, passed_over = files_below(folder, leave_out=(ledger.out, ledger.parts))
    if not files:
        raise Refusal(f"{folder}: no files in it or below it")
    total, kept, done = len(files), 0, 0
    here = folder.absolute()  # workers may have another working directory
    with ledger.locked(), crew_of(engine, partial(beside, here, load), workers, patience) as crew:
        [(_, (detectors, used))] = crew.map(describe, [None])
        ledger.agree(Record(str(folder.resolve()), detectors, used))
        finished = ledger.finished()

        def unfinished() -> Iterator[str]:
            nonlocal kept, done
            for file in files:
                sha256 = finished.get(text(file))
                if sha256 and sha256 == file_sha256(folder / file):
                    kept, done = kept + 1, done + 1
                    watch(done, total, kept)
                else:
                    yield file

        with ledger.writing():
            for file, answer in crew.map(partial(examine, here), unfinished()):
                if isinstance(answer, Lost):
                    answer = unreadable(file, file_sha256(folder / file), answer.why)
                ledger.add(answer)
                done += 1
                watch(done, total, kept)
        table = ledger.merge(sorted(text(file) for file in files))
    conclusions, reasons = (Counter(table[name].drop_null().to_pylist()) for name in ("conclusion", "reason"))
    return Summary(table.num_rows, kept, conclusions, reasons, passed_over)


def beside(folder: Path, load: Callable[[], Examiners]) -> Examiners:
    """What `load` gives, in a worker; on a machine that has not the photos, all would be called unreadable."""
    if not folder.is_dir():
        raise Refusal(f"{folder} is not there for the worker on {socket.gethostname()}; all must see the same files")
    return load()


def describe(examiners: Examiners, _: None) -> tuple[tuple[str, ...], dict[str, object]]:
    panel, calibration = examiners
    return tuple(detector.name for detector in panel), versions(panel, calibration)


def examine(folder: Path, examiners: Examiners, file: str) -> Row:
    """The row of one file, in a worker."""
    panel, calibration = examiners
    try:
        report = inspect_file(folder / file, panel, calibration, name=text(file))
    except Exception as error:  # a mistake of ours on one photo must not end a scan of a million
        why = f"the examination failed ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        return unreadable(file, file_sha256(folder / file), why)
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
