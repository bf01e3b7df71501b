"""The rows of a scan on disk: nothing finished is lost, nothing is written twice or in halves.

Finished rows go to part files beside the result (`results.parquet.parts/00000001.parquet`, ...),
each written whole or not at all, and are merged at the end. The panel's versions stand in the
result's own metadata, so that rows of different panels never mix.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once

if TYPE_CHECKING:
    import pyarrow

Row = Mapping[str, object]

KEY = b"forensics.scan"  # in the Parquet file's metadata: the record, as JSON
FLUSH_SECONDS = 5.0  # at most so much work is done twice after kill -9
FLUSH_ROWS = 1000


@dataclass(frozen=True)
class Record:
    """What all rows of one result have in common."""

    folder: str
    detectors: tuple[str, ...]
    versions: Mapping[str, object]

    def as_dict(self) -> dict[str, object]:
        return {"folder": self.folder, "detectors": list(self.detectors), "versions": dict(self.versions)}


@dataclass
class Ledger:
    """The result file and the part files beside it."""

    out: Path
    record: Record | None = None
    fresh: list[Row] = field(default_factory=list)  # rows that no file holds yet
    flushed: float = 0.0

    def __post_init__(self) -> None:
        if self.out.suffix != ".parquet" or self.out.is_dir():
            raise Refusal(f"--out {self.name}: pass the name of a file that ends in .parquet")

    @property
    def name(self) -> str:
        return str(self.out)

    @property
    def parts(self) -> Path:
        return self.out.with_name(self.out.name + ".parts")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one scan at a time writes one result."""
        import fcntl

        with self._writable():
            self.parts.mkdir(parents=True, exist_ok=True)
            lock = (self.parts / "lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Refusal(f"{self.name}: another scan is writing it; wait for it or pass another --out") from None
            try:
                yield
            finally:
                if [path.name for path in self.parts.glob("*")] == ["lock"]:
                    shutil.rmtree(self.parts)  # nothing was begun

    def agree(self, record: Record) -> None:
        """Take up an earlier scan of this name, or begin; Refusal if it was another folder's or another panel's."""
        begun = self.parts / "record.json"
        earlier = self._stored_record()
        if earlier is None and begun.exists():
            earlier = json.loads(begun.read_text(encoding="utf-8"))
        cure = f"pass another --out, or delete {self.name} and {self.parts} to start again"
        if earlier and earlier["folder"] != record.folder:
            raise Refusal(f"{self.name} holds a scan of {earlier['folder']}, not of {record.folder}: {cure}")
        differ = differences(earlier, record.as_dict()) if earlier else []
        if differ:
            raise Refusal(f"{self.name} is from another panel, rows don't mix ({', '.join(differ)} differ): {cure}")
        self.record = record
        with self._writable():
            write_at_once(begun, json.dumps(self.record.as_dict(), indent=1))

    def _stored_record(self) -> dict | None:
        import pyarrow
        from pyarrow import parquet

        if not self.out.exists():
            return None
        try:
            return json.loads(parquet.read_schema(self.out).metadata[KEY])
        except (OSError, pyarrow.ArrowException, KeyError, TypeError, ValueError):
            raise Refusal(f"{self.name} exists and is no scan's result; pass another --out") from None

    def finished(self) -> dict[str, str | None]:
        """path → sha256 of every row that a file holds; a later row of the same path replaces the earlier."""
        found: dict[str, str | None] = {}
        for table in self._tables():
            found.update(zip(table["path"].to_pylist(), table["sha256"].to_pylist(), strict=True))
        return found

    def _tables(self) -> Iterator[pyarrow.Table]:
        import pyarrow
        from pyarrow import parquet

        for path in [self.out, *sorted(self.parts.glob("*.parquet"))]:
            try:
                if path.exists():
                    yield parquet.read_table(path, schema=self._schema(), memory_map=False)
            except (OSError, pyarrow.ArrowException):
                continue  # cut off by a power failure: its files are examined again

    def _schema(self) -> pyarrow.Schema:
        import pyarrow

        kinds = {name: pyarrow.string() for name in ("path", "sha256", "status", "reason", "conclusion")}
        kinds["log10_lr"] = pyarrow.float64()
        for detector in self.record.detectors:
            kinds[f"{detector}.score"] = kinds[f"{detector}.log10_lr"] = pyarrow.float64()
        return pyarrow.schema(kinds.items(), metadata={KEY: json.dumps(self.record.as_dict())})

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Whatever ends this, rows that were added are kept."""
        self.flushed = time.monotonic()
        try:
            yield
        finally:
            self.flush()

    def add(self, row: Row) -> None:
        self.fresh.append(row)
        if len(self.fresh) >= FLUSH_ROWS or time.monotonic() - self.flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        import pyarrow

        if self.fresh:
            last = max((int(path.stem) for path in self.parts.glob("*.parquet")), default=0)
            table = pyarrow.Table.from_pylist(self.fresh, schema=self._schema())
            self._write(table, self.parts / f"{last + 1:08d}.parquet")
        self.fresh, self.flushed = [], time.monotonic()

    def merge(self, paths: list[str]) -> pyarrow.Table:
        """Write `out` with the rows of `paths`, in that order; the parts are then no longer needed."""
        import pyarrow

        table = pyarrow.concat_tables(self._tables())
        row_of = {path: i for i, path in enumerate(table["path"].to_pylist())}
        table = table.take([row_of[path] for path in paths])
        self._write(table, self.out)
        self.publish()
        shutil.rmtree(self.parts)
        return table

    def publish(self) -> None:
        """Called when `out` is whole and the parts are still there."""

    def _write(self, table: pyarrow.Table, target: Path) -> None:
        from pyarrow import parquet

        with self._writable(), at_once(target) as part:
            parquet.write_table(table, part)

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or str(error)
            kept = "finished rows are kept; mend that, and the same command goes on"
            raise Refusal(f"{self.name}: cannot be written ({why}); {kept}") from None


def differences(one: Mapping, other: Mapping, above: str = "") -> list[str]:
    """Names of the entries in which two nested records differ: ["weights.classifier", "calibration"]."""
    found = []
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{above}{name}.")
        elif a != b:
            found.append(f"{above}{name}")
    return found
