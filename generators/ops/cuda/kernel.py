"""Placeholder until the launcher is written: no kernel can run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kernel:
    """A kernel: its file, its entry, and the registers that one thread may use."""

    file: str
    entry: str
    budget: int


def launch(kernel, like, defines, grid, block, args) -> None:
    raise RuntimeError("no launcher")


def available(like) -> bool:
    return False
