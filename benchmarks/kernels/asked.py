"""What a run is asked for: where, how large, which sections, and for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches

from forensics.refusal import Refusal

SECTIONS = ("correctness", "ops", "networks", "training", "compile")  # in this order
SLOW = ("compile",)  # left out of the small mode unless named: torch.compile takes minutes on a CPU
SECONDS, SMALL_SECONDS = 0.25, 0.005  # a figure, about
MINUTES = 9.0  # a command has ten where this is to run


@dataclass(frozen=True)
class Asked:
    """`seconds`: about, a figure. `minutes`: after so many no row is begun. `commit`: of code without git."""

    device: str  # as torch calls it: cpu or cuda
    small: bool
    sections: tuple[str, ...]
    seconds: float
    minutes: float
    commit: str | None = None

    @property
    def gpu(self) -> bool:
        return self.device == "cuda"


def asked(
    device: str = "auto",
    small: bool = False,
    only: str | None = None,
    seconds: float | None = None,
    minutes: float = MINUTES,
    commit: str | None = None,
) -> Asked:
    """Options as they were typed → a run. On the CPU it is a small one. Raises Refusal for what can't be had."""
    for option, value in (("--seconds", seconds), ("--minutes", minutes)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise Refusal(f"{option} {value}: must be a number above 0")
    sections = None if only is None else chosen(only)
    where = device_named(device)
    small = small or where == "cpu"
    if sections is None:
        sections = tuple(name for name in SECTIONS if not (small and name in SLOW))
    return Asked(where, small, sections, seconds or (SMALL_SECONDS if small else SECONDS), minutes, commit)


def chosen(only: str) -> tuple[str, ...]:
    """ "networks, ops" → both, in the order in which they run."""
    names = tuple(filter(None, map(str.strip, only.split(","))))
    for name in names or ("",):
        if name not in SECTIONS:
            close = get_close_matches(name.lower(), SECTIONS, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise Refusal(f"--only {name}: must be some of {','.join(SECTIONS)}{meant}")
    return tuple(name for name in SECTIONS if name in names)


def device_named(name: str) -> str:
    """auto, cpu or cuda → what torch calls it. Raises Refusal when it is not there.

    As generators/training.py has it, whose imports (HEIC among them) a bare GPU machine need not have.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise Refusal(f"--device {name}: must be auto, cpu or cuda")
    if name == "cpu":
        return name
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise Refusal("--device cuda: torch sees no CUDA device here; use cpu or auto")
    return "cuda" if torch.cuda.is_available() else "cpu"
