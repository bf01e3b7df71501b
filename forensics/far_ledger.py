"""The rows of a scan whose result goes to an address: kept on this machine until the whole is there.

Part files, lock and record lie in a folder of this machine, named after the address, so `kill -9` costs as little
as it does for a file. At the end the finished Parquet file is put to the address at once; only then are the parts
deleted. An earlier result there is fetched first and taken up.

The lock holds for this machine. A scan elsewhere that wrote the same result meanwhile is noticed before the end,
and nothing of it is replaced.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from forensics.far import Far
from forensics.ledger import Ledger
from forensics.refusal import Refusal


@dataclass
class FarLedger(Ledger):
    """`out` is a copy on this machine, there while the scan runs."""

    far: Far | None = None
    stamp: str | None = None  # of what lay at the address when the scan began

    @classmethod
    def at(cls, far: Far, parts: Path | None) -> FarLedger:
        """`parts`: the folder of this machine in which rows are kept; by default in the user's cache."""
        own = hashlib.sha256(far.url.encode("utf-8", "backslashreplace")).hexdigest()[:16]
        return cls((parts or cache()) / own / far.name, far=far)

    @property
    def name(self) -> str:
        return str(self.far)

    @contextmanager
    def locked(self) -> Iterator[None]:
        try:
            with super().locked():
                self.far.probe()
                self.stamp = self.far.stamp()
                self.out.unlink(missing_ok=True)  # a copy; its rows are in the parts
                if self.stamp:
                    self.far.fetch(self.out)
                try:
                    yield
                finally:
                    self.out.unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # rows are kept in it
                self.out.parent.rmdir()

    def publish(self) -> None:
        if self.far.stamp() != self.stamp:
            raise Refusal(f"{self.name}: another scan wrote it meanwhile; rows are kept, the same command goes on")
        try:
            self.far.put(self.out)
        except Refusal as refusal:
            raise Refusal(f"{refusal}; all rows are kept in {self.parts}, the same command goes on") from None


def cache() -> Path:
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "deepfake-forensics" / "scans"
