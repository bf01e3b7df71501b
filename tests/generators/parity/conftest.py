"""Published numbers of StyleGAN2, beside the project; without them these tests skip loudly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor


@dataclass(frozen=True)
class Published:
    """A folder of `STEM.npz` arrays with `STEM.json` beside each."""

    folder: Path

    def told(self, stem: str) -> dict[str, Any]:
        return json.loads((self.folder / f"{stem}.json").read_text(encoding="utf-8"))

    def arrays(self, stem: str, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        """All arrays of a file, by name; floats in `dtype` if given."""
        with np.load(self.folder / f"{stem}.npz", allow_pickle=False) as file:
            found = {name: torch.from_numpy(np.array(file[name])) for name in file.files}
        return {n: t.to(dtype) if dtype and t.is_floating_point() else t for n, t in found.items()}


@dataclass
class Ledger:
    """What was compared, and how far off it was: relative L2, or absolute where the truth is nothing."""

    errors: dict[str, float] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)

    def same(self, name: str, ours: Tensor, truth: Tensor, within: float) -> None:
        ours, truth = ours.detach().double(), truth.detach().double()
        assert ours.shape == truth.shape, f"{name}: {tuple(ours.shape)}, not {tuple(truth.shape)}"
        error = float((ours - truth).norm() / (truth.norm() or 1.0))
        self.errors[name], self.bounds[name] = error, within
        assert error <= within, f"{name}: off by {error:.2e}, more than {within:.0e}"  # NaN fails as well

    @property
    def worst(self) -> str:
        """For each bound, what came nearest to it."""
        told = []
        for bound in sorted(set(self.bounds.values())):
            names = [name for name in self.errors if self.bounds[name] == bound]
            name = max(names, key=self.errors.__getitem__)
            told.append(f"within {bound:.0e}: {self.errors[name]:.1e} ({name}, worst of {len(names)})")
        return "; ".join(told)


@pytest.fixture(scope="session")
def published(shared: Path) -> Published:
    folder = shared / "parity"
    if not (folder / "index.json").exists():
        pytest.skip(f"published numbers not found at {folder}: this check did NOT run")
    return Published(folder)


@pytest.fixture
def ledger(record_property) -> Iterator[Ledger]:
    """Fails a test that compared nothing; the worst error goes to --junitxml."""
    kept = Ledger()
    yield kept
    assert kept.errors, "nothing was compared"
    record_property("worst", kept.worst)
