"""Numbers of pictures, kept on disk: a file that grows by a record a picture, so that nothing is computed twice.

One file for each feature space (its name, and the hash of its weights). A record is 32 bytes, the SHA-256 of the
picture's key, and the picture's point as little-endian float32. A key says all that the picture depends on: the
hash of a photo's file and the size it is seen at, or the generator's hash and a seed. A record that was cut off, as
by Ctrl-C, is dropped when the file is opened again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.kept import kept_in


class FeatureRows:
    """Points of one space, by key. `told` is what the space is: its name, its weights' hash."""

    def __init__(self, folder: Path, what: str, told: Iterable[str], dims: int):
        """Raises Refusal where the file cannot be kept."""
        digest = hashlib.sha256("\n".join([what, *told, str(dims)]).encode()).hexdigest()[:16]
        self.path = folder / f"{what}-{digest}.rows"
        self.record = np.dtype([("key", "V32"), ("point", "<f4", (dims,))])
        with kept_in(folder, "features"):
            with self.path.open("ab") as file:
                whole = file.tell() // self.record.itemsize
                file.truncate(whole * self.record.itemsize)
            keys = self.read()["key"] if whole else ()
        self.numbers = {key.tobytes(): number for number, key in enumerate(keys)}
        self.stored = whole

    def __contains__(self, key: str) -> bool:
        return hashed(key) in self.numbers

    def add(self, keys: Sequence[str], points: np.ndarray) -> None:
        """Keep points, (N, D), by their keys; those that are kept already stay."""
        new = {key: number for number, key in enumerate(map(hashed, keys)) if key not in self.numbers}
        records = np.empty(len(new), self.record)
        records["key"] = [np.void(key) for key in new]
        records["point"] = np.asarray(points)[list(new.values())]
        with self.path.open("ab") as file:
            file.write(records.tobytes())
        self.numbers |= {key: self.stored + at for at, key in enumerate(new)}
        self.stored += len(new)

    def of(self, keys: Sequence[str]) -> np.ndarray:
        """The points of kept keys, (N, D) float32, in their order."""
        if not keys:
            return np.empty((0, *self.record["point"].shape), np.float32)
        return self.read()["point"][[self.numbers[hashed(key)] for key in keys]]

    def read(self) -> np.memmap:
        """All records, on disk."""
        return np.memmap(self.path, self.record, "r")

    def fill(
        self,
        keys: Sequence[str],
        make: Callable[[Sequence[str]], np.ndarray],
        at_once: int,
        watch: Callable[[int, int], None] = lambda done, total: None,
    ) -> np.ndarray:
        """The points of all keys; `make(keys) -> points` is asked for those that are missing, some at a time."""
        missing = [key for key in dict.fromkeys(keys) if key not in self]
        done = len(keys) - len(missing)
        watch(done, len(keys))
        for start in range(0, len(missing), at_once):
            part = missing[start : start + at_once]
            self.add(part, make(part))
            watch(done + start + len(part), len(keys))
        return self.of(keys)


def hashed(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
