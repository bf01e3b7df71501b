"""What decides a run: family, photos, length, seed. Saved as its config.json, and read back to go on."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from forensics import __version__
from forensics.refusal import Refusal
from forensics.saving import write_at_once
from generators import snapshots
from generators.ranks import world

PRECISIONS = ("fp32", "bf16", "fp16")
METRICS = ("fid-like",)
PHOTOS = "photos.npy"  # decoded photos, where they are too many for memory


@dataclass(frozen=True)
class Plan:
    """Everything that decides what a run computes, and how long it goes on."""

    family: str
    data: Path
    kimg: float  # thousands of photos shown in all
    preset: str | None = None  # None: the family's default
    seed: int = 0
    batch: int = 64  # photos a step
    precision: str = "fp32"
    snap: float = 20.0  # kimg between snapshots
    microbatch: int | None = None  # photos at a time, of which a step takes several; None: the whole batch
    cond: bool | None = None  # learn the photos' classes; None: they must have none
    start: Path | None = None  # weights to start from, of another training
    metric: str | None = None  # measured at every snapshot
    changes: tuple[str, ...] = ()  # of the preset's settings, NAME=VALUE each
    settings: Mapping[str, Any] | None = None  # instead of the preset's: of the run that goes on, or of `start`
    start_sha256: str | None = None  # of the file in `start`, where it need not be there any more

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise Refusal(f"--precision {self.precision}: must be one of {', '.join(PRECISIONS)}")
        if self.metric not in (None, *METRICS):
            raise Refusal(f"--metric {self.metric}: must be {', '.join(METRICS)}, or left away")
        if self.batch < 2:
            raise Refusal(f"--batch {self.batch}: must be at least 2 (batch norm compares pictures)")
        if self.each < 2 or self.batch % self.each:
            raise Refusal(f"--microbatch {self.each}: must be at least 2 and divide --batch {self.batch}")
        for option, kimg in (("--kimg", self.kimg), ("--snap", self.snap)):
            if not (math.isfinite(kimg) and kimg > 0):
                raise Refusal(f"{option} {kimg}: must be a number above 0")

    @property
    def each(self) -> int:
        """Photos of a microbatch, the unit of a forward pass and of its randomness."""
        return self.batch if self.microbatch is None else self.microbatch

    @property
    def rounds(self) -> int:
        """Microbatches of a step, over all processes."""
        return self.batch // self.each

    def check_divides(self) -> None:
        """Raises Refusal when the processes that train together would not have equal work."""
        if self.rounds % world():
            raise Refusal(
                f"--batch {self.batch} is {self.rounds} microbatches of {self.each}, for {world()} processes; all "
                f"must have as many: give --microbatch, e.g. {max(2, self.batch // world())}"
            )


def plan_of(out: Path, kimg: float | None = None) -> Plan:
    """The plan of the run in a folder, for going on with it. Raises Refusal where the folder does not tell."""
    config = snapshots.read_config(out)
    keys = ("family", "preset", "seed", "batch", "precision", "snap")
    newer = {key: config.get(key) for key in ("microbatch", "cond", "metric")}
    start = config.get("start_file") or config.get("start")  # older runs have no start_file
    try:
        return Plan(
            data=Path(config["data"]),
            kimg=config["kimg"] if kimg is None else kimg,
            start=Path(start) if start else None,
            start_sha256=config.get("start") if config.get("start_file") else None,
            changes=tuple(config.get("changes", ())),
            settings=config["config"],
            **{key: config[key] for key in keys},
            **newer,
        )
    except (KeyError, TypeError) as error:
        raise Refusal(f"{out / 'config.json'} is not as `forensics train` wrote it ({error})") from None


def check_free(out: Path) -> None:
    """Raises Refusal when a folder holds something that is no run."""
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    others = {name for name in names if not name.endswith((PHOTOS, ".part"))}
    if others and "config.json" not in others:
        raise Refusal(f"{out} is not empty and no training run; choose a new folder")


def check_same(out: Path, resolved: Mapping[str, Any]) -> dict[str, Any]:
    """What the run in `out` was started with, {} where there is none. Raises Refusal where it is another run."""
    if not (out / "config.json").exists():
        return {}
    before = snapshots.read_config(out)
    resolved = json.loads(json.dumps(resolved))  # as it is read back: lists for tuples
    older = {"microbatch": before.get("batch"), "cond": None, "start": None}  # older runs did not say these
    if "start_file" not in before:
        before["start"] = resolved.get("start")  # nor the hash of what they started from
    before = {**older, **before}
    odd = [change for key in resolved for change in changes_of(key, before.get(key), resolved[key])]
    if odd:
        raise Refusal(f"{out} holds a run with other settings ({'; '.join(odd)}); choose another --out")
    return before


def changes_of(key: str, before: Any, now: Any) -> list[str]:
    """ "lr was 0.1" for what differs; within a config, each setting for itself, those that it had."""
    if before == now:
        return []
    if isinstance(before, dict) and isinstance(now, dict):
        return [f"{name} was {before[name]!r}" for name in now if name in before and before[name] != now[name]]
    return [f"{key} was {before!r}"]


def settle_config(out: Path, resolved: dict[str, Any], told: dict[str, Any], plan: Plan) -> list[str]:
    """Write config.json, or check that the run in `out` is the same. Only its length may change.

    Returns what else is different this time, and makes the last digits differ: device, threads, versions.
    """
    versions = {"python": platform.python_version(), "torch": torch.__version__, "forensics": __version__}
    ours = {
        "data": str(plan.data.resolve()),
        "start_file": str(plan.start.resolve()) if plan.start else None,
        "kimg": plan.kimg,
        "snap": plan.snap,
        "metric": plan.metric,
        "changes": list(plan.changes),
        "processes": world(),
        "versions": versions,
    }
    told, before = {**resolved, **told, **ours}, check_same(out, resolved)
    write_at_once(out / "config.json", json.dumps({**told, "time": time.strftime("%F")}, indent=1))
    return [
        f"{key}: {before[key]} before, {told[key]} now: not the same to the last bit"
        for key in ("device", "threads", "processes", "versions")
        if key in before and before[key] != told[key]
    ]
