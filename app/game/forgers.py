"""Generated faces for the game: a family's shipped weights and a seed. Loaded once a process; nobody's photos."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from forensics.refusal import Refusal

if TYPE_CHECKING:
    from generators.trained import Trained

ONE_AT_A_TIME = threading.Lock()  # sampling sets torch's number of threads


@cache
def families() -> tuple[str, ...]:
    """Names of all families whose weights are there, oldest first. Raises Refusal where there are none."""
    from forensics.places import GENERATOR_WEIGHTS
    from generators import FAMILIES

    found = tuple(f.name for f in FAMILIES if (GENERATOR_WEIGHTS / f"{f.name}.safetensors").exists())
    if not found:
        raise Refusal(f"{GENERATOR_WEIGHTS} holds no generator's weights; run `make weights`")
    return found


@cache
def trained(family: str) -> Trained:
    from generators.trained import load

    return load(family)


def side(family: str) -> int:
    """Of its pictures, px."""
    return trained(family).family.size[0]


def picture(family: str, seed: int) -> np.ndarray:
    """(side, side, 3) uint8, without a declaration: that would give it away. `forensics forge` writes one."""
    with ONE_AT_A_TIME:
        return trained(family).picture(seed)
