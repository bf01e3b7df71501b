"""Training by several processes, started by `torchrun`: they join, sum gradients, measure and stop as one.

    torchrun --nproc-per-node 2 -m app.cli train dcgan --data DST --out RUN --kimg 500

Processes of several hosts must see the same --data and --out. Gradients are summed by one flat all_reduce a
phase, in float64. The wrapper DistributedDataParallel is not used: it sums inside backward() and does not support
torch.autograd.grad, which the gradient penalties (R1, path length) are made of.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from forensics.refusal import Refusal
from generators.ranks import in_order, world

PATIENCE = timedelta(hours=1)  # that others wait for one: decoding photos, a snapshot with its pictures


@contextmanager
def joined(device: str) -> Iterator[torch.device]:
    """Join the processes that `torchrun` started, if it did, for the time of the block. Yields the device.

    NCCL carries the sums on CUDA, one GPU a process; gloo on the CPU. Raises Refusal when a GPU is missing.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        yield torch.device(device)
        return
    where = torch.device(device)
    if where.type == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise Refusal(f"process {local} of this host has no GPU ({torch.cuda.device_count()} here); start fewer")
        where = torch.device("cuda", local)
        torch.cuda.set_device(where)
    distributed.init_process_group("nccl" if where.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield where
    finally:
        distributed.destroy_process_group()


def refuse_strangers(what: str, number: int, where: torch.device) -> None:
    """Raises Refusal, on all processes, unless all say the same number (below 2^53)."""
    said = {int(n.item()) for n in in_order(torch.tensor([number], dtype=torch.float64, device=where))}
    if len(said) > 1:
        raise Refusal(f"the processes do not see the same {what}; --data and --out must be the same on all hosts")


class GradientSums:
    """Sums of microbatches' gradients, over all processes.

    In float64, rounded once at the end: then neither the order of microbatches nor the number of processes
    shows, but for the rarest of ties. In float32 it would, and Adam without momentum makes much of little.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]):
        self.parameters = list(parameters)
        self.sums: list[Tensor | None] = [None] * len(self.parameters)

    @torch.no_grad()
    def take(self) -> None:
        """Move one microbatch's gradients here."""
        for number, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                came, before = parameter.grad.double(), self.sums[number]
                self.sums[number] = came if before is None else before.add_(came)
                parameter.grad = None

    @torch.no_grad()
    def give(self) -> None:
        """Make every gradient the sum. One that no microbatch had stays None."""
        if world() > 1:
            self.add_up()
        for parameter, total in zip(self.parameters, self.sums, strict=True):
            if total is not None:
                parameter.grad = torch.empty_like(parameter).copy_(total)

    def add_up(self) -> None:
        pairs = list(zip(self.parameters, self.sums, strict=True))
        has = torch.tensor([s is not None for _, s in pairs], dtype=torch.float64, device=pairs[0][0].device)
        pieces = [torch.zeros_like(p, dtype=torch.float64) if s is None else s for p, s in pairs]
        flat = torch.cat([*(piece.reshape(-1) for piece in pieces), has])
        distributed.all_reduce(flat)
        *sums, found = flat.split([*(p.numel() for p in self.parameters), len(pairs)])
        self.sums = [
            total.view(p.shape) if anyone else None
            for p, total, anyone in zip(self.parameters, sums, found.tolist(), strict=True)
        ]


def sum_measures(mine: Mapping[str, Tensor], stop: bool) -> tuple[dict[str, Tensor], bool]:
    """Scalars by name, the same names everywhere, summed over all processes; and whether any wants to stop."""
    if world() == 1:
        return dict(mine), stop
    values = [*(value.float() for value in mine.values())]
    flat = torch.stack([*values, torch.full_like(values[0], float(stop))])
    distributed.all_reduce(flat)
    return dict(zip(mine, flat, strict=False)), bool(flat[-1])


@contextmanager
def norms_in_order(module: nn.Module) -> Iterator[None]:
    """Batch norm's running statistics as if one process had seen the microbatches of all, in their order.

    k forward passes turn a statistic r into keep·r + came, with keep = (1 - momentum)^k: every process
    tells its `came`, and all apply them one after the other.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    norms = [m for m in norms if m.running_mean is not None and m.momentum is not None]
    if world() == 1 or not norms:
        yield
        return
    statistics = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    old = torch.cat(statistics)
    counts = [norm.num_batches_tracked.clone() for norm in norms]
    yield
    with torch.no_grad():
        passes = [norm.num_batches_tracked - count for norm, count in zip(norms, counts, strict=True)]
        keeps = [(1 - norm.momentum) ** n for norm, n in zip(norms, passes, strict=True)]
        keep = torch.cat([k.expand(2 * norm.num_features) for norm, k in zip(norms, keeps, strict=True)])
        now = old.clone()
        for came in in_order(torch.cat(statistics) - keep * old):
            now.mul_(keep).add_(came)
        for buffer, piece in zip(statistics, now.split([len(buffer) for buffer in statistics]), strict=True):
            buffer.copy_(piece)
        for norm, count, n in zip(norms, counts, passes, strict=True):
            norm.num_batches_tracked.copy_(count + n * world())
