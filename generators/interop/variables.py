"""The variables of a network of TensorFlow, taken one by one and laid out as torch has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forensics.refusal import Refusal
from generators.interop.pickles import one_line

SIDES = tuple(2**power for power in range(3, 13))  # px


@dataclass
class Variables:
    """Options, and arrays by name. What was taken is noted, so that nothing is left without being noticed."""

    of: str
    options: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    taken: set[str] = field(default_factory=set)

    def take(self, name: str, dims: int | None = None) -> Tensor:
        """One variable, of as many dimensions. Raises Refusal where it is not there."""
        found = self.arrays.get(name)
        if found is None:
            raise Refusal(f"{self.of} has no variable {name}; get the file anew")
        if dims is not None and found.ndim != dims:
            raise Refusal(f"{self.of}: {name} is {found.shape}, not of {dims} dimensions; get the file anew")
        if found.dtype.kind != "f":
            raise Refusal(f"{self.of}: {name} is of {found.dtype}, not of real numbers; get the file anew")
        self.taken.add(name)
        return torch.from_numpy(np.array(found, np.float32, order="C"))  # a copy, in this machine's byte order

    def kernel(self, name: str, mirrored: bool = False, transposed: bool = False) -> Tensor:
        """(H, W, I, O) → (O, I, H, W); `mirrored`: in H and W; `transposed`: it lies as (H, W, O, I)."""
        found = self.take(name, 4).permute((2, 3, 0, 1) if transposed else (3, 2, 0, 1))
        return (found.flip(2, 3) if mirrored else found).contiguous()

    def matrix(self, name: str) -> Tensor:
        """(I, O) → (O, I)."""
        return self.take(name, 2).T.contiguous()

    def vector(self, name: str) -> Tensor:
        return self.take(name, 1)

    def number(self, name: str) -> float:
        return float(self.take(name, 0))

    def noise(self, name: str) -> Tensor:
        """(1, 1, H, W)."""
        found = self.take(name, 4)
        if found.shape[:2] != (1, 1):
            raise Refusal(f"{self.of}: {name} is {tuple(found.shape)}, not (1, 1, height, width); get the file anew")
        return found

    def resolution(self, end: str) -> int:
        """The largest R of variables "...RxR/`end`", px, every power of two from 8 to it being there."""
        sides = [side for side in SIDES if any(name.endswith(f"{side}x{side}/{end}") for name in self.arrays)]
        if not sides or sides != list(SIDES[: len(sides)]):
            raise Refusal(f"{self.of} has layers of {sides} px, not of every power of two from 8 to {SIDES[-1]}")
        return sides[-1]

    def done(self, *harmless: str) -> None:
        """Raises Refusal for a variable that was not taken and does not start so: the network is another one."""
        left = [name for name in self.arrays if name not in self.taken and not name.startswith(harmless)]
        if left:
            raise Refusal(f"{self.of} has variables that no network here has: {one_line(', '.join(left[:3]))}")
