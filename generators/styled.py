"""What style-based families share: a picture in two steps, z → w and w → picture, with w open to be changed.

Karras et al. 2019, section 2: the mapping network unfolds z to w, a space in which factors lie straighter; each
layer takes its w through an affine map of its own ("style"), so that layers can be given different ones.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from forensics.refusal import Refusal
from generators.family import Family
from generators.layers import Dense
from generators.mapping import nearer


class Style(NamedTuple):
    """The affine map at one layer: which row of w it reads, and its matrix (O, W)."""

    layer: int
    matrix: Tensor


class Styled(Family):
    """A family with w. All of these work on the averaged generator, in evaluation mode, noise inputs constant."""

    truncates = True

    @property
    @abstractmethod
    def layers(self) -> int:
        """How many layers take a w of their own."""

    @property
    @abstractmethod
    def styles(self) -> Sequence[Style]:
        """The affine maps of its convolutions, first layer first."""

    @property
    def width(self) -> int:
        """Numbers in one layer's w."""
        return self.styles[0].matrix.shape[1]

    @property
    def reach(self) -> int:
        """Layers that truncation reaches unless told: all."""
        return self.layers

    @property
    def mean_w(self) -> Tensor | None:
        """(W,): what truncation pulls towards; None where a network keeps none."""
        return getattr(self.average.mapping, "w_avg", None)

    @abstractmethod
    def to_w(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, Z), labels (N, K) if it is conditional → (N, layers, W).

        Raises Refusal for labels where there are no classes, and for none where there are.
        """

    @abstractmethod
    def paint(self, w: Tensor) -> Tensor:
        """(N, layers, W) → (N, C, H, W), about [-1, 1] but not bounded. Differentiable."""

    def from_w(self, w: Tensor) -> Tensor:
        """(N, layers, W) → (N, C, H, W) float in [-1, 1]."""
        return self.paint(w).float().clamp(-1, 1)

    def sample(self, z: Tensor, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        w = self.to_w(z, labels)
        if truncation != 1:
            if self.mean_w is None:
                raise Refusal(f"this {self.name} keeps no mean w to truncate towards; leave --truncation away")
            w = nearer(w, self.mean_w, truncation, self.reach)
        return self.from_w(w)


def style(layer: int, affine: Dense) -> Style:
    return Style(layer, affine.weight * affine.weight_gain)
