"""What decides a run: family, photos, length, seed. Saved with it, and read back to go on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from forensics.refusal import Refusal
from generators import snapshots

PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class Plan:
    """Everything that decides what a run computes, and how long it goes on."""

    family: str
    data: Path
    kimg: float  # thousands of photos shown in all
    preset: str | None = None  # None: the family's default
    seed: int = 0
    batch: int = 64
    precision: str = "fp32"
    snap: float = 20.0  # kimg between snapshots

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise Refusal(f"--precision {self.precision}: must be one of {', '.join(PRECISIONS)}")
        if self.batch < 2:
            raise Refusal(f"--batch {self.batch}: must be at least 2 (batch norm compares pictures)")
        for option, kimg in (("--kimg", self.kimg), ("--snap", self.snap)):
            if not (math.isfinite(kimg) and kimg > 0):
                raise Refusal(f"{option} {kimg}: must be a number above 0")


def plan_of(out: Path, kimg: float | None = None) -> Plan:
    """The plan of the run in a folder, for going on with it."""
    config = snapshots.read_config(out)
    keys = ("family", "preset", "seed", "batch", "precision", "snap")
    kimg = config["kimg"] if kimg is None else kimg
    return Plan(data=Path(config["data"]), kimg=kimg, **{key: config[key] for key in keys})
