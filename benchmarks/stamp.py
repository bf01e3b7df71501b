"""What a result was measured with: the same stamp, the same figures."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from forensics.crew import cores
from forensics.places import HOUSE

LIBRARIES = ("torch", "timm", "mediapipe", "opencv-contrib-python", "numpy", "pillow", "scikit-learn")


@dataclass(frozen=True)
class Stamp:
    """What must be the same for the same figures."""

    command: str
    date: str
    seed: int | None = None
    corpora: Mapping[str, str] = field(default_factory=dict)  # name → fingerprint
    weights: Mapping[str, str] = field(default_factory=dict)  # detector or "calibration" → sha256
    settings: Mapping[str, object] = field(default_factory=dict)
    commit: str | None = None
    device: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def now(
        cls,
        seed: int | None = None,
        corpora: Mapping[str, str] | None = None,
        weights: Mapping[str, str] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> Stamp:
        """The stamp of a run of this process, on this machine."""
        return cls(
            command=shlex.join([program(sys.argv[0]), *sys.argv[1:]]),
            date=datetime.now().astimezone().isoformat(timespec="seconds"),
            seed=seed,
            corpora=dict(corpora or {}),
            weights=dict(weights or {}),
            settings=dict(settings or {}),
            commit=commit(),
            device=device(),
            libraries=libraries(),
        )


def program(started: str) -> str:
    """The command as people type it, also when it was started as `python -m app.cli`."""
    return "forensics" if Path(started).name == "cli.py" else Path(started).name


def commit() -> str | None:
    """The commit of the code, with `+changes` where the working tree differs; None outside a repository."""
    try:
        at = ["git", "-C", str(HOUSE)]
        found = subprocess.run([*at, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        changed = subprocess.run([*at, "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    if found.returncode:
        return None
    return found.stdout.strip() + ("+changes" if changed.stdout.strip() else "")


def device() -> str:
    """The processor and how many cores this process may use."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {cores()} cores"


def libraries(names: Iterable[str] = LIBRARIES) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
