"""Where jobs are done: by processes of this machine, or by the actors of a Ray cluster. The answers are the same."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import inf
from typing import TypeVar

from forensics.crew import PATIENCE, Crew
from forensics.ray_crew import RayCrew

Held = TypeVar("Held")


class Engine(StrEnum):
    LOCAL = "local"
    RAY = "ray"


def crew_of(
    engine: Engine, hold: Callable[[], Held], workers: int, patience: float = PATIENCE, memory: float = inf
) -> Crew[Held] | RayCrew[Held]:
    """Up to `workers` workers that hold what `hold` gives: `with crew_of(engine, load, workers) as crew`.

    Raises Refusal for less than one worker, and when Ray is wanted and not installed.
    """
    return (RayCrew if engine is Engine.RAY else Crew)(hold, workers, patience, memory)
