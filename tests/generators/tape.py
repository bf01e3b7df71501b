"""CUDA graphs without a GPU: operations noted on a tape, and done again, on the same memory, by `replay`.

As a CUDA graph does, recording computes nothing that outlives it, a replay repeats operations and not Python, draws
new random numbers, and reading a number out of a tensor while recording is an error.
"""

from __future__ import annotations

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

READS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)


class Tape(TorchDispatchMode):
    """Operations in their order: each with its arguments and the tensors it filled."""

    def __init__(self):
        super().__init__()
        self.done, self.made, self.before = [], set(), {}

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if op in READS:
            raise RuntimeError("operation not permitted when stream is capturing")
        for given, told in zip(args, op._schema.arguments, strict=False):
            if told.is_write and isinstance(given, torch.Tensor) and self.outer(given):
                self.before.setdefault(given.untyped_storage().data_ptr(), (given, given.clone()))
        out = op(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        if not any(told.is_write for told in op._schema.arguments):
            self.made |= {id(t.untyped_storage()) for t in tensors if not op.is_view}
        self.done.append((op, args, kwargs, tensors))
        return out

    def outer(self, tensor: torch.Tensor) -> bool:
        return id(tensor.untyped_storage()) not in self.made

    def replay(self) -> None:
        with torch.no_grad():
            for op, args, kwargs, kept in self.done:
                again = op(*args, **kwargs)
                fresh = [leaf for leaf in tree_leaves(again) if isinstance(leaf, torch.Tensor)]
                for old, new in zip(kept, fresh, strict=True):
                    if old.data_ptr() != new.data_ptr():
                        old.detach().copy_(new)


@contextmanager
def recording(tape: Tape, pool=None):
    rng = torch.get_rng_state()
    try:
        with tape:
            yield
    finally:
        torch.set_rng_state(rng)
        with torch.no_grad():
            for tensor, was in tape.before.values():
                tensor.copy_(was)


def in_place_of_graphs(monkeypatch) -> list[Tape]:
    """CPU tensors are recorded, on tapes; those that were begun."""
    begun: list[Tape] = []

    class Noted(Tape):
        def __init__(self):
            super().__init__()
            begun.append(self)

    monkeypatch.setattr("generators.replay.on_gpu", lambda x: True)
    monkeypatch.setattr("generators.replay.aside", lambda of, inputs, device: of(*inputs))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Noted)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    return begun
