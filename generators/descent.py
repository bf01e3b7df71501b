"""One Adam a learner, at the pace that lazy phases need, with the scale that fp16 needs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.amp import GradScaler

from generators.family import Adam, Family, Phase


class Descent(torch.optim.Adam):
    """Adam for one learner, and the scale that keeps its gradients in fp16's range (Micikevicius et al. 2018).

    A step whose gradients overflow is left out and halves the scale. The scale is 1 in other precisions.
    """

    def __init__(self, learner: nn.Module, adam: Adam, share: float = 1.0, precision: str = "fp32"):
        """`share`: of the learner's plain phases among all; it slows Adam down accordingly."""
        betas = (adam.beta1**share, adam.beta2**share)
        super().__init__(learner.parameters(), adam.lr * share, betas, adam.eps)
        self.scaler = GradScaler(next(learner.parameters()).device.type, enabled=precision == "fp16")

    def descend(self) -> None:
        if any(p.grad is not None for group in self.param_groups for p in group["params"]):  # else nothing to scale
            self.scaler.step(self)
            self.scaler.update()


def optimisers_of(family: Family, phases: Sequence[Phase], precision: str = "fp32") -> dict[str, Descent]:
    """One Adam a learner. With lazy phases, its pace is corrected (Karras et al. 2020, appendix B)."""
    made: dict[str, Descent] = {}
    for phase in phases:
        lazy = max(other.every for other in phases if other.learner is phase.learner)
        share = lazy / (lazy + 1) if lazy > 1 else 1.0
        descent = Descent(phase.learner, family.adam(phase.learner), share, precision)
        made.setdefault(learner_name(family, phase.learner), descent)
    return made


def learner_name(family: Family, learner: nn.Module) -> str:
    return next(name for name, module in family.named_modules() if module is learner)
