"""One Adam a learner, at the pace that lazy phases need, with the scale that fp16 needs, replayed where that pays."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Adam as TorchAdam

from generators.family import Adam, Batch, Family, Outcome, Phase
from generators.precision import at_precision
from generators.replay import Replay


class Descent(TorchAdam):
    """Adam for one learner, and the scale that keeps its gradients in fp16's range (Micikevicius et al. 2018).

    A step whose gradients overflow is left out and halves the scale. The scale is 1 in other precisions.
    """

    def __init__(
        self,
        learner: nn.Module,
        adam: Adam,
        share: float = 1.0,
        precision: str = "fp32",
        graphs: bool = False,
    ):
        """`share`: of the learner's plain phases among all; it slows Adam down accordingly."""
        betas = (adam.beta1**share, adam.beta2**share)
        super().__init__(learner.parameters(), adam.lr * share, betas, adam.eps)
        self.learns, self.precision, self.graphs = list(learner.parameters()), precision, graphs
        self.scaler = GradScaler(self.learns[0].device.type, enabled=precision == "fp16")
        self.replays: dict[tuple[str, int], Replay] = {}  # by phase and rounds

    def learn(self, phase: Phase, batch: Batch, rounds: int = 1) -> Outcome:
        """Leave gradients of the phase's loss times its `every`, over `rounds`, in place of those before.

        With `graphs`, launches are recorded for each phase, and replayed. What comes back has no gradient.
        """

        def learnt(images: Tensor, labels: Tensor | None) -> tuple[Outcome, list[Tensor | None]]:
            self.zero_grad(set_to_none=True)
            with at_precision(self.precision, images.device):
                outcome = phase.loss(Batch(images, labels))
            self.scaler.scale(outcome.loss * phase.every / rounds).backward()
            measures = {name: value.detach() for name, value in outcome.measures.items()}
            return Outcome(outcome.loss.detach(), measures), [p.grad for p in self.learns]

        if not self.graphs:
            return learnt(batch.images, batch.labels)[0]
        replay = self.replays.setdefault((phase.name, rounds), Replay(learnt))
        outcome, gradients = replay(batch.images, batch.labels)
        for parameter, gradient in zip(self.learns, gradients, strict=True):
            parameter.grad = gradient
        return outcome

    def descend(self) -> None:
        if any(p.grad is not None for p in self.learns):  # else nothing to scale
            self.scaler.step(self)
            self.scaler.update()


def optimisers_of(
    family: Family,
    phases: Sequence[Phase],
    precision: str = "fp32",
    graphs: bool = False,
) -> dict[str, Descent]:
    """One Adam a learner. With lazy phases, its pace is corrected (Karras et al. 2020, appendix B).

    `graphs`: replay the launches of phases on a GPU, where the family's are always the same ones.
    """
    made: dict[str, Descent] = {}
    for phase in phases:
        lazy = max(other.every for other in phases if other.learner is phase.learner)
        share = lazy / (lazy + 1) if lazy > 1 else 1.0
        name = learner_name(family, phase.learner)
        if name not in made:
            adam = family.adam(phase.learner)
            made[name] = Descent(phase.learner, adam, share, precision, graphs and family.replayable)
    return made


def learner_name(family: Family, learner: nn.Module) -> str:
    return next(name for name, module in family.named_modules() if module is learner)
