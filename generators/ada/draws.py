"""The chances of the augmentation pipeline: which pictures an operation meets, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """Random numbers, float64, for `n` pictures, from torch's default CPU generator.

    Drawn on the CPU, whatever the device: one seed gives the same augmentations everywhere, and how far a
    picture must be padded is known without waiting for a GPU. `p`: chance of an operation, 0 to 1.
    `percentile` in (0, 1) replaces every number drawn by this point of its distribution, for tests. As in
    the published fixtures, that of a normal distribution is erfinv(2 q - 1), without the root of 2.
    """

    n: int
    p: float
    percentile: float | None = None

    def happens(self, strength: float) -> Tensor:
        """(N,) bool, true with chance p · strength."""
        return torch.rand(self.n) < self.p * strength

    def rotates(self, strength: float) -> Tensor:
        """(N,) bool; of two independent ones, at least one is true with chance p · strength."""
        return torch.rand(self.n) < 1 - max(1 - self.p * strength, 0.0) ** 0.5

    def uniform(self, *shape: int) -> Tensor:
        """(N, *shape) in [0, 1)."""
        if self.percentile is not None:
            return torch.full((self.n, *shape), self.percentile, dtype=torch.float64)
        return torch.rand(self.n, *shape).double()

    def normal(self, *shape: int) -> Tensor:
        """(N, *shape), standard normal."""
        if self.percentile is not None:
            return torch.erfinv(self.uniform(*shape) * 2 - 1)
        return torch.randn(self.n, *shape).double()

    def half_normal(self) -> Tensor:
        """(N,), the size of a standard normal."""
        return torch.erfinv(self.uniform()) if self.percentile is not None else self.normal().abs()

    def lognormal(self, std: float) -> Tensor:
        """(N,), 2 to the power of a normal of spread `std`."""
        return torch.exp2(self.normal() * std)
