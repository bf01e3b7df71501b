"""A trained generator as a space: from seeds to latents, from latents to pictures, and what its latents are like."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from forensics.refusal import Refusal
from generators.latent.points import Point
from generators.styled import Styled, nearer
from generators.trained import Trained

DRAWN = 10_000  # latents that stand for all: the paper's number for the mean w (2020, appendix D)
AT_ONCE = 500


class Space:
    """z, (Z,), of every family; w, (layers, W), of style-based ones. All latents are float32.

    Pictures are made one by one, as `Trained.picture` makes them: the same w, the same bytes. `kind`: the class of
    the pictures, a column; None: each seed's own. Where a family has no w, what needs it raises Refusal.
    """

    def __init__(self, trained: Trained, kind: int | None = None):
        self.trained, self.family, self.kind = trained, trained.family, kind

    @property
    def has_w(self) -> bool:
        return isinstance(self.family, Styled)

    @property
    def styled(self) -> Styled:
        """The family. Raises Refusal for one without w."""
        if not isinstance(self.family, Styled):
            raise Refusal(f"{self.family.name} has no w; that is for style-based families (stylegan, stylegan2, ...)")
        return self.family

    def z(self, seed: int) -> Tensor:
        """(Z,)"""
        return self.trained.latent(seed)[0]

    def label(self, seed: int) -> Tensor | None:
        """(K,), one-hot; None where there are no classes."""
        row = self.trained.row(seed, self.kind)
        return None if row is None else row[0]

    def w(self, point: Point, truncation: float = 1.0) -> Tensor:
        """(layers, W). What was saved is taken as it is; `truncation` is of seeds.

        Raises Refusal for a saved w of another shape.
        """
        family = self.styled
        if point.w is not None:
            if tuple(point.w.shape) not in ((family.layers, family.width), (1, family.width)):
                theirs, ours = ("x".join(map(str, s)) for s in (point.w.shape, (family.layers, family.width)))
                raise Refusal(f"{point.name}: its w is {theirs}; {family.name} here takes {ours} (layers x numbers)")
            return point.w.to(family.device).expand(family.layers, -1).clone()
        w = self.trained.alone(
            lambda: family.to_w(self.trained.latent(point.seed), self.trained.row(point.seed, self.kind))
        )
        return (w if truncation == 1 else nearer(w, self.mean, truncation, family.reach))[0]

    @cached_property
    def mean(self) -> Tensor:
        """(W,): that of the network, or where it keeps none, of what was drawn."""
        kept = self.styled.mean_w
        return self.drawn.mean(0) if kept is None else kept.detach().float()

    @cached_property
    def drawn(self) -> Tensor:
        """(10000, W): w as this generator's own pictures have them, of one fixed seed; all classes, unless `kind`."""
        family, rng, classes = self.styled, torch.Generator().manual_seed(0), len(self.trained.classes)
        parts = []
        for _ in range(0, DRAWN, AT_ONCE):
            z, labels = family.draw(AT_ONCE, rng), None
            if classes:
                kinds = torch.randint(classes, (AT_ONCE,), generator=rng)
                labels = F.one_hot(kinds if self.kind is None else kinds.fill_(self.kind), classes).float()
            with torch.no_grad():
                given = None if labels is None else labels.to(family.device)
                parts.append(family.to_w(z.to(family.device), given)[:, 0].float())
        return torch.cat(parts)

    def of_w(self, w: Tensor) -> np.ndarray:
        """(layers, W) → (H, W, C) uint8."""
        return self.trained.drawn(lambda: self.styled.from_w(w[None]))

    def of_z(self, z: Tensor, label: Tensor | None = None, truncation: float = 1.0) -> np.ndarray:
        """(Z,), label (K,) or None → (H, W, C) uint8."""
        row = None if label is None else label[None]
        return self.trained.drawn(lambda: self.family.sample(z[None], row, truncation))
